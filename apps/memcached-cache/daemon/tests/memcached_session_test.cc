// SPDX-License-Identifier: Apache-2.0
// MemcachedSession against a real memcached and against peers that misbehave.
#include "apps/memcached-cache/daemon/memcached_session.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>

#include "apps/memcached-cache/daemon/monotonic_time.h"
#include "apps/memcached-cache/daemon/tests/hostile_server.h"
#include "apps/memcached-cache/daemon/tests/memcached_process.h"

namespace bmc::cache::test {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;

// What happened to a session, in order.
struct Story {
  int ups = 0;
  std::vector<Error> downs;
  std::vector<Error> failures;

  MemcachedSession::Events events() {
    return {[this] { ups++; }, [this](Error error) { downs.push_back(error); },
            [this](Error error) { failures.push_back(error); }};
  }
};

TEST(MemcachedSession, PipelinedRequestsAreAnsweredInOrder) {
  MemcachedProcess memcached;
  const Fd client = connect_to(memcached.port());
  ASSERT_EQ(ask(client.get(), "set a 0 100 1\r\nx\r\nset b 0 0 1\r\nx\r\n", "STORED\r\nSTORED\r\n"),
            "STORED\r\nSTORED\r\n");
  asio::io_context loop;
  Story story;
  MemcachedSession session(loop, memcached.endpoint(), story.events());
  session.start();
  ASSERT_TRUE(run_until(loop, [&] { return session.up(); }));
  std::vector<std::string> lines;
  const auto line = [&lines](Result<Answer> answer) {
    ASSERT_TRUE(answer) << answer.error().what;
    EXPECT_LE(answer->sent_ns, answer->received_ns);
    lines.push_back(answer->reply.line);
  };
  std::string pid;
  session.meta_debug("a", line);
  session.meta_debug("b", line);
  session.meta_debug("nobody", line);
  session.stats("", [&](Result<Answer> answer) { pid = answer->reply.stats.at("pid"); });
  session.stats("nonsense", line);
  session.version(line);
  EXPECT_EQ(session.outstanding(), 6u);
  ASSERT_TRUE(run_until(loop, [&] { return lines.size() == 5; }));
  EXPECT_EQ(pid, std::to_string(memcached.pid()));
  EXPECT_EQ(parse_meta_reply(lines[0], "a")->exp, -100);
  EXPECT_EQ(parse_meta_reply(lines[1], "b")->exp, -1);
  EXPECT_EQ(lines[2], "EN");
  EXPECT_EQ(lines[4], "VERSION 1.6.18");
  EXPECT_EQ(session.outstanding(), 0u);
  EXPECT_EQ(story.ups, 1);
  EXPECT_TRUE(story.downs.empty());
}

TEST(MemcachedSession, ALoopThatWasHeldUpConnectsAllTheSame) {
  MemcachedProcess memcached;
  asio::io_context loop;
  Story story;
  MemcachedSession session(loop, memcached.endpoint(), story.events(), {.connect = milliseconds(20)});
  session.start();
  const std::uint64_t later = monotonic_ns() + 100 * kMillisecondNs;
  while (monotonic_ns() < later) std::this_thread::yield();
  ASSERT_TRUE(run_until(loop, [&] { return session.up(); }));
  std::string line;
  session.version([&](Result<Answer> answer) { line = answer ? answer->reply.line : answer.error().what; });
  ASSERT_TRUE(run_until(loop, [&] { return !line.empty(); }));
  EXPECT_EQ(line, "VERSION 1.6.18");
  EXPECT_EQ(story.ups, 1);
  EXPECT_TRUE(story.failures.empty());
}

TEST(MemcachedSession, EndOfMemcachedIsTold_AndTheNextOneIsFound) {
  auto memcached = std::make_unique<MemcachedProcess>();
  const std::uint16_t port = memcached->port();
  asio::io_context loop;
  Story story;
  MemcachedSession session(loop, memcached->endpoint(), story.events());
  session.start();
  ASSERT_TRUE(run_until(loop, [&] { return story.ups == 1; }));
  memcached->stop();
  int told = 0;
  session.version([&](Result<Answer> answer) {
    EXPECT_FALSE(answer);
    EXPECT_TRUE(story.downs.empty());
    told++;
  });
  memcached->kill();
  ASSERT_TRUE(run_until(loop, [&] { return story.downs.size() == 1; }));
  EXPECT_EQ(told, 1);
  ASSERT_TRUE(run_until(loop, [&] { return !story.failures.empty(); }));
  EXPECT_EQ(story.failures[0].code, ECONNREFUSED);
  int refused = 0;
  session.version([&](Result<Answer> answer) { refused = answer.error().code; });
  ASSERT_TRUE(run_until(loop, [&] { return refused != 0; }));
  EXPECT_EQ(refused, ENOTCONN);
  memcached = std::make_unique<MemcachedProcess>(std::vector<std::string>{}, port);
  ASSERT_TRUE(run_until(loop, [&] { return story.ups == 2; }));
}

TEST(MemcachedSession, AStoppedMemcachedIsGivenUpAfterTheLimit) {
  MemcachedProcess memcached;
  asio::io_context loop;
  Story story;
  SessionTiming timing;
  timing.reply = milliseconds(150);
  MemcachedSession session(loop, memcached.endpoint(), story.events(), timing);
  session.start();
  ASSERT_TRUE(run_until(loop, [&] { return story.ups == 1; }));
  memcached.stop();
  const std::uint64_t asked = monotonic_ns();
  session.version([](Result<Answer> answer) { EXPECT_FALSE(answer); });
  ASSERT_TRUE(run_until(loop, [&] { return story.downs.size() == 1; }));
  EXPECT_GE(monotonic_ns() - asked, 150 * kMillisecondNs);
  EXPECT_EQ(story.downs[0].code, ETIMEDOUT);
}

struct Misbehaviour {
  const char* name;
  std::string says;
  bool closes;
  int code;
};

class MisbehavingServer : public testing::TestWithParam<Misbehaviour> {};

TEST_P(MisbehavingServer, EndsTheConnectionAndIsTriedAgain) {
  asio::io_context loop;
  HostileServer server(loop, GetParam().says, GetParam().closes);
  Story story;
  SessionTiming timing;
  timing.reply = milliseconds(200);
  timing.backoff_first = milliseconds(1);
  MemcachedSession* asked = nullptr;
  std::vector<int> answers;
  MemcachedSession::Events events = story.events();
  events.up = [&] {
    asked->stats("", [&](Result<Answer> answer) { answers.push_back(answer ? 0 : answer.error().code); });
  };
  MemcachedSession session(loop, server.endpoint(), events, timing);
  asked = &session;
  session.start();
  ASSERT_TRUE(run_until(loop, [&] { return story.downs.size() >= 2; }));
  EXPECT_EQ(story.downs[0].code, GetParam().code) << story.downs[0].what;
  EXPECT_EQ(answers[0], GetParam().code);
  EXPECT_GE(server.accepted(), 2);
}

INSTANTIATE_TEST_SUITE_P(All, MisbehavingServer,
                         testing::Values(Misbehaviour{"Garbage", "\x01\x02garbage\xff\r\n", false, EPROTO},
                                         Misbehaviour{"HalfLine", "STAT pid 4", false, ETIMEDOUT},
                                         Misbehaviour{"HalfLineAndClose", "STAT pid 4", true, ECONNRESET},
                                         Misbehaviour{"EndlessLine", std::string(100'000, 'x'), false,
                                                      EMSGSIZE},
                                         Misbehaviour{"NoCarriageReturn", "STAT pid 4\nEND\n", false, EPROTO},
                                         Misbehaviour{"ClosesAtOnce", "", true, ECONNRESET},
                                         Misbehaviour{"Silent", "", false, ETIMEDOUT}),
                         [](const auto& tested) { return tested.param.name; });

TEST(MemcachedSession, BytesNobodyAskedForEndTheConnection) {
  asio::io_context loop;
  HostileServer server(loop, "VALUE a 0 1\r\nx\r\nEND\r\n", false);
  Story story;
  MemcachedSession session(loop, server.endpoint(), story.events());
  session.start();
  ASSERT_TRUE(run_until(loop, [&] { return !story.downs.empty(); }));
  EXPECT_EQ(story.downs[0].code, EPROTO);
}

TEST(MemcachedSession, AHandlerMayStopTheSession) {
  MemcachedProcess memcached;
  asio::io_context loop;
  Story story;
  MemcachedSession session(loop, memcached.endpoint(), story.events());
  session.start();
  ASSERT_TRUE(run_until(loop, [&] { return session.up(); }));
  int answers = 0;
  for (int i = 0; i < 3; i++) {
    session.version([&](Result<Answer>) {
      answers++;
      session.stop();
    });
  }
  ASSERT_TRUE(run_until(loop, [&] { return answers == 1; }));
  EXPECT_FALSE(session.up());
  loop.restart();
  loop.run();  // returns: nothing is left on the loop
  EXPECT_EQ(answers, 1);
  EXPECT_TRUE(story.downs.empty());
}

}  // namespace
}  // namespace bmc::cache::test
