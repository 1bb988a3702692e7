// SPDX-License-Identifier: Apache-2.0
// The value of a write that the store knows the key of is published when STORED leaves, and in no case of
// doubt. Real programs, real memcached, real sockets. memcached is stopped where something has to happen in
// between.
#include <gtest/gtest.h>

#include "netns-tests/coherence/observed_server.h"
#include "netns-tests/lib/clock.h"
#include "netns-tests/lib/tcp_client.h"
#include "netns-tests/lib/udp_client.h"

namespace bmc::lab {
namespace {

Deadline soon() { return Deadline::in_ms(10'000); }

std::string set(const std::string& key, const std::string& value) {
  return "set " + key + " 0 0 " + std::to_string(value.size()) + "\r\n" + value + "\r\n";
}

class ObserveStage : public testing::Test {
 protected:
  explicit ObserveStage(MemcachedOptions options = {}) : memcached_(lab_.server(), std::move(options)) {}

  TcpClient connect() { return TcpClient(lab_.client(), lab_.link().server()); }
  uint64_t staged() const { return observer_.counter(CACHE_STAGE_OK); }
  uint64_t published() const { return observer_.counter(CACHE_PUBLISH_OK); }
  std::string published_text(const std::string& key) const {
    const auto entry = observer_.entry_of(key);
    return entry ? entry->text : "";
  }
  /// The key is known, memcached stopped; the `set` has passed, and its value is in the log.
  void stage(TcpClient& client, const std::string& key, const std::string& value) {
    observer_.make_known(key);
    memcached_.freeze();
    const uint64_t before = staged();
    ASSERT_TRUE(client.send(set(key, value)));
    ASSERT_TRUE(client.wait_acknowledged(soon()));
    ASSERT_EQ(staged(), before + 1);
    ASSERT_EQ(published_text(key), "") << "it is not executed yet";
  }

  Lab lab_;
  Memcached memcached_;
  Observer observer_{lab_.server()};
};

TEST_F(ObserveStage, AValueIsPublishedWhenStoredLeaves) {
  TcpClient client = connect();
  stage(client, "k", "hello");
  memcached_.thaw();
  ASSERT_EQ(client.read_line(), "STORED\r\n");
  EXPECT_EQ(published(), 1u);
  const auto entry = observer_.entry_of("k");
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->text, "VALUE k 0 5\r\nhello\r\n");
  EXPECT_EQ(entry->header.deadline, CACHE_DEADLINE_NEVER);
  EXPECT_EQ(entry->header.epoch_key, observer_.global().generation | 1ull << 48);
  EXPECT_EQ(observer_.key("k").in_flight, 0u);
  // The next write empties the way, and its value follows.
  ASSERT_EQ(client.command("delete k\r\n"), "DELETED\r\n");
  EXPECT_EQ(published_text("k"), "");
}

TEST_F(ObserveStage, AKeyThatTheStoreDoesNotKnowIsNotStaged) {
  TcpClient client = connect();
  ASSERT_TRUE(client.send(set("k", "hello")));
  ASSERT_EQ(client.read_line(), "STORED\r\n");
  EXPECT_EQ(staged(), 0u);
  EXPECT_EQ(published_text("k"), "");
}

struct Form {
  std::string request;
  bool is_staged;
};

// What is published must be what memcached says, to the byte.
TEST_F(ObserveStage, WhatIsPublishedIsWhatMemcachedAnswers) {
  const std::string long_key(250, 'k');
  const std::vector<Form> forms = {
      {"set k 0 0 2\r\nhi\r\n", true},
      {"set k 17 0 2\r\nhi\r\n", true},
      {"set k 999999999 0 2\r\nhi\r\n", true},
      {"set k 4294967295 0 2\r\nhi\r\n", false},
      {"set k 05 0 2\r\nhi\r\n", false},
      {"set k 00 0 2\r\nhi\r\n", false},
      {"set k 0 00 2\r\nhi\r\n", true},
      {"set k 0 0 02\r\nhi\r\n", false},
      {"set k 0 0 0\r\n\r\n", true},
      {"set k 0 0 2\nhi\r\n", false},
      {"set  k 0 0 2\r\nhi\r\n", false},
      {"set k  0 0 2\r\nhi\r\n", false},
      {"set k 0  0 2\r\nhi\r\n", false},
      {"set k 0 0 2 \r\nhi\r\n", false},
      {" set k 0 0 2\r\nhi\r\n", false},
      {"replace k 0 0 2\r\nhi\r\n", false},
      {"set k 0 -1 2\r\nhi\r\n", false},
      {"set k 0 0 6\r\n\r\nEND\r\r\n", true},
      {"set k 0 0 9\r\n1\r\nEND\r\n2\r\n", true},
      {"set " + long_key + " 0 0 2\r\nhi\r\n", true},
      {"set k 0 0 1369\r\n" + std::string(1369, 'v') + "\r\n", true},
      {"set k 0 0 1370\r\n" + std::string(1370, 'v') + "\r\n", false},

      {"set k 0 0 60000\r\n" + std::string(60000, 'v') + "\r\n", false},
  };
  TcpClient client = connect();
  ASSERT_EQ(client.command("version\r\n").value_or("").substr(0, 7), "VERSION");
  for (const Form& form : forms) {
    SCOPED_TRACE(form.request.substr(0, 60));
    const std::string key = form.request.find(long_key) != std::string::npos ? long_key : "k";
    observer_.make_known(key);
    const uint64_t before = published();
    ASSERT_TRUE(client.send(form.request));
    ASSERT_EQ(client.read_line(), "STORED\r\n");
    EXPECT_EQ(published() - before, form.is_staged ? 1u : 0u);
    const std::string text = published_text(key);
    EXPECT_EQ(text.empty(), !form.is_staged);
    if (form.is_staged) {
      EXPECT_EQ(client.get("get " + key + "\r\n"), text + "END\r\n");
    }
  }
}

TEST_F(ObserveStage, NoreplyIsNotStaged) {
  TcpClient client = connect();
  observer_.make_known("k");
  ASSERT_TRUE(client.send("set k 0 0 2 noreply\r\nhi\r\nversion\r\n"));
  ASSERT_TRUE(client.read_line());
  EXPECT_EQ(staged(), 0u);
  EXPECT_EQ(published_text("k"), "");
}

TEST_F(ObserveStage, AValueInTwoSegmentsIsNotStaged) {
  TcpClient client = connect();
  const std::string request = set("k", "hello");
  for (size_t cut = 1; cut < request.size(); ++cut) {
    SCOPED_TRACE(cut);
    observer_.make_known("k");
    ASSERT_TRUE(client.send_cut(request, {cut}, CutMode::kAcknowledged));
    ASSERT_EQ(client.read_line(), "STORED\r\n");
    EXPECT_EQ(published_text("k"), "");
  }
  EXPECT_EQ(staged(), 0u);
}

// The second one's line begins in the middle of the segment, behind a value or a get.
TEST_F(ObserveStage, SeveralCommandsInOneSegment) {
  TcpClient client = connect();
  for (const std::string& first :
       {set("other", "1\r\nset k 0 0 1\r\nx"), std::string("get none\r\n"), std::string("\r\n")}) {
    SCOPED_TRACE(first);
    observer_.make_known("k");
    ASSERT_TRUE(client.send(first + set("k", "second") + "version\r\n"));
    ASSERT_TRUE(client.read_until("VERSION"));
    ASSERT_TRUE(client.read_line());
    EXPECT_EQ(published_text("k"), "VALUE k 0 6\r\nsecond\r\n");
  }
  // And behind the rest of one.
  observer_.make_known("k");
  ASSERT_TRUE(client.send_cut(set("other", "12345") + set("k", "third"), {18}, CutMode::kAcknowledged));
  ASSERT_EQ(client.read_exactly(16), "STORED\r\nSTORED\r\n");
  EXPECT_EQ(published_text("k"), "VALUE k 0 5\r\nthird\r\n");
}

/// Everything that may come between; each must keep the staged value from being published.
class ObserveStageBetween : public ObserveStage {
 protected:
  template <typename Between>
  void expect_moved(Between between, enum cache_counter why = CACHE_PUBLISH_MOVED) {
    TcpClient client = connect();
    ASSERT_NO_FATAL_FAILURE(stage(client, "k", "staged"));
    between(client);
    memcached_.thaw();
    ASSERT_EQ(client.read_line(), "STORED\r\n");
    EXPECT_EQ(published(), 0u);
    EXPECT_EQ(observer_.counter(why), 1u);
    EXPECT_EQ(published_text("k"), "");
  }
};

TEST_F(ObserveStageBetween, AnotherWriteOnTheSameConnection) {
  expect_moved([&](TcpClient& client) {
    ASSERT_TRUE(client.send(set("k", "later")));
    ASSERT_TRUE(client.wait_acknowledged(soon()));
  });
  EXPECT_EQ(observer_.counter(CACHE_STAGE_OK), 1u) << "the later one found nothing to empty";
}

TEST_F(ObserveStageBetween, AnotherConnection) {
  TcpClient other = connect();
  expect_moved([&](TcpClient&) {
    observer_.make_known("k");
    ASSERT_TRUE(other.send(set("k", "later")));
    ASSERT_TRUE(other.wait_acknowledged(soon()));
    EXPECT_EQ(observer_.counter(CACHE_STAGE_BESIDE), 1u) << "which of them is executed last is open";
  });
  EXPECT_EQ(other.read_line(), "STORED\r\n");
}

TEST_F(ObserveStageBetween, AWriteOverUdp) {
  UdpClient other(lab_.client(), lab_.link().server());
  expect_moved([&](TcpClient&) {
    const auto before = observer_.key("k");
    ASSERT_TRUE(other.send(1, set("k", "later")));
    ASSERT_TRUE(eventually(soon(), [&] { return observer_.key("k").generation > before.generation; }));
  });
}

TEST_F(ObserveStageBetween, FlushAll) {
  TcpClient other = connect();
  expect_moved([&](TcpClient&) {
    ASSERT_TRUE(other.send("flush_all\r\n"));
    ASSERT_TRUE(other.wait_acknowledged(soon()));
  });
}

TEST_F(ObserveStageBetween, AnotherConnectionThatIsLost) {
  TcpClient other = connect();
  expect_moved([&](TcpClient&) {
    ASSERT_TRUE(other.send("set k 0 0 none\r\n"));
    ASSERT_TRUE(other.wait_acknowledged(soon()));
  });
}

TEST_F(ObserveStageBetween, Invalidate) {
  expect_moved([&](TcpClient&) {
    sweep_call call = {};
    call.operation = SWEEP_KEY_BUMP;
    call.cookie = observer_.hash_of("k");
    observer_.sweep(call);
  });
}

TEST_F(ObserveStageBetween, TheServerIsHeld) {
  expect_moved([&](TcpClient&) { observer_.server().hold = SERVER_DOWN; });
}

TEST_F(ObserveStageBetween, TheLogComesAround) {
  expect_moved([&](TcpClient&) { observer_.recycle_log(); }, CACHE_PUBLISH_RECYCLED);
}

TEST_F(ObserveStageBetween, ItsOwnConnectionIsLost) {
  TcpClient client = connect();
  stage(client, "k", "staged");
  ASSERT_TRUE(client.send("set k 0 0 none\r\n"));
  ASSERT_TRUE(client.wait_acknowledged(soon()));
  memcached_.thaw();
  ASSERT_EQ(client.read_line(), "STORED\r\n");
  EXPECT_EQ(published(), 0u);
  EXPECT_EQ(published_text("k"), "");
}

TEST_F(ObserveStageBetween, MemcachedIsKilled) {
  observer_.learn_server_sockets(lab_.server());
  TcpClient client = connect();
  stage(client, "k", "staged");
  memcached_.kill_hard();
  EXPECT_FALSE(client.read_line());
  EXPECT_EQ(published(), 0u);
  EXPECT_EQ(published_text("k"), "");
}

TEST_F(ObserveStage, BesideAnotherWriteNothingIsStaged) {
  TcpClient first = connect(), second = connect();
  memcached_.freeze();
  ASSERT_TRUE(first.send("delete k\r\n"));
  ASSERT_TRUE(first.wait_acknowledged(soon()));
  observer_.make_known("k");
  ASSERT_TRUE(second.send(set("k", "beside")));
  ASSERT_TRUE(second.wait_acknowledged(soon()));
  EXPECT_EQ(observer_.counter(CACHE_STAGE_BESIDE), 1u);
  memcached_.thaw();
  ASSERT_EQ(second.read_line(), "STORED\r\n");
  ASSERT_TRUE(first.read_line());
  EXPECT_EQ(published_text("k"), "");
  // The twin: the other one is of another guard.
  ASSERT_NE(observer_.key("k"), observer_.key("other"));
  memcached_.freeze();
  ASSERT_TRUE(first.send("delete other\r\n"));
  ASSERT_TRUE(first.wait_acknowledged(soon()));
  observer_.make_known("k");
  ASSERT_TRUE(second.send(set("k", "alone")));
  memcached_.thaw();
  ASSERT_EQ(second.read_line(), "STORED\r\n");
  EXPECT_EQ(published_text("k"), "VALUE k 0 5\r\nalone\r\n");
}

TEST_F(ObserveStage, AConnectionThatWasLostOnceStagesNothing) {
  TcpClient client = connect();
  client.command("set k 0 0 none\r\n");
  for (int i = 0; i < 3; ++i) client.get("get k\r\n");
  ASSERT_EQ(observer_.global().in_flight, 0u) << "in step again";
  observer_.make_known("k");
  ASSERT_TRUE(client.send(set("k", "v")));
  ASSERT_EQ(client.read_line(), "STORED\r\n");
  EXPECT_EQ(observer_.counter(CACHE_STAGE_BESIDE), 1u);
  EXPECT_EQ(published_text("k"), "");
}

TEST_F(ObserveStage, AHeldServerStagesNothing) {
  TcpClient client = connect();
  observer_.server().hold = SERVER_BOOT_HOLD;
  observer_.make_known("k");
  ASSERT_TRUE(client.send(set("k", "v")));
  ASSERT_EQ(client.read_line(), "STORED\r\n");
  EXPECT_EQ(observer_.counter(CACHE_STAGE_HELD), 1u);
  EXPECT_EQ(published_text("k"), "");
}

TEST_F(ObserveStage, AColdKeyIsNotStaged) {
  TcpClient client = connect();
  observer_.admit_from(2);
  for (const uint32_t gets : {1u, 1u}) {
    observer_.count_gets("k", gets);
    observer_.make_known("k");
    ASSERT_TRUE(client.send(set("k", "v")));
    ASSERT_EQ(client.read_line(), "STORED\r\n");
  }
  EXPECT_EQ(observer_.counter(CACHE_STAGE_COLD), 1u);
  EXPECT_EQ(published(), 1u) << "asked for twice";
}

TEST_F(ObserveStage, ItsDeadlineIsThatOfTheWrite) {
  TcpClient client = connect();
  const auto second = static_cast<uint64_t>(now_ns() / kSecond);
  auto deadline = [](uint64_t at_s) { return static_cast<uint32_t>(at_s * kSecond >> CACHE_DEADLINE_SHIFT); };
  auto store = [&](const std::string& exptime) -> uint32_t {
    observer_.make_known("k");
    EXPECT_TRUE(client.send("set k 0 " + exptime + " 1\r\nx\r\n"));
    EXPECT_EQ(client.read_line(), "STORED\r\n");
    const auto entry = observer_.entry_of("k");
    return entry ? entry->header.deadline : CACHE_DEADLINE_UNKNOWN;
  };
  EXPECT_EQ(store("100"), CACHE_DEADLINE_UNKNOWN) << "memcached's clock is not known yet";
  observer_.publish_clock(second, -4'000'000);
  EXPECT_EQ(store("100"), deadline(second + 100));
  EXPECT_EQ(store("0"), CACHE_DEADLINE_NEVER);
  EXPECT_EQ(store("-1"), CACHE_DEADLINE_UNKNOWN) << "over at once";
  EXPECT_EQ(store("2592001"), CACHE_DEADLINE_UNKNOWN) << "an absolute time long ago";
  // A delayed flush_all cuts it.
  ASSERT_EQ(client.command("flush_all 50\r\n"), "OK\r\n");
  EXPECT_EQ(store("0"), observer_.server().flush_from);
  EXPECT_EQ(store("100"), observer_.server().flush_from);
  EXPECT_EQ(store("10"), deadline(second + 10));
  observer_.server().flush_from = 1;
  EXPECT_EQ(store("0"), CACHE_DEADLINE_UNKNOWN) << "it may act at any time";
  observer_.server().flush_from = 0;
  // And max_staleness does.
  observer_.server().deadline_cap = 20;
  const auto now = static_cast<uint32_t>(static_cast<uint64_t>(now_ns()) >> CACHE_DEADLINE_SHIFT);
  const uint32_t capped = store("0");
  EXPECT_GE(capped, now + 20);
  EXPECT_LE(capped, now + 40);
}

class ObserveStageSmallItems : public ObserveStage {
 protected:
  ObserveStageSmallItems() : ObserveStage({.extra = {"-I", "1k", "-o", "slab_chunk_max=512"}}) {}
};

// memcached refuses the value, and has thrown the old one away.
TEST_F(ObserveStageSmallItems, AnotherReplyThanStored) {
  TcpClient client = connect();
  stage(client, "k", std::string(1200, 'v'));
  memcached_.thaw();
  ASSERT_EQ(client.read_line(), "SERVER_ERROR object too large for cache\r\n");
  EXPECT_EQ(observer_.counter(CACHE_PUBLISH_NOT_STORED), 1u);
  EXPECT_EQ(published_text("k"), "");
  // The twin, which fits.
  observer_.make_known("k");
  ASSERT_TRUE(client.send(set("k", std::string(100, 'v'))));
  ASSERT_EQ(client.read_line(), "STORED\r\n");
  EXPECT_EQ(published(), 1u);
}

}  // namespace
}  // namespace bmc::lab
