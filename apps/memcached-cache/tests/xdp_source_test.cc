// SPDX-License-Identifier: Apache-2.0
// Whom cache_get does not answer: forged and impossible sources, sources outside the allow-list or over their
// rate; and the interfaces that a loopback address may come from.
#include <net/if.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "apps/memcached-cache/tests/xdp_fixture.h"

namespace bmc::test {
namespace {

// A network interface that is not lo; removed at the end.
class Interface {
 public:
  Interface() : name_("bmcx" + std::to_string(getpid() % 100000)) {
    const std::string command = "ip link add " + name_ + " type veth peer name " + name_ + "p";
    if (std::system(command.c_str()) != 0) throw std::runtime_error(command);
  }
  ~Interface() {
    if (std::system(("ip link delete " + name_).c_str()) != 0) std::abort();
  }
  Interface(const Interface&) = delete;
  Interface& operator=(const Interface&) = delete;
  std::uint32_t index() const { return if_nametoindex(name_.c_str()); }

 private:
  std::string name_;
};

class XdpSource : public XdpTest {
 protected:
  void SetUp() override {
    XdpTest::SetUp();
    placed_ = store().place({.key = "k", .data = "v"});
    clear(XdpProgram::get().allowed_fd(), allowed_prefix{});
    clear(XdpProgram::get().sources_fd(), source_address{});
  }

  template <typename Key>
  static void clear(int map, Key key) {
    while (bpf_map_get_next_key(map, nullptr, &key) == 0) bpf_map_delete_elem(map, &key);
  }

  static Bytes from4(const std::string& address, const std::string& to = kServerIp4, UDP udp = {}) {
    return frame(Ethernet{} / IPv4{.from = address, .to = to} / udp / Memcached{} / Text{"get k\r\n"});
  }
  static Bytes from6(const std::string& address, const std::string& to = kServerIp6) {
    return frame(Ethernet{} / IPv6{.from = address, .to = to} / UDP{} / Memcached{} / Text{"get k\r\n"});
  }

  static void allow(const std::string& address, std::uint32_t bits) {
    allowed_prefix prefix{bits, {}};
    const auto bytes = address_bytes(address);
    std::memcpy(prefix.addr_be, bytes.data(), bytes.size());
    const std::uint32_t value = 1;
    ASSERT_EQ(bpf_map_update_elem(XdpProgram::get().allowed_fd(), &prefix, &value, BPF_ANY), 0);
  }

  static void expect_counter(const Bytes& frame, cache_counter counter, const RunOptions& options = {}) {
    EXPECT_STREQ(counter_reason(run(frame, options).counter), counter_reason(counter));
  }

