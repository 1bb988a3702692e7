// SPDX-License-Identifier: Apache-2.0
// Every transport against the real memcached and against liars: nothing is lost, wrong or late where nothing
// is, and each of the three numbers shows what it should.
#include <gtest/gtest.h>

#include <memory>

#include "loadgen/af_xdp_transport.h"
#include "loadgen/find_max.h"
#include "loadgen/interface.h"
#include "loadgen/kernel_transport.h"
#include "loadgen/population.h"
#include "loadgen/tcp_transport.h"
#include "loadgen/tests/lying_server.h"
#include "loadgen/udp_transport.h"
#include "netns-tests/lib/lab.h"
#include "netns-tests/lib/memcached.h"

namespace bmc::loadgen {
namespace {

constexpr std::uint16_t kLiarPort = 11300;
constexpr std::uint64_t kPatientNs = 10'000'000'000;  // nothing on this machine is as late as that

enum class Kind { kUdp, kTcp, kMixed, kAfXdp };

class TransportTest : public ::testing::Test {
 protected:
  IpAddress server(bool v6 = false) const { return *IpAddress::parse(lab_.link().server(v6).ip); }

  void store(const Workload& workload) {
    const auto stored = populate(server(), lab::kMemcachedPort, workload);
    ASSERT_TRUE(stored) << stored.error().what;
  }

  SocketOptions options(const TrafficOptions& traffic = {.late_after_ns = kPatientNs}) const {
    SocketOptions out;
    out.server = server();
    out.connections = 3;
    out.pipeline = 4;
    out.traffic = traffic;
    return out;
  }

  Result<std::unique_ptr<SocketTransport>> try_make(Kind kind, const SocketOptions& options,
                                                    const Workload& workload) {
    if (kind == Kind::kUdp) return make_udp_transport(options, workload);
    if (kind == Kind::kTcp) return make_tcp_transport(options, workload);
    if (kind == Kind::kMixed) return make_mixed_transport(options, workload);
    const std::string& interface = lab_.link().far_device;
    const auto link = resolve_link(interface, options.server, options.port);
    if (!link) return link.error();
    return make_af_xdp_transport(options, {interface, *link, true}, workload);
  }

  std::unique_ptr<SocketTransport> make(Kind kind, const SocketOptions& options, const Workload& workload) {
    auto made = try_make(kind, options, workload);
    EXPECT_TRUE(made) << made.error().what;
    return *std::move(made);
  }

  // Until all are sent, however long that takes; open loop where `rps` is given.
  static RunReport run(Transport& transport, std::uint64_t requests, double rps = 0,
                       double grace_seconds = 10) {
    WindowPlan plan;
    plan.rps = rps;
    plan.seconds = 60;
    plan.requests = requests;
    plan.grace_seconds = grace_seconds;
    auto report = transport.run(plan, {}, {});
    EXPECT_TRUE(report) << report.error().what;
    return *report;
  }

  static void expect_all_right(const RunReport& report, std::uint64_t requests) {
    EXPECT_EQ(report.sent, requests);
    EXPECT_EQ(report.answered(), requests) << report.text();
    EXPECT_EQ(report.wrong(), 0u) << report.text();
    EXPECT_EQ(report.lost(), 0u) << report.text();
    EXPECT_EQ(report.sets.count + report.gets.count, requests);
  }

