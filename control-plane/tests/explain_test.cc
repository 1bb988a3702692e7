// SPDX-License-Identifier: Apache-2.0
// Errors of attaching in words, for hardware that a test machine does not have; and the probe's judgements.
#include "control-plane/explain.h"

#include <gtest/gtest.h>

#include "control-plane/probe.h"

namespace bmc {
namespace {

HostFacts good_host() {
  HostFacts host;
  host.kernel_release = "6.1.0-18-amd64";
  host.kernel_major = 6;
  host.kernel_minor = 1;
  host.btf = true;
  host.jit = true;
  host.cgroup2 = "/sys/fs/cgroup";
  host.cap_bpf = host.cap_net_admin = host.cap_perfmon = host.cap_sys_admin = true;
  host.dispatcher_object = "/usr/lib/bpf/xdp-dispatcher.o";
  return host;
}

InterfaceFacts good_interface() {
  InterfaceFacts interface;
  interface.name = "eth0";
  interface.index = 2;
  interface.up = true;
  interface.mtu = 1500;
  interface.driver = "ixgbe";
  interface.queues = QueueCounts{0, 0, 8, 0, 0, 64};
  return interface;
}

struct Case {
  const char* what;
  XdpFailure failure;
  std::function<void(InterfaceFacts&, HostFacts&)> change;
  std::vector<const char*> said;
  std::vector<const char*> not_said;
};

const Case kCases[] = {
    {"driver without XDP, told by the kernel",
     {EOPNOTSUPP, true, "", ""},
     [](auto& i, auto&) {
       i.driver = "e1000";
       i.driver_xdp = false;
     },
     {"eth0", "(native)", "e1000", "--xdp-mode generic"},
     {}},
    {"driver without XDP, old kernel",
     {EOPNOTSUPP, true, "", ""},
     [](auto& i, auto&) { i.driver = "e1000"; },
     {"e1000", "not known to have XDP", "--xdp-mode generic"},
     {}},
    {"generic refused",
     {EOPNOTSUPP, false, "", ""},
     [](auto&, auto&) {},
     {"(generic)"},
     {"use --xdp-mode generic"}},
    {"MTU, in the driver's words",
     {EINVAL, true, "MTU too large for linear XDP frame", ""},
     [](auto& i, auto&) { i.mtu = 9000; },
     {"MTU too large", "9000", "ip link set dev eth0 mtu 1500", "generic"},
     {}},
    {"MTU, without words",
     {EINVAL, true, "", ""},
     [](auto& i, auto&) { i.mtu = 9000; },
     {"MTU 9000", "ip link set dev eth0 mtu 1500"},
     {}},
    {"the other end of a veth",
     {ERANGE, true, "Peer MTU is too large to set XDP", ""},
     [](auto&, auto&) {},
     {"other end", "mtu 1500"},
     {"dev eth0 mtu"}},
    {"LRO, in words",
     {EINVAL, true, "can't set XDP while LRO is on, disable LRO first", ""},
     [](auto& i, auto&) { i.lro = true; },
     {"LRO", "ethtool -K eth0 lro off"},
     {}},
    {"LRO, without words",
     {EINVAL, true, "", ""},
     [](auto& i, auto&) { i.lro = true; },
     {"ethtool -K eth0 lro off"},
     {}},
    {"GRO_HW",
     {EOPNOTSUPP, true, "Can't set XDP while host is implementing GRO_HW/CSUM, disable GRO_HW/CSUM first",
      ""},
     [](auto& i, auto&) { i.gro_hw = true; },
     {"rx-gro-hw off"},
     {}},
    {"queues",
     {ENOMEM, true, "Too few free TX rings available", ""},
     [](auto&, auto&) {},
     {"ethtool -L eth0 combined 4"},
     {}},
    {"queues of a veth",
     {ENOSPC, true, "XDP expects number of rx queues not less than peer tx queues", ""},
     [](auto& i, auto&) { i.queues = QueueCounts{1, 2, 0, 2, 2, 0}; },
     {"ethtool -L eth0 rx 2"},
     {}},
    {"capability",
     {EPERM, true, "", ""},
     [](auto&, auto& h) { h.cap_bpf = false; },
     {"CAP_BPF", "root"},
     {"CAP_NET_ADMIN;", "generic"}},
    {"both capabilities",
     {EPERM, true, "", ""},
     [](auto&, auto& h) { h.cap_bpf = h.cap_net_admin = false; },
     {"CAP_BPF CAP_NET_ADMIN"},
     {}},
    {"lockdown", {EPERM, true, "", ""}, [](auto&, auto&) {}, {"lockdown"}, {"lacks"}},
    {"another program",
     {EBUSY, true, "", ""},
     [](auto& i, auto&) {
       i.xdp_program = 42;
       i.xdp_name = "firewall";
       i.xdp_native = true;
     },
     {"firewall", "42", "ip link set dev eth0 xdp off", "xdp-loader"},
     {}},
    {"another generic program",
     {EEXIST, false, "", ""},
     [](auto& i, auto&) {
       i.xdp_program = 42;
       i.xdp_name = "firewall";
     },
     {"xdpgeneric off"},
     {}},
    {"another libxdp",
     {EBUSY, true, "", ""},
     [](auto& i, auto&) {
       i.xdp_program = 42;
       i.xdp_name = "xdp_dispatcher";
       i.xdp_dispatcher = true;
     },
     {"xdp-loader unload eth0"},
     {}},
    {"no interface",
     {ENODEV, true, "", ""},
     [](auto& i, auto&) { i.index = 0; },
     {"no interface eth0", "ip link"},
     {}},
    {"no bpffs",
     {EINVAL, true, "", ""},
     [](auto&, auto& h) { h.bpffs_error = "mount -t bpf"; },
     {"mount -t bpf"},
     {}},
    {"old kernel",
     {EINVAL, true, "", ""},
     [](auto&, auto& h) {
       h.kernel_major = 5;
       h.kernel_release = "5.10";
     },
     {"5.10", "6.1"},
     {}},
    {"unknown", {EIO, true, "strange", "libbpf: odd"}, [](auto&, auto&) {}, {"strange", "odd"}, {}},
};

TEST(ExplainXdp, NamesCauseAndRemedy) {
  for (const Case& each : kCases) {
    InterfaceFacts interface = good_interface();
    HostFacts host = good_host();
    each.change(interface, host);
    const Error error = explain_xdp(each.failure, interface, host);
    for (const char* said : each.said)
      EXPECT_NE(error.what.find(said), std::string::npos) << each.what << ": " << error.what;
    for (const char* said : each.not_said)
      EXPECT_EQ(error.what.find(said), std::string::npos) << each.what << ": " << error.what;
    EXPECT_NE(error.code, 0) << each.what;
  }
}

using control::Check;

const Check* find(const control::ProbeReply& reply, const std::string& subject) {
  for (const Check& check : reply.checks())
    if (check.subject() == subject) return &check;
  return nullptr;
}

TEST(Probe, GoodHostIsGood) {
  control::ProbeReply reply;
  judge_host(good_host(), "", reply);
  judge_interface(good_interface(), good_host(), reply);
  for (const Check& check : reply.checks()) {
    EXPECT_EQ(check.verdict(), Check::GOOD) << check.subject() << ": " << check.finding();
    EXPECT_TRUE(check.remedy().empty()) << check.subject();
  }
}

TEST(Probe, EveryShortcomingHasItsVerdictAndRemedy) {
  const std::tuple<const char*, Check::Verdict, std::function<void(HostFacts&, InterfaceFacts&)>> cases[] = {
      {"kernel", Check::MISSING, [](auto& h, auto&) { h.kernel_minor = 0; }},
      {"BTF", Check::LIMITED, [](auto& h, auto&) { h.btf = false; }},
      {"BPF JIT", Check::LIMITED, [](auto& h, auto&) { h.jit = false; }},
      {"BPF file system", Check::MISSING, [](auto& h, auto&) { h.bpffs_error = "not mounted"; }},
      {"cgroup2", Check::MISSING, [](auto& h, auto&) { h.cgroup2.clear(); }},
      {"capabilities", Check::MISSING, [](auto& h, auto&) { h.cap_net_admin = false; }},
      {"XDP dispatcher", Check::LIMITED, [](auto& h, auto&) { h.dispatcher_object.clear(); }},
      {"eth0", Check::MISSING, [](auto&, auto& i) { i.index = 0; }},
      {"eth0", Check::LIMITED, [](auto&, auto& i) { i.up = false; }},
      {"eth0: driver", Check::LIMITED, [](auto&, auto& i) { i.driver_xdp = false; }},
      {"eth0: MTU", Check::LIMITED, [](auto&, auto& i) { i.mtu = 9000; }},
      {"eth0: offloads", Check::LIMITED, [](auto&, auto& i) { i.lro = true; }},
      {"eth0: XDP program", Check::MISSING, [](auto&, auto& i) { i.xdp_program = 1; }},
  };
  for (const auto& [subject, verdict, change] : cases) {
    HostFacts host = good_host();
    InterfaceFacts interface = good_interface();
    change(host, interface);
    control::ProbeReply reply;
    judge_host(host, "", reply);
    judge_interface(interface, host, reply);
    const Check* check = find(reply, subject);
    ASSERT_NE(check, nullptr) << subject;
    EXPECT_EQ(check->verdict(), verdict) << subject;
    EXPECT_FALSE(check->remedy().empty()) << subject;
  }
}

TEST(Probe, LimitOfTheMtu) {
  InterfaceFacts interface = good_interface();
  interface.mtu = kXdpMtuMax;
  EXPECT_FALSE(large_mtu(interface));
  interface.mtu = kXdpMtuMax + 1;
  EXPECT_TRUE(large_mtu(interface));
  interface.loopback = true;
  EXPECT_FALSE(large_mtu(interface));
}

TEST(Facts, OfThisHost) {
  const HostFacts host = host_facts("/sys/fs/bpf/bmcd");
  EXPECT_GE(host.kernel_major, 6u);
  EXPECT_FALSE(host.cgroup2.empty());
  const InterfaceFacts loopback = interface_facts("lo");
  EXPECT_EQ(loopback.index, 1);
  EXPECT_TRUE(loopback.loopback);
  EXPECT_EQ(interface_facts("nowhere").index, 0);
}

}  // namespace
}  // namespace bmc
