// SPDX-License-Identifier: Apache-2.0
// Every way out of cache_get is reached: for each counter that CACHE_COUNTERS gives to "xdp" there must be a
// packet here that ends with it. A new way out without one fails.
#include <atomic>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <thread>

#include "apps/memcached-cache/tests/xdp_fixture.h"

namespace bmc::test {
namespace {

class XdpCounters : public XdpTest {
 protected:
  void SetUp() override {
    XdpTest::SetUp();
    placed_ = store().place({.key = "k", .data = "v"});
  }

  // Counter of the usual get after `change` was made to the store.
  template <typename Change>
  cache_counter after(Change change) {
    change();
    return run(request_frame("get k\r\n")).counter;
  }
  static cache_counter of(const Bytes& frame) { return run(frame).counter; }
  static cache_counter of_text(const std::string& text) { return of(request_frame(text)); }
  static cache_counter of_ip(const IPv4& ip) {
    return of(frame(Ethernet{} / ip / UDP{} / Memcached{} / Text{"get k\r\n"}));
  }

  // The segment is recycled again and again, and comes back each time so that the next request hits it.
  static cache_counter torn() {
    store().place({.key = "large", .data = std::string(1300, 'x')});
    std::atomic<bool> stop = false;
    std::thread recycler([&stop] {
      bind_to_cpu(1);
      while (!stop) {
        __atomic_store_n(&store().segment(0).generation, 1, __ATOMIC_SEQ_CST);
        __atomic_store_n(&store().segment(0).generation, 0, __ATOMIC_SEQ_CST);
      }
    });
    cpu_set_t before{};
    sched_getaffinity(0, sizeof before, &before);
    bind_to_cpu(0);
    cache_counter counter = CACHE_COUNTER_COUNT;
    for (int i = 0; i < 1000000 && counter != CACHE_PASS_TORN; ++i) counter = of_text("get large\r\n");
    sched_setaffinity(0, sizeof before, &before);
    stop = true;
    recycler.join();
    store().segment(0).generation = 0;
    return counter;
  }

  // A frame whose end is in another buffer cannot be grown in place.
  static cache_counter no_room() {
    auto request = request_frame("get k\r\n");
    const RunOptions options{.linear = static_cast<std::uint32_t>(request.size())};
    request.insert(request.end(), 100, 0xee);
    try {
      const auto outcome = run(request, options);
      EXPECT_EQ(dump(outcome.run.frame), dump(request));
      return outcome.counter;
    } catch (const std::runtime_error&) {
      return CACHE_PASS_NO_ROOM;  // this kernel cannot make such frames (before 6.18)
    }
  }

  using Reach = std::function<cache_counter()>;
  std::map<cache_counter, Reach> table();
  void add_store_changes(std::map<cache_counter, Reach>& table);