  lab::Lab lab_{{.far_xdp = false}};
  lab::Memcached memcached_{lab_.server(), {.threads = 1}};
  lab::ScopedNetns inside_{lab_.client()};
};

class EachTransport : public TransportTest, public ::testing::WithParamInterface<Kind> {};

std::string name_of(const ::testing::TestParamInfo<Kind>& info) {
  constexpr const char* kNames[] = {"Udp", "Tcp", "Mixed", "AfXdp"};
  return kNames[static_cast<int>(info.param)];
}

INSTANTIATE_TEST_SUITE_P(All, EachTransport,
                         ::testing::Values(Kind::kUdp, Kind::kTcp, Kind::kMixed, Kind::kAfXdp), name_of);

TEST_P(EachTransport, NothingIsWrongWithMemcached) {
  const Workload workload =
      *Workload::create({.key_count = 500, .key_minimum = 70, .pattern = Pattern::kZipf});
  store(workload);
  const auto transport = make(
      GetParam(), options({.sets = 1, .gets = 3, .late_after_ns = kPatientNs, .populated = true}), workload);
  expect_all_right(run(*transport, 4000), 4000);
  const RunReport paced = run(*transport, 1000, 2000);
  expect_all_right(paced, 1000);
  EXPECT_EQ(paced.counter[LOADGEN_MISS], 0u);
  EXPECT_EQ(paced.sets.count, 250u);
  EXPECT_EQ(paced.checked(), 1000u);
}

TEST_P(EachTransport, AnOldValueWrittenBehindItsBackIsStale) {
  const Workload workload = *Workload::create({.key_count = 100, .pattern = Pattern::kSequential});
  store(workload);
  const auto transport = make(
      GetParam(), options({.sets = 1, .gets = 1, .late_after_ns = kPatientNs, .populated = true}), workload);
  expect_all_right(run(*transport, 400), 400);
  store(workload);
  const RunReport report = run(*transport, 400);
  EXPECT_GT(report.counter[LOADGEN_WRONG_STALE], 0u) << report.text();
  EXPECT_EQ(report.wrong(), report.counter[LOADGEN_WRONG_STALE]) << report.text();
  EXPECT_EQ(report.lost(), 0u);
  EXPECT_GT(report.answered(), 0u);
}

TEST_P(EachTransport, OtherBytesAreWrongValues) {
  const Workload workload = *Workload::create({.key_count = 100, .pattern = Pattern::kSequential});
  store(*Workload::create({.key_count = 1, .value_seed = 9}));
  const RunReport report = run(*make(GetParam(), options(), workload), 200);
  EXPECT_EQ(report.counter[LOADGEN_WRONG_VALUE], 2u) << report.text();
  EXPECT_EQ(report.wrong(), 2u);
  EXPECT_EQ(report.answered(), 198u);
}

TEST_P(EachTransport, MultigetsAndSizesOfEtcAreRight) {
  const Workload workload = *Workload::create(
      {.key_count = 300, .sizes = Sizes::kEtc, .keys_per_request = 5, .one_datagram = false});
  store(workload);
  const RunReport report =
      run(*make(GetParam(), options({.late_after_ns = kPatientNs, .populated = true}), workload), 1000);
  expect_all_right(report, 1000);
  EXPECT_EQ(report.counter[LOADGEN_HIT], 5000u);
}

TEST_P(EachTransport, RepliesOfSeveralDatagramsAreRight) {
  const Workload workload = *Workload::create({.key_count = 20, .data_size = 9000, .one_datagram = false});
  store(workload);
  SocketOptions few = options({.late_after_ns = kPatientNs, .populated = true});
  few.pipeline = 1;  // seven datagrams each: more would fill the sender's buffer
  const RunReport report = run(*make(GetParam(), few, workload), 300);
  expect_all_right(report, 300);
  EXPECT_EQ(report.counter[LOADGEN_HIT], 300u);
}

TEST_P(EachTransport, IPv6) {
  const Workload workload = *Workload::create({.key_count = 100});
  store(workload);
  SocketOptions v6 = options({.sets = 1, .gets = 1, .late_after_ns = kPatientNs, .populated = true});
  v6.server = server(true);
  expect_all_right(run(*make(GetParam(), v6, workload), 500), 500);
}

TEST_P(EachTransport, AStopReportsWhatWasUntilThen) {
  const Workload workload = *Workload::create({.key_count = 100});
  const auto transport = make(GetParam(), options(), workload);
  std::stop_source source;
  WindowPlan plan;
  plan.rps = 1000;
  plan.seconds = 600;
  const auto report = transport->run(plan, source.get_token(), [&](const RunReport& so_far) {
    if (so_far.answered() > 0) source.request_stop();
  });
  ASSERT_TRUE(report) << report.error().what;
  EXPECT_TRUE(report->aborted);
  EXPECT_GT(report->answered(), 0u);
  EXPECT_LT(report->seconds, 600);
}

TEST_P(EachTransport, TheSearchFindsARateThatHolds) {
  const Workload workload = *Workload::create({.key_count = 100});
  const auto transport = make(GetParam(), options(), workload);
  FindMaxPlan plan;
  plan.start_rps = 200;
  plan.ceiling_rps = 400;
  plan.loss_max = 0.5;  // a busy machine is not the subject
  plan.window_seconds = plan.confirm_seconds = 0.1;
  const auto found = find_max(plan, [&](double rps, double seconds) {
    WindowPlan window;
    window.rps = rps;
    window.seconds = seconds;
    return transport->run(window, {}, {});
  });
  ASSERT_TRUE(found) << found.error().what;
  EXPECT_TRUE(found->confirmed);
  EXPECT_GT(found->best.answered(), 0u);
  EXPECT_EQ(found->tried.size(), static_cast<std::size_t>(found->windows));
}

TEST_P(EachTransport, AFrozenServerLosesEverything) {
  const Workload workload = *Workload::create({.key_count = 100});
  const auto transport = make(GetParam(), options({.late_after_ns = 1'000'000}), workload);
  memcached_.freeze();
  const RunReport frozen = run(*transport, 8, 1000, 0.05);
  EXPECT_EQ(frozen.answered(), 0u);
  EXPECT_EQ(frozen.unanswered(), frozen.sent);
  EXPECT_EQ(frozen.wrong() + frozen.late(), 0u);
  EXPECT_EQ(frozen.sent, 8u);
  memcached_.thaw();
}

TEST_P(EachTransport, NobodyThereIsSaid) {
  const Workload workload = *Workload::create({});
  SocketOptions nobody = options();
  nobody.port = 1;
  const auto made = try_make(GetParam(), nobody, workload);
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().what.find("memcached"), std::string::npos) << made.error().what;
}

TEST_P(EachTransport, ThreadsShareTheWork) {
  if (GetParam() == Kind::kAfXdp) {
    SocketOptions two = options();
    two.threads = 2;
    const Workload workload = *Workload::create({});
    EXPECT_FALSE(try_make(GetParam(), two, workload));
    return;
  }
  const Workload workload = *Workload::create({.key_count = 20});
  store(workload);
  SocketOptions three = options({.sets = 1, .gets = 2, .late_after_ns = kPatientNs, .populated = true});
  three.threads = 3;
  expect_all_right(run(*make(GetParam(), three, workload), 3001), 3001);
}

class DatagramTransports : public EachTransport {};

INSTANTIATE_TEST_SUITE_P(All, DatagramTransports, ::testing::Values(Kind::kUdp, Kind::kMixed, Kind::kAfXdp),
                         name_of);

TEST_P(DatagramTransports, EachLieIsFoundOut) {
  const WorkloadOptions keys{.key_count = 1};
  const Workload workload = *Workload::create(keys),
                 other = *Workload::create({.key_count = 1, .value_seed = 1});
  const std::string right = workload.record(0) + "END\r\n";
  const std::string two_gets = workload.record(0) + workload.record(0) + "END\r\n";
  const std::pair<std::vector<std::string>, loadgen_counter> lies[] = {
      {{right}, LOADGEN_ANSWERED},
      {{right, right}, LOADGEN_WRONG_UNASKED},
      {{other.record(0) + "END\r\n"}, LOADGEN_WRONG_VALUE},
      {{two_gets}, LOADGEN_WRONG_KEY},
      {{workload.record(0)}, LOADGEN_WRONG_END},
      {{right + "x"}, LOADGEN_WRONG_END},
      {{right.substr(0, right.size() - 20)}, LOADGEN_WRONG_LENGTH},
      {{"SERVER_ERROR busy\r\n"}, LOADGEN_WRONG_REFUSED},
      {{"\r\n\r\n"}, LOADGEN_WRONG_REFUSED},
      {{"VALUE \xff"}, LOADGEN_WRONG_LENGTH}};
  for (const auto& [lie, want] : lies) {
    const LyingServer liar(lab_.server(), kLiarPort, [&lie = lie](const std::string&) { return lie; });
    SocketOptions to_liar = options();
    to_liar.port = kLiarPort;
    const RunReport report = run(*make(GetParam(), to_liar, workload), 20, 0, 0.2);
    EXPECT_GT(report.counter[want], 0u) << lie.front() << "\n" << report.text();
    EXPECT_EQ(report.wrong(), want == LOADGEN_ANSWERED ? 0 : report.counter[want]) << report.text();
  }
}

TEST_F(TransportTest, EachLieOnAStreamIsFoundOut) {
  const Workload workload = *Workload::create({.key_count = 1}),
                 other = *Workload::create({.key_count = 1, .value_seed = 1});
  const std::string right = workload.record(0) + "END\r\n";
  const std::pair<std::vector<std::string>, loadgen_counter> lies[] = {
      {{right.substr(0, 10), right.substr(10)}, LOADGEN_ANSWERED},
      {{other.record(0) + "END\r\n"}, LOADGEN_WRONG_VALUE},
      {{right + "END\r\n"}, LOADGEN_WRONG_UNASKED},
      {{"STORED\r\n"}, LOADGEN_WRONG_END},
      {{"SERVER_ERROR busy\r\n"}, LOADGEN_WRONG_REFUSED},
      {{"VALUE key-000000000000 0 5\r\n1234567\r\n"}, LOADGEN_WRONG_LENGTH},
      {{std::string(5000, 'x')}, LOADGEN_WRONG_LENGTH}};
  for (const auto& [lie, want] : lies) {
    const LyingServer liar(lab_.server(), kLiarPort, [&lie = lie](const std::string&) { return lie; });
    SocketOptions to_liar = options();
    to_liar.port = kLiarPort;
    to_liar.pipeline = 1;
    const RunReport report = run(*make(Kind::kTcp, to_liar, workload), 20, 0, 0.2);
    EXPECT_GT(report.counter[want], 0u) << lie.front() << "\n" << report.text();
    if (want == LOADGEN_ANSWERED) {
      EXPECT_EQ(report.wrong(), 0u) << report.text();
    }
  }
}

TEST_F(TransportTest, AWriteThatWasNotAppliedIsFoundOut) {
  const Workload workload = *Workload::create({.key_count = 10});
  const LyingServer liar(lab_.server(), kLiarPort, [&](const std::string& request) {
    // Says that it stored, and keeps the population.
    if (request.compare(0, 4, "set ") == 0) return std::vector<std::string>{"STORED\r\n"};
    const auto index = static_cast<std::uint32_t>(std::stoul(request.substr(4 + 8)));
    return std::vector<std::string>{workload.record(index) + "END\r\n"};
  });
  for (const Kind kind : {Kind::kUdp, Kind::kTcp, Kind::kMixed, Kind::kAfXdp}) {
    SocketOptions to_liar = options({.sets = 1, .gets = 4, .late_after_ns = kPatientNs, .populated = true});
    to_liar.port = kLiarPort;
    const RunReport report = run(*make(kind, to_liar, workload), 500);
    EXPECT_GT(report.counter[LOADGEN_WRONG_STALE], 0u) << report.text();
    EXPECT_EQ(report.wrong(), report.counter[LOADGEN_WRONG_STALE]) << report.text();
    EXPECT_EQ(report.lost(), 0u);
  }
}

TEST_F(TransportTest, AfXdpSeesDamagedChecksums) {
  const Workload workload = *Workload::create({.key_count = 1});
  store(workload);
  SocketOptions socket = options();
  const auto transport = make(Kind::kAfXdp, socket, workload);
  expect_all_right(run(*transport, 50), 50);
  // With transmit offload the sums of a veth's datagrams are left to hardware that is not there.
  lab::run_checked({"ethtool", "-K", lab_.link().server_device, "tx", "on"}, &lab_.server());
  const RunReport report = run(*transport, 50, 0, 0.2);
  EXPECT_EQ(report.counter[LOADGEN_WRONG_CHECKSUM], 50u) << report.text();
}

TEST_F(TransportTest, AfXdpLeavesAnInterfaceAsItWas) {
  const Workload workload = *Workload::create({.key_count = 1});
  store(workload);
  for (int round = 0; round < 2; ++round)
    expect_all_right(run(*make(Kind::kAfXdp, options(), workload), 20), 20);
  const lab::XdpPass other(lab_.link().far_device);
  const auto made = try_make(Kind::kAfXdp, options(), workload);
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().what.find("allows no other"), std::string::npos) << made.error().what;
}

