// SPDX-License-Identifier: Apache-2.0
// The daemon side of the cache from start to end, with the real programs and a real memcached.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "apps/memcached-cache/daemon/monotonic_time.h"
#include "apps/memcached-cache/daemon/tests/cache_app_fixture.h"

namespace bmc::cache::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class CacheApp : public CacheAppFixture {
 protected:
  // Stores over a connection of its own, which is closed again.
  void set(const std::string& key, const std::string& value, int ttl = 0) {
    const Fd client = connect_to(memcached.port());
    const std::string text = "set " + key + " 0 " + std::to_string(ttl) + " " + std::to_string(value.size()) +
                             "\r\n" + value + "\r\n";
    ASSERT_EQ(bmc::test::ask(client.get(), text, "\r\n"), "STORED\r\n");
  }
  // Gets it, by way of memcached at first, until it could be answered from the kernel.
  bool becomes_servable(const std::string& key, const std::string& value, milliseconds limit = seconds(20)) {
    const std::uint64_t give_up = monotonic_ns() + static_cast<std::uint64_t>(limit.count()) * kMillisecondNs;
    while (state_of(key) != "servable") {
      if (monotonic_ns() > give_up) return false;
      const std::string got = udp_get(memcached.port(), key);
      EXPECT_EQ(got, value);
      if (got != value) return false;
      pass(milliseconds(20));
    }
    return true;
  }
  void serve() {
    start_app(memcached.endpoint());
    ASSERT_TRUE(wait_serving()) << server_state();
  }

  MemcachedProcess memcached;
};

TEST_F(CacheApp, ServesWhatWasSeenWritten_AndWhatWasThereBefore) {
  set("before", "old");
  set("before_100", "old", 100);
  serve();
  set("seen", "new");
  set("seen_100", "new", 100);
  EXPECT_TRUE(becomes_servable("seen", "new"));
  EXPECT_TRUE(becomes_servable("seen_100", "new"));
  EXPECT_TRUE(becomes_servable("before", "old"));
  EXPECT_TRUE(becomes_servable("before_100", "old"));
  control::Entry entry;
  state_of("seen", &entry);
  EXPECT_EQ(entry.value(), "new");
  EXPECT_FALSE(entry.expires());
  state_of("before", &entry);
  EXPECT_FALSE(entry.expires());
  for (const char* key : {"seen_100", "before_100"}) {
    state_of(key, &entry);
    EXPECT_TRUE(entry.expires()) << key;
    EXPECT_LT(entry.expires_in_s(), 100) << key;
    EXPECT_GT(entry.expires_in_s(), 80) << key;
  }
  // The first may be one that keeps memcached's LRU warm.
  EXPECT_TRUE(run([&] {
    EXPECT_EQ(udp_get(memcached.port(), "seen"), "new");
    return statistic("kernel_hits") > 0;
  }));
  set("seen", "newer");  // published with its STORED
  EXPECT_EQ(state_of("seen", &entry), "servable");
  EXPECT_EQ(entry.value(), "newer");
  EXPECT_EQ(udp_get(memcached.port(), "seen"), "newer");
}

TEST_F(CacheApp, WaitsForWhatAStoppedMemcachedReceivedBefore) {
  set("k", "1");
  const Fd writer = connect_to(memcached.port());
  ASSERT_EQ(bmc::test::ask(writer.get(), "version\r\n", "\r\n"), "VERSION 1.6.18\r\n");
  start_app(memcached.endpoint());
  // The handshake needs a memcached that runs; so it is stopped right after it, with a write in its queue.
  ASSERT_TRUE(run([&] { return server_state().starts_with("waiting"); })) << server_state();
  memcached.stop();
  const std::string late = "set k 0 0 1\r\n2\r\n";
  ASSERT_EQ(::send(writer.get(), late.data(), late.size(), 0), static_cast<ssize_t>(late.size()));
  pass(seconds(5));
  EXPECT_TRUE(server_state().starts_with("waiting")) << server_state();
  memcached.resume();
  ASSERT_TRUE(wait_serving()) << server_state();
  EXPECT_TRUE(becomes_servable("k", "2"));
}