  Placed placed_;
};

TEST_F(XdpSource, NoHostHasTheseAddresses) {
  expect_counter(from4("192.0.2.77"), CACHE_TX_HIT);
  for (const char* address : {"0.0.0.0", "0.1.2.3", "224.0.0.1", "239.255.255.255", "255.255.255.255"}) {
    SCOPED_TRACE(address);
    expect_pass(from4(address), CACHE_PASS_NOT_ALLOWED);
  }
  expect_counter(from4("223.255.255.255"), CACHE_TX_HIT);
  expect_counter(from6("fe80::1"), CACHE_TX_HIT);
  for (const char* address : {"::", "ff02::1", "ff0e::1:2"}) {
    SCOPED_TRACE(address);
    expect_pass(from6(address), CACHE_PASS_NOT_ALLOWED);
  }
}

TEST_F(XdpSource, PortsThatCouldAnswerTheAnswer) {
  store().serve(1, "192.0.2.2", 11300);
  expect_counter(from4(kClientIp4, kServerIp4, {.from = 1}), CACHE_TX_HIT);
  expect_counter(from4(kClientIp4, kServerIp4, {.from = 11301}), CACHE_TX_HIT);
  for (const auto port : std::initializer_list<std::uint16_t>{0, 11211, 11300}) {
    expect_pass(from4(kClientIp4, kServerIp4, {.from = port}), CACHE_PASS_NOT_ALLOWED);
  }
}

TEST_F(XdpSource, PortsOfAFullTable) {
  for (std::uint16_t port = 1; port < CACHE_PORTS_MAX; ++port) store().serve(1, "192.0.2.2", port);
  ASSERT_NE(control().port[CACHE_PORTS_MAX - 1].used, 0);
  expect_pass(from4(kClientIp4, kServerIp4, {.from = CACHE_PORTS_MAX - 1}), CACHE_PASS_NOT_ALLOWED);
  expect_counter(from4(kClientIp4, kServerIp4, {.from = CACHE_PORTS_MAX}), CACHE_TX_HIT);
}

// A server on 127.0.0.1 is reachable through lo; from a wire such a packet is forged.
TEST_F(XdpSource, LoopbackAddressesComeFromLoOnly) {
  const Interface wire;
  store().serve(0, "127.0.0.1", kServerPort);
  store().serve(0, "::1", kServerPort);
  expect_counter(from4("127.0.0.1", "127.0.0.1"), CACHE_TX_HIT);
  expect_counter(from6("::1", "::1"), CACHE_TX_HIT);
  const RunOptions from_wire{.interface = wire.index()};
  expect_counter(from4(kClientIp4), CACHE_TX_HIT, from_wire);
  expect_pass(from4(kClientIp4, "127.0.0.1"), CACHE_PASS_NOT_SERVED, from_wire);
  expect_pass(from6(kClientIp6, "::1"), CACHE_PASS_NOT_SERVED, from_wire);
  expect_pass(from4("127.0.0.1"), CACHE_PASS_NOT_ALLOWED, from_wire);
  expect_pass(from6("::1"), CACHE_PASS_NOT_ALLOWED, from_wire);
}

TEST_F(XdpSource, TheServersOwnAddressComesFromLoOnly) {
  const Interface wire;
  expect_counter(from4(kServerIp4), CACHE_TX_HIT);
  expect_counter(from6(kServerIp6), CACHE_TX_HIT);
  expect_pass(from4(kServerIp4), CACHE_PASS_NOT_ALLOWED, {.interface = wire.index()});
  expect_pass(from6(kServerIp6), CACHE_PASS_NOT_ALLOWED, {.interface = wire.index()});
}

TEST_F(XdpSource, OnlyPrefixesOfTheAllowList) {
  control().allow_list = 1;
  expect_pass(from4(kClientIp4), CACHE_PASS_NOT_ALLOWED);
  allow("192.0.2.0", 96 + 28);
  allow("2001:db8:1::", 48);
  expect_counter(from4("192.0.2.15"), CACHE_TX_HIT);
  expect_pass(from4("192.0.2.16"), CACHE_PASS_NOT_ALLOWED);
  expect_counter(from6("2001:db8:1:2::3"), CACHE_TX_HIT);
  expect_pass(from6("2001:db8:2::3"), CACHE_PASS_NOT_ALLOWED);
  control().allow_list = 0;
  expect_counter(from4("192.0.2.16"), CACHE_TX_HIT);
}

TEST_F(XdpSource, ASourceOverItsRate) {
  control().rate_limit_pps = 1; /* one at once, the next a second later */
  expect_counter(from4(kClientIp4), CACHE_TX_HIT);
  expect_pass(from4(kClientIp4), CACHE_PASS_RATE);
  expect_counter(from4("192.0.2.11"), CACHE_TX_HIT);
  expect_counter(from6(kClientIp6), CACHE_TX_HIT);
  expect_pass(from6(kClientIp6), CACHE_PASS_RATE);
  expect_no_answer("k k", CACHE_PASS_RATE);
  expect_no_answer("other", CACHE_PASS_MISS); /* what is not answered costs nothing */
  control().rate_limit_pps = 0;
  expect_counter(from4(kClientIp4), CACHE_TX_HIT);
}

TEST_F(XdpSource, TheRateIsKeptOverTime) {
  control().rate_limit_pps = 1000;
  const auto request = request_frame("get k\r\n");
  const std::uint64_t start = monotonic_ns();
  std::uint64_t answered = 0;
  while (monotonic_ns() - start < 300000000u) {
    answered += run_xdp(XdpProgram::get().fd(), request).verdict == XDP_TX ? 1 : 0;
  }
  const std::uint64_t elapsed = monotonic_ns() - start;
  const std::uint64_t paid = (elapsed + SOURCE_BURST_NS) / 1000000u;
  EXPECT_LE(answered, paid + 1);
  EXPECT_GE(answered, paid * 8 / 10);
}

}  // namespace
}  // namespace bmc::test