TEST_F(TransportTest, SetsThatFitNoDatagramAreRefused) {
  const Workload workload = *Workload::create({.data_size = 2000, .one_datagram = false});
  SocketOptions sets = options({.sets = 1});
  for (const Kind kind : {Kind::kUdp, Kind::kAfXdp}) {
    const auto made = try_make(kind, sets, workload);
    ASSERT_FALSE(made);
    EXPECT_NE(made.error().what.find("tcp-set-udp-get"), std::string::npos);
  }
  EXPECT_TRUE(try_make(Kind::kTcp, sets, workload));
  EXPECT_TRUE(try_make(Kind::kMixed, sets, workload));
}

// The path through the switch: what it does to replies is lost or late, never wrong.
class FaultyPathTest : public ::testing::Test {
 protected:
  RunReport drive(bool tcp, const lab::PathFaults& faults, std::uint64_t late_after_ns,
                  double grace_seconds = 2) {
    lab_.fault_switch().set_faults(lab::Direction::kToWriter, faults);
    SocketOptions options;
    options.server = *IpAddress::parse(lab_.faulty_link().server().ip);
    options.pipeline = 8;
    options.traffic.late_after_ns = late_after_ns;
    options.traffic.sets = 1;
    options.traffic.gets = 3;
    auto transport = tcp ? make_tcp_transport(options, workload_) : make_udp_transport(options, workload_);
    EXPECT_TRUE(transport) << transport.error().what;
    WindowPlan plan;
    plan.rps = 2000;
    plan.seconds = 60;
    plan.requests = 600;
    plan.grace_seconds = grace_seconds;
    auto report = (*transport)->run(plan, {}, {});
    EXPECT_TRUE(report) << report.error().what;
    return *report;
  }