TEST_F(CacheApp, AKilledMemcachedTakesItsCacheWithIt) {
  serve();
  set("k", "1");
  ASSERT_TRUE(becomes_servable("k", "1"));
  memcached.kill();
  ASSERT_TRUE(run([&] { return server_state().starts_with("down"); }));
  EXPECT_EQ(state_of("k"), "flushed since");
  memcached.start_again();
  ASSERT_TRUE(wait_serving()) << server_state();
  EXPECT_EQ(udp_get(memcached.port(), "k"), "");
  set("k", "2");
  EXPECT_TRUE(becomes_servable("k", "2"));
  EXPECT_GT(statistic("release_server_closed"), 0u);
}

TEST_F(CacheApp, ARestartOfBmcdKeepsTheCache) {
  serve();
  set("k", "1");
  ASSERT_TRUE(becomes_servable("k", "1"));
  stop_app();
  start_app(memcached.endpoint());
  ASSERT_TRUE(run([&] { return server_state() == "serving"; }, milliseconds(1500))) << server_state();
  EXPECT_EQ(state_of("k"), "servable");
  stop_app();
  set("k", "2");  // seen by the programs all the same
  start_app(memcached.endpoint());
  ASSERT_TRUE(wait_serving());
  control::Entry entry;
  EXPECT_EQ(state_of("k", &entry), "servable");
  EXPECT_EQ(entry.value(), "2");
}

TEST_F(CacheApp, ARestartOfBothEmptiesTheCache) {
  serve();
  set("k", "1");
  ASSERT_TRUE(becomes_servable("k", "1"));
  stop_app();
  memcached.kill();
  memcached.start_again();
  start_app(memcached.endpoint());
  ASSERT_TRUE(wait_serving()) << server_state();
  EXPECT_EQ(state_of("k"), "flushed since");
}

TEST_F(CacheApp, ANoreplyWriteOnASilentConnectionIsEndedByTheAudit) {
  serve();
  set("k", "1");
  const Fd client = connect_to(memcached.port());
  ASSERT_EQ(bmc::test::ask(client.get(), "version\r\n", "\r\n"), "VERSION 1.6.18\r\n");
  memcached.stop();
  const std::string quiet = "set k 0 0 1 noreply\r\n2\r\n";
  ASSERT_EQ(::send(client.get(), quiet.data(), quiet.size(), 0), static_cast<ssize_t>(quiet.size()));
  const std::uint64_t before = statistic("audit_released");
  pass(seconds(5));  // twice what the proof takes when memcached runs
  EXPECT_EQ(statistic("audit_released"), before);
  memcached.resume();
  ASSERT_TRUE(run([&] { return statistic("audit_released") > before; }));
  EXPECT_TRUE(becomes_servable("k", "2"));
}

TEST_F(CacheApp, AUdpWriteWithoutAReplyIsEndedBehindTheBarrier) {
  serve();
  memcached.stop();
  const std::uint64_t before = statistic("audit_released");
  udp_send(memcached.port(), "set k 0 0 1 noreply\r\n2");
  pass(seconds(5));
  EXPECT_EQ(statistic("audit_released"), before);
  memcached.resume();
  ASSERT_TRUE(run([&] { return statistic("audit_released") > before; }));
  EXPECT_TRUE(becomes_servable("k", "2"));
}

TEST_F(CacheApp, ADelayedFlushEndsTheCacheOnlyForItsTime) {
  serve();
  set("k", "1");
  ASSERT_TRUE(becomes_servable("k", "1"));
  const Fd client = connect_to(memcached.port());
  ASSERT_EQ(bmc::test::ask(client.get(), "flush_all 2\r\n", "\r\n"), "OK\r\n");
  ASSERT_TRUE(run([&] { return state_of("k") != "servable"; }));
  const std::uint64_t stopped = monotonic_ns();
  while (udp_get(memcached.port(), "k") == "1" && monotonic_ns() < stopped + 6 * kSecondNs)
    pass(milliseconds(20));
  EXPECT_EQ(udp_get(memcached.port(), "k"), "");
  // What is stored in the very second of the flush is flushed too.
  ASSERT_TRUE(run([&] {
    if (udp_get(memcached.port(), "k") != "2") set("k", "2");
    return state_of("k") == "servable";
  }));
}

