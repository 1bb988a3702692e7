// SPDX-License-Identifier: Apache-2.0
// The server over real sockets: pipelining, limits, hostile clients, failures, shutdown.
#include "apps/paxos/kv/server/server.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "apps/paxos/kv/server/connection.h"
#include "apps/paxos/kv/tests/local_server.h"

namespace bmc::kv {
namespace {

using test::ask;
using test::connect_to;
using test::eventually;
using test::LocalServer;
using test::receive;
using test::send_all;

class ServerTest : public testing::Test {
 protected:
  // Two requests one behind the other, with the answers of both.
  static bool is_usable(int socket) {
    return ask(socket, "set usable 0 0 1\r\n1\r\n") == "STORED\r\n" &&
           ask(socket, "incr usable 1\r\n") == "2\r\n";
  }

  std::size_t connections() {
    std::size_t number = 0;
    server.on_loop([&] { number = server.server().connections(); });
    return number;
  }

  std::size_t buffer_bytes() {
    std::size_t bytes = 0;
    server.on_loop([&] { bytes = server.server().buffer_bytes(); });
    return bytes;
  }

  LocalServer server;
};

TEST_F(ServerTest, ASession) {
  const Fd client = connect_to(server.port());
  EXPECT_EQ(ask(client.get(), "set a 0 0 2\r\nhi\r\n"), "STORED\r\n");
  EXPECT_EQ(ask(client.get(), "gets a\r\n", "END\r\n"), "VALUE a 0 2 1\r\nhi\r\nEND\r\n");
  EXPECT_EQ(ask(client.get(), "quit\r\n", ""), "");
  EXPECT_TRUE(eventually([&] { return connections() == 0; }));
}

TEST_F(ServerTest, PipelinedRequestsAreAnsweredInOrderAndTogether) {
  const Fd client = connect_to(server.port());
  server.on_loop([&] { server.backend().close(); });
  send_all(client.get(), "get before\r\n");
  ASSERT_TRUE(eventually([&] { return server.backend().waiting == 1; }));
  std::string text, wanted = "END\r\n";
  for (int i = 0; i < 500; ++i) {
    text += "incr n 1\r\nset n 0 0 1\r\n" + std::to_string(i % 10) + "\r\nfoo\r\nget n\r\n";
    wanted += i == 0 ? "NOT_FOUND\r\n" : std::to_string((i - 1) % 10 + 1) + "\r\n";
    wanted += "STORED\r\nERROR\r\nVALUE n 0 1\r\n" + std::to_string(i % 10) + "\r\nEND\r\n";
  }
  send_all(client.get(), text);
  server.on_loop([&] { server.backend().open(); });
  EXPECT_EQ(receive(client.get(), "", wanted.size()), wanted);
  EXPECT_LT(server.backend().calls, 100);  // 2000 requests
}

TEST_F(ServerTest, ReadsAreReadsAndOthersAreCalls) {
  const Fd client = connect_to(server.port());
  ask(client.get(), "get a b c\r\n", "END\r\n");
  EXPECT_EQ(server.backend().reads, 1);
  EXPECT_EQ(server.backend().calls, 0);
  ask(client.get(), "gat 0 a\r\n", "END\r\n");
  EXPECT_EQ(server.backend().calls, 1);
  ask(client.get(), "version\r\n");
  EXPECT_EQ(server.backend().reads + server.backend().calls, 2);
}

TEST_F(ServerTest, OneByteAtATime) {
  const Fd client = connect_to(server.port());
  for (const char c : std::string("set a 0 0 3\r\nx\r\n\r\nget a\r\n"))
    send_all(client.get(), std::string(1, c));
  EXPECT_EQ(receive(client.get(), "END\r\n"), "STORED\r\nVALUE a 0 3\r\nx\r\n\r\nEND\r\n");
}

TEST_F(ServerTest, TheLargestValueAndOneByteMore) {
  const Fd client = connect_to(server.port());
  const std::string value(kValueBytesMax, 'v');
  EXPECT_EQ(ask(client.get(), "set a 0 0 1048576\r\n" + value + "\r\n"), "STORED\r\n");
  EXPECT_EQ(ask(client.get(), "get a\r\n", "END\r\n"), "VALUE a 0 1048576\r\n" + value + "\r\nEND\r\n");
  EXPECT_EQ(ask(client.get(), "set a 0 0 1048577\r\n" + value + "x\r\n"),
            "SERVER_ERROR object too large for cache\r\n");
  EXPECT_TRUE(is_usable(client.get()));
  EXPECT_TRUE(eventually([&] { return buffer_bytes() == 0; }));
}

TEST_F(ServerTest, NoEndOfLineInSight) {
  const Fd client = connect_to(server.port());
  EXPECT_EQ(ask(client.get(), std::string(kLineBytesMax + 1, 'x'), ""), "CLIENT_ERROR line too long\r\n");
  EXPECT_TRUE(eventually([&] { return connections() == 0; }));
}

TEST_F(ServerTest, AClientThatGoesInTheMiddleLeavesNothing) {
  for (const char* text : {"", "get", "set a 0 0 100\r\nabc", "set a 0 0 5000000\r\nabc", "get a\r\n"}) {
    Fd client = connect_to(server.port());
    send_all(client.get(), text);
    client.reset();
  }
  EXPECT_TRUE(eventually([&] { return connections() == 0; }));
  EXPECT_EQ(buffer_bytes(), 0u);
  EXPECT_TRUE(is_usable(connect_to(server.port()).get()));
}

TEST_F(ServerTest, AnswersBeforeTheClientHalfCloses) {
  const Fd client = connect_to(server.port());
  send_all(client.get(), "set a 0 0 1\r\n1\r\nget a\r\n");
  ::shutdown(client.get(), SHUT_WR);
  EXPECT_EQ(receive(client.get(), ""), "STORED\r\nVALUE a 0 1\r\n1\r\nEND\r\n");
}

TEST_F(ServerTest, FailuresAreToldAndTheConnectionStays) {
  const Fd client = connect_to(server.port());
  server.backend().fail_with(paxos::Error{paxos::ErrorCode::unknown_outcome, "no answer in 5 s"});
  EXPECT_EQ(ask(client.get(), "set a 0 0 1\r\n1\r\n"), "SERVER_ERROR outcome unknown: no answer in 5 s\r\n");
  server.backend().fail_with(paxos::Error{paxos::ErrorCode::timed_out, "no answer in 5 s"});
  EXPECT_EQ(ask(client.get(), "get a\r\n"), "SERVER_ERROR no answer: no answer in 5 s\r\n");
  server.backend().fail_with(paxos::Error{paxos::ErrorCode::busy, "too much"});
  EXPECT_EQ(ask(client.get(), "set a 0 0 1 noreply\r\n1\r\ndelete a\r\n"),
            "SERVER_ERROR nothing was done: too much\r\n");
  server.backend().fail_with(std::nullopt);
  EXPECT_TRUE(is_usable(client.get()));
}

TEST_F(ServerTest, Statistics) {
  const Fd client = connect_to(server.port());
  ask(client.get(), "get a\r\n", "END\r\n");
  const std::string all = ask(client.get(), "stats\r\n", "END\r\n");
  for (const char* line : {"STAT curr_items 1\r\n", "STAT cmd_get 1\r\n", "STAT get_misses 1\r\n",
                           "STAT curr_connections 1\r\n", "STAT paxos_view 1\r\n"})
    EXPECT_NE(all.find(line), std::string::npos) << line << all;
  EXPECT_EQ(ask(client.get(), "stats settings\r\n", "END\r\n"), "STAT maxbytes 1\r\nEND\r\n");
  EXPECT_EQ(ask(client.get(), "stats paxos\r\n", "END\r\n"), "STAT paxos_view 1\r\nEND\r\n");
  EXPECT_EQ(ask(client.get(), "stats items\r\n", "END\r\n"), "END\r\n");
  EXPECT_EQ(ask(client.get(), "stats nonsense\r\n"), "ERROR\r\n");
  EXPECT_EQ(ask(client.get(), "stats reset\r\n"), "RESET\r\n");
  EXPECT_NE(ask(client.get(), "stats\r\n", "END\r\n").find("STAT cmd_get 0\r\n"), std::string::npos);
}

TEST_F(ServerTest, StopAnswersWhatIsUnderWay) {
  const Fd busy = connect_to(server.port()), idle = connect_to(server.port());
  ASSERT_TRUE(eventually([&] { return connections() == 2; }));
  server.on_loop([&] { server.backend().close(); });
  send_all(busy.get(), "set a 0 0 1\r\n1\r\n");
  ASSERT_TRUE(eventually([&] { return server.backend().waiting == 1; }));
  bool stopped = false;
  server.on_loop([&] { server.server().stop([&] { stopped = true; }); });
  EXPECT_EQ(receive(idle.get(), ""), "");  // closed at once
  server.on_loop([&] { EXPECT_FALSE(stopped); });
  server.on_loop([&] { server.backend().open(); });
  EXPECT_EQ(receive(busy.get(), ""), "STORED\r\n");
  EXPECT_TRUE(eventually([&] {
    bool now = false;
    server.on_loop([&] { now = stopped; });
    return now;
  }));
}

TEST_F(ServerTest, APortInUseIsTold) {
  boost::asio::io_context loop;
  ServerOptions options;
  options.listen = {boost::asio::ip::make_address("127.0.0.1"), server.port()};
  Server second(loop, options, server.backend(), {});
  const auto listening = second.listen();
  ASSERT_FALSE(listening);
  EXPECT_EQ(listening.error().code, EADDRINUSE);
  EXPECT_NE(listening.error().what.find("--listen"), std::string::npos) << listening.error().what;
}

ServerOptions with_limits(std::size_t connections_max, std::size_t buffer_bytes_max) {
  ServerOptions options;
  options.connections_max = connections_max;
  options.buffer_bytes_max = buffer_bytes_max;
  return options;
}

TEST(ServerLimitsTest, ConnectionsBeyondTheLimitAreToldAndClosed) {
  LocalServer server(with_limits(2, 1 << 20));
  const Fd one = connect_to(server.port()), two = connect_to(server.port());
  EXPECT_EQ(ask(one.get(), "version\r\n"), "VERSION 1.6.18-paxos-kv-" BMC_VERSION "\r\n");
  EXPECT_EQ(ask(two.get(), "version\r\n"), "VERSION 1.6.18-paxos-kv-" BMC_VERSION "\r\n");
  const Fd three = connect_to(server.port());
  EXPECT_EQ(receive(three.get(), ""),
            "SERVER_ERROR too many open connections; the limit is 2 (--connections)\r\n");
  ask(two.get(), "quit\r\n", "");
  EXPECT_TRUE(eventually([&] {
    const Fd again = connect_to(server.port());
    return ask(again.get(), "version\r\n") == "VERSION 1.6.18-paxos-kv-" BMC_VERSION "\r\n";
  }));
}

TEST(ServerLimitsTest, BuffersAreLimitedOverAllConnections) {
  LocalServer server(with_limits(100, 256 * 1024));
  const Fd small = connect_to(server.port()), large = connect_to(server.port());
  EXPECT_EQ(ask(large.get(), "set a 0 0 200000\r\n" + std::string(200'000, 'v') + "\r\n"), "STORED\r\n");
  // Fills up most of the budget, and does not come to its end.
  send_all(large.get(), "set a 0 0 250000\r\n" + std::string(240'000, 'v'));
  const auto used = [&] {
    std::size_t bytes = 0;
    server.on_loop([&] { bytes = server.server().buffer_bytes(); });
    return bytes;
  };
  ASSERT_TRUE(eventually([&] { return used() > 200'000; }));
  EXPECT_EQ(ask(small.get(), "set b 0 0 10\r\n0123456789\r\n"), "STORED\r\n");  // within its base
  const Fd third = connect_to(server.port());
  EXPECT_EQ(ask(third.get(), "set c 0 0 200000\r\n" + std::string(200'000, 'v') + "\r\n", ""),
            "SERVER_ERROR out of memory reading request\r\n");
  send_all(large.get(), std::string(10'000, 'v') + "\r\n");
  EXPECT_EQ(receive(large.get(), "\r\n"), "STORED\r\n");
  EXPECT_TRUE(eventually([&] { return used() == 0; }));
}

// A client that sends and never reads is held back by TCP: the server holds one answer for it, and no more.
TEST(ServerLimitsTest, AClientThatDoesNotReadIsHeldBack) {
  LocalServer server;
  const Fd greedy = connect_to(server.port()), other = connect_to(server.port());
  const std::string value(kValueBytesMax, 'v');
  ASSERT_EQ(ask(greedy.get(), "set a 0 0 1048576\r\n" + value + "\r\n"), "STORED\r\n");
  std::string question;
  for (int i = 0; i < 200; ++i) question += "get a\r\n";
  send_all(greedy.get(), question);
  ASSERT_TRUE(eventually([&] {
    std::size_t bytes = 0;
    server.on_loop([&] { bytes = server.server().buffer_bytes(); });
    return bytes > 0;
  }));
  EXPECT_EQ(ask(other.get(), "get b\r\n"), "END\r\n");
  std::size_t bytes = 0;
  server.on_loop([&] { bytes = server.server().buffer_bytes(); });
  EXPECT_LE(bytes, 2 * kMessageBytesMax);
  EXPECT_LT(server.backend().reads, 100);
  const std::size_t one = value.size() + 27;  // "VALUE a 0 1048576\r\n", "\r\n", "END\r\n", and one for "…"
  EXPECT_EQ(receive(greedy.get(), "", 200 * (one - 1)).size(), 200 * (one - 1));
}

}  // namespace
}  // namespace bmc::kv