  static lab::Lab& with_switch(lab::Lab& lab) {
    lab.add_faulty_path(1);
    return lab;
  }

  Workload workload_ = *Workload::create({.key_count = 100});
  lab::Lab made_;
  lab::Lab& lab_ = with_switch(made_);
  lab::Memcached memcached_{lab_.server(), {.threads = 1}};
  lab::ScopedNetns inside_{lab_.writer()};
};

TEST_F(FaultyPathTest, AFaultlessPathLosesNothing) {
  const RunReport report = drive(false, {}, kPatientNs, 10);
  EXPECT_EQ(report.answered(), 600u) << report.text();
}

TEST_F(FaultyPathTest, WhatThePathDropsIsLost) {
  const RunReport report = drive(false, {.drop = 0.2}, 20'000'000);
  EXPECT_GT(report.unanswered(), 0u) << report.text();
  EXPECT_EQ(report.wrong(), 0u) << report.text();
  EXPECT_EQ(report.answered() + report.late() + report.unanswered(), report.sent);
}

TEST_F(FaultyPathTest, WhatThePathDelaysIsLateAndNotLost) {
  const lab::PathFaults slow{.delay = 1, .delay_ms_max = 40};
  const RunReport report = drive(false, slow, 1'000'000, 10);
  EXPECT_GT(report.late(), 0u) << report.text();
  EXPECT_EQ(report.unanswered(), 0u) << report.text();
  EXPECT_EQ(report.wrong(), 0u) << report.text();
  const RunReport patient = drive(false, slow, kPatientNs, 10);
  EXPECT_EQ(patient.late(), 0u) << patient.text();
  EXPECT_EQ(patient.answered(), 600u);
}

TEST_F(FaultyPathTest, RepeatedRepliesAreNotCountedTwice) {
  const RunReport report = drive(false, {.duplicate = 1, .duplicate_udp = true}, kPatientNs, 10);
  EXPECT_EQ(report.answered(), 600u) << report.text();
  EXPECT_EQ(report.lost(), 0u);
  EXPECT_EQ(report.wrong(), report.counter[LOADGEN_WRONG_UNASKED]);
}

TEST_F(FaultyPathTest, AStreamOnlyBecomesLate) {
  const RunReport report = drive(true, {.drop = 0.05}, kPatientNs, 20);
  EXPECT_EQ(report.answered(), 600u) << report.text();
  EXPECT_EQ(report.wrong() + report.lost(), 0u);
}

}  // namespace
}  // namespace bmc::loadgen