TEST_F(CacheApp, InvalidateAndMode) {
  serve();
  set("a", "1");
  set("b", "1");
  ASSERT_TRUE(becomes_servable("a", "1"));
  ASSERT_TRUE(becomes_servable("b", "1"));
  control::Request key;
  key.mutable_invalidate()->set_key("a");
  EXPECT_EQ(ask(key).invalidate().invalidated(), 1u);
  EXPECT_EQ(state_of("a"), "");
  EXPECT_EQ(state_of("b"), "servable");
  control::Request all;
  all.mutable_invalidate()->set_all(true);
  ask(all);
  EXPECT_EQ(state_of("b"), "flushed since");
  ASSERT_TRUE(becomes_servable("b", "1"));

  control::Request mode;
  mode.mutable_mode()->set_mode(control::MODE_BYPASS);
  const control::Response reply = ask(mode);
  EXPECT_EQ(reply.mode().before(), control::MODE_SERVE);
  EXPECT_EQ(reply.mode().mode(), control::MODE_BYPASS);
  const std::uint64_t hits = statistic("kernel_hits");
  EXPECT_EQ(udp_get(memcached.port(), "b"), "1");
  EXPECT_EQ(statistic("kernel_hits"), hits);

  control::Request nothing;
  nothing.mutable_invalidate();
  EXPECT_EQ(app_->control(nothing).error().code, EINVAL);
  control::Request unknown;
  unknown.mutable_detach();
  EXPECT_EQ(app_->control(unknown).error().code, ENOTSUP);
}

TEST_F(CacheApp, MetricsAreWellFormed) {
  serve();
  set("k", "1");
  ASSERT_TRUE(becomes_servable("k", "1"));
  for (int i = 0; i < 3; i++) EXPECT_EQ(udp_get(memcached.port(), "k"), "1");
  std::vector<prometheus::MetricFamily> families;
  app_->collect(families);
  std::set<std::string> names;
  double get_hits = -1;
  for (const auto& family : families) {
    EXPECT_TRUE(names.insert(family.name).second) << family.name;
    EXPECT_FALSE(family.help.empty()) << family.name;
    std::set<std::string> labels;
    for (const auto& metric : family.metric) {
      std::string text;
      for (const auto& label : metric.label) text += label.name + "=" + label.value + ",";
      EXPECT_TRUE(labels.insert(text).second) << family.name << "{" << text << "}";
      if (family.name == "memcached_commands_total" && text == "command=get,status=hit,")
        get_hits = metric.counter.value;
    }
  }
  for (const char* name : {"bmcd_packets_total", "bmcd_mismatch_total", "bmcd_miss_path_seconds", "bmcd_mode",
                           "bmcd_epoch", "memcached_up", "memcached_uptime_seconds",
                           "memcached_current_items", "memcached_current_bytes", "memcached_max_connections"})
    EXPECT_TRUE(names.contains(name)) << name;
  EXPECT_GE(get_hits, static_cast<double>(statistic("kernel_hits")));
  EXPECT_FALSE(app_->status_line().empty());
  control::Request audit;
  audit.mutable_audit();
  EXPECT_GT(ask(audit).audit().findings_size(), 0);
}

TEST_F(CacheApp, FoundByItselfAtBothAddresses_AndAgainAfterARestart) {
  MemcachedProcess usual({"-l", "::1"}, 11211);
  start_app({});
  const auto serving = [&] { return app_->status_line().starts_with("serving 1 server"); };
  ASSERT_TRUE(run(serving)) << app_->status_line();
  for (int i = 0; i < 3; i++) {
    usual.kill();
    ASSERT_TRUE(run([&] { return !serving(); }));
    usual.start_again();
    // Watched all the while: no second boot hold, whichever address answers first.
    ASSERT_TRUE(run(serving, milliseconds(2500))) << app_->status_line();
  }
}

TEST_F(CacheApp, UdpSwitchedOffIsToldAndLeftAlone) {
  const std::uint16_t port = free_port();
  MemcachedProcess silent({"-U", "0"}, port);
  start_app(silent.endpoint());
  ASSERT_TRUE(run([&] { return server_state().starts_with("idle"); })) << server_state();
  EXPECT_NE(server_state().find("-U"), std::string::npos);
  silent.kill();
  MemcachedProcess speaking({}, port);
  EXPECT_TRUE(wait_serving()) << server_state();
}

}  // namespace
}  // namespace bmc::cache::test