  Placed placed_;
};

std::map<cache_counter, XdpCounters::Reach> XdpCounters::table() {
  std::map<cache_counter, Reach> table{
      {CACHE_TX_HIT, [] { return of_text("get k\r\n"); }},
      {CACHE_PASS_NOT_IP, [] { return of(frame(Ethernet{.type = 0x0806} / Text{std::string(28, 'a')})); }},
      {CACHE_PASS_IP_OPTIONS,
       [] {
         return of_ip({.first_byte = 0x46, .options = {1, 1, 1, 0}});
       }},
      {CACHE_PASS_FRAGMENT, [] { return of_ip({.fragment = 0x2000}); }},
      {CACHE_PASS_NOT_UDP, [] { return of_ip({.protocol = 6}); }},
      {CACHE_PASS_NOT_SERVED, [] { return of_ip({.to = "192.0.2.99"}); }},
      {CACHE_PASS_SHORT, [] { return of_ip({.total_length = 60}); }},
      {CACHE_PASS_FRAME,
       [] { return of(frame(Ethernet{} / IPv4{} / UDP{} / Memcached{.total = 2} / Text{"get k\r\n"})); }},
      {CACHE_PASS_NOT_GET, [] { return of_text("gets k\r\n"); }},
      {CACHE_PASS_MALFORMED, [] { return of_text("get k \r\n"); }},
      {CACHE_PASS_CHECKSUM, [] { return of(request_frame("get k\r\n", {}, UDP{.checksum = 1})); }},
      {CACHE_PASS_MISS, [] { return of_text("get other\r\n"); }},
      {CACHE_PASS_TOO_LARGE,
       [] {
         store().place({.key = "half", .data = std::string(700, 'h')});
         return of_text("get half half\r\n");
       }},
      {CACHE_PASS_TORN, torn},
      {CACHE_PASS_NO_ROOM, no_room}};
  add_store_changes(table);
  return table;
}

void XdpCounters::add_store_changes(std::map<cache_counter, Reach>& table) {
  table[CACHE_PASS_DEAD] = [this] { return after([] { store().server(0).global += GUARD_ARRIVE; }); };
  table[CACHE_PASS_EXPIRED] = [this] { return after([this] { placed_.entry->deadline = 1; }); };
  table[CACHE_PASS_SHADOW] = [this] { return after([] { control().mode = CACHE_MODE_SHADOW; }); };
  table[CACHE_PASS_BYPASS] = [this] { return after([] { control().mode = CACHE_MODE_BYPASS; }); };
  table[CACHE_PASS_NO_HEARTBEAT] = [this] {
    return after([] { control().heartbeat_limit_ns = 0, control().heartbeat_ns = 1; });
  };
  table[CACHE_PASS_HELD] = [this] { return after([] { store().server(0).hold = SERVER_DOWN; }); };
  table[CACHE_PASS_RESTING] = [this] {
    return after([] { store().server(0).hold = SERVER_RESTING | SERVER_BOOT_HOLD; });
  };
  table[CACHE_PASS_NOT_ALLOWED] = [] { return of_ip({.from = "224.0.0.1"}); };
  table[CACHE_PASS_RATE] = [this] {
    control().rate_limit_pps = 1;
    of_text("get k\r\n");
    return after([] {});
  };
  table[CACHE_PASS_KEEPALIVE] = [this] {
    return after([this] {
      control().keepalive_shift = 42;
      control().keepalive_ticks = 1;
      placed_.bucket->passed[placed_.way] = static_cast<std::uint8_t>((monotonic_ns() >> 42) - 1);
    });
  };
}

TEST_F(XdpCounters, EveryWayOutIsReached) {
  struct WayOut {
    cache_counter counter;
    std::string_view where;
  };
  static constexpr WayOut kWaysOut[] = {
#define BMC_TEST_WAY_OUT(name, where, verdict, reason, text) {CACHE_##name, where},
      CACHE_COUNTERS(BMC_TEST_WAY_OUT)
#undef BMC_TEST_WAY_OUT
  };
  auto reach = table();
  for (const auto& [counter, where] : kWaysOut) {
    if (where != "xdp") continue;
    SCOPED_TRACE(counter_reason(counter));
    ASSERT_EQ(reach.count(counter), 1u) << "no packet for this way out";
    SetUp();
    EXPECT_STREQ(counter_reason(reach[counter]()), counter_reason(counter));
    reach.erase(counter);
  }
  EXPECT_TRUE(reach.empty()) << "a packet for a counter that is not of xdp";
}

TEST_F(XdpCounters, NoFrameInSeveralBuffersIsAnsweredOrChanged) {
  EXPECT_EQ(no_room(), CACHE_PASS_NO_ROOM);
  auto many = request_frame("get k k\r\n");
  const RunOptions options{.linear = static_cast<std::uint32_t>(many.size())};
  many.insert(many.end(), 100, 0xee);
  try {
    expect_pass(many, CACHE_PASS_NO_ROOM, options);
  } catch (const std::runtime_error& error) {
    GTEST_SKIP() << error.what();
  }
}

}  // namespace
}  // namespace bmc::test
