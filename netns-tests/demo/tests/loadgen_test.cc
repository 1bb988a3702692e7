// SPDX-License-Identifier: Apache-2.0
// The load generator against the real memcached: nothing wrong is found where nothing is, and everything
// where it is.
#include <gtest/gtest.h>

#include <limits>

#include "loadgen/echo_server.h"
#include "loadgen/interface.h"
#include "loadgen/kernel_transport.h"
#include "loadgen/population.h"
#include "loadgen/tcp_transport.h"
#include "loadgen/udp_client.h"
#include "netns-tests/lib/lab.h"
#include "netns-tests/lib/memcached.h"

namespace bmc::demo {
namespace {

using loadgen::KernelTransport;
using loadgen::Pattern;
using loadgen::RunReport;
using loadgen::Workload;
using loadgen::WorkloadOptions;

class LoadgenTest : public ::testing::Test {
 protected:
  loadgen::IpAddress server(bool v6 = false) const {
    return *loadgen::IpAddress::parse(lab_.link().server(v6).ip);
  }

  void store(const WorkloadOptions& options) {
    const auto stored = loadgen::populate(server(), lab::kMemcachedPort, *Workload::create(options));
    ASSERT_TRUE(stored) << stored.error().what;
  }

  // So slow that even a busy machine answers; the rate is not what is tested here.
  RunReport drive(const WorkloadOptions& options, bool v6 = false, bool echo = false,
                  std::uint16_t echo_growth = 0) {
    const Workload workload = *Workload::create(options);
    loadgen::KernelOptions kernel;
    kernel.interface = lab_.link().far_device;
    kernel.expect_echo = echo;
    kernel.echo_growth = echo_growth;
    const auto link = loadgen::resolve_link(kernel.interface, server(v6), lab::kMemcachedPort);
    EXPECT_TRUE(link) << link.error().what;
    kernel.link = *link;
    auto transport = KernelTransport::create(kernel, workload);
    EXPECT_TRUE(transport) << transport.error().what;
    auto report = (*transport)->run({.rps = 5000, .seconds = 1}, {}, {});
    EXPECT_TRUE(report) << report.error().what;
    return *report;
  }

  RunReport talk(const WorkloadOptions& options) {
    const Workload workload = *Workload::create(options);
    auto client = loadgen::UdpClient::create(server(), lab::kMemcachedPort, workload);
    EXPECT_TRUE(client) << client.error().what;
    auto report = client->run({.seconds = 30, .requests = 200}, {}, {});
    EXPECT_TRUE(report) << report.error().what;
    return *report;
  }

  lab::Lab lab_{{.far_xdp = false}};
  lab::Memcached memcached_{lab_.server(), {.threads = 1}};
  lab::ScopedNetns inside_{lab_.client()};
};

TEST_F(LoadgenTest, PopulationIsReadBackWhole) {
  const WorkloadOptions options{.key_count = 2345, .data_size = 77, .flags = 5, .control_characters = true};
  store(options);
  const auto check = loadgen::verify_population(server(), lab::kMemcachedPort, *Workload::create(options));
  ASSERT_TRUE(check) << check.error().what;
  EXPECT_EQ(check->right, 2345u);
  EXPECT_EQ(check->wrong + check->missing, 0u);
}

TEST_F(LoadgenTest, PopulationOfOtherValuesIsNoticed) {
  store({.key_count = 500, .value_seed = 1});
  const auto check =
      loadgen::verify_population(server(), lab::kMemcachedPort, *Workload::create({.key_count = 600}));
  ASSERT_TRUE(check) << check.error().what;
  EXPECT_EQ(check->right, 0u);
  EXPECT_EQ(check->wrong, 500u);
  EXPECT_EQ(check->missing, 100u);
}

TEST_F(LoadgenTest, NothingIsWrongWithMemcached) {
  for (const bool v6 : {false, true}) {
    const WorkloadOptions options{.key_count = 1000, .pattern = Pattern::kZipf, .control_characters = v6};
    store(options);
    const RunReport report = drive(options, v6);
    EXPECT_EQ(report.wrong(), 0u) << report.text();
    EXPECT_GT(report.answered(), 0u) << report.text();
    EXPECT_EQ(report.counter[LOADGEN_HIT], report.answered());
    EXPECT_EQ(report.counter[LOADGEN_MISS], 0u);
    EXPECT_EQ(report.latency.count(), report.answered());
  }
}

TEST_F(LoadgenTest, NothingIsWrongWithItsMultigets) {
  const WorkloadOptions options{.key_count = 1000, .key_size = 17, .keys_per_request = 7};
  store(options);
  const RunReport report = drive(options);
  EXPECT_EQ(report.wrong(), 0u) << report.text();
  EXPECT_GT(report.answered(), 0u) << report.text();
  EXPECT_EQ(report.counter[LOADGEN_HIT], 7 * report.answered());
}

TEST_F(LoadgenTest, OtherValuesAreAllWrong) {
  store({.key_count = 1000, .value_seed = 1});
  const RunReport report = drive({.key_count = 1000});
  EXPECT_GT(report.wrong(), 0u);
  EXPECT_EQ(report.counter[LOADGEN_WRONG_VALUE], report.checked());
  EXPECT_EQ(report.answered(), 0u);
}

TEST_F(LoadgenTest, OneOtherValueAmongAllIsFound) {
  store({.key_count = 100});
  store({.key_count = 1, .value_seed = 1});
  const RunReport report = drive({.key_count = 100, .pattern = Pattern::kSequential});
  EXPECT_GT(report.counter[LOADGEN_WRONG_VALUE], 0u) << report.text();
  EXPECT_GT(report.answered(), 50 * report.wrong()) << report.text();
}

TEST_F(LoadgenTest, AbsentKeysAreMissesAndNotWrong) {
  store({.key_count = 50});
  const RunReport report = drive({.key_count = 100, .pattern = Pattern::kSequential});
  EXPECT_EQ(report.wrong(), 0u) << report.text();
  EXPECT_GT(report.counter[LOADGEN_HIT], 0u);
  EXPECT_GT(report.counter[LOADGEN_MISS], 0u);
  EXPECT_EQ(report.counter[LOADGEN_HIT] + report.counter[LOADGEN_MISS], report.answered());
}

TEST_F(LoadgenTest, AStoppedServerLosesAll) {
  store({.key_count = 100});
  memcached_.freeze();
  const RunReport frozen = drive({.key_count = 100});
  EXPECT_EQ(frozen.answered(), 0u);
  EXPECT_EQ(frozen.lost(), frozen.sent);
  EXPECT_EQ(frozen.wrong(), 0u) << frozen.text();
  memcached_.thaw();
}

// An odd number of bytes, so that the lengths' sums change in both halves.
TEST_F(LoadgenTest, AnEchoMayBeLonger) {
  constexpr std::uint16_t kGrowth = 501;
  const auto echo = [&] {
    const lab::ScopedNetns inside(lab_.server());
    return loadgen::EchoServer::attach(lab_.link().server_device, lab::kMemcachedPort, kGrowth);
  }();
  ASSERT_TRUE(echo) << echo.error().what;
  for (const bool v6 : {false, true}) {
    const RunReport report = drive({.key_count = 100'000}, v6, true, kGrowth);
    EXPECT_EQ(report.wrong(), 0u) << report.text();
    EXPECT_GT(report.answered(), 0u) << report.text();
  }
  const RunReport other = drive({.key_count = 100'000}, false, true, kGrowth - 1);
  EXPECT_EQ(other.counter[LOADGEN_WRONG_LENGTH], other.checked()) << other.text();
  EXPECT_EQ(other.answered(), 0u);
}

// A load of sets whose gets another generator checks against what was populated.
TEST_F(LoadgenTest, SetsMayStoreWhatWasThere) {
  const Workload workload = *Workload::create({.key_count = 50});
  store(workload.options());
  loadgen::SocketOptions options;
  options.server = server();
  options.traffic.sets = 1;
  options.traffic.gets = 0;
  options.yielding = true;
  for (const bool rewrite : {true, false}) {
    options.traffic.rewrite = rewrite;
    auto sets = loadgen::make_tcp_transport(options, workload);
    ASSERT_TRUE(sets) << sets.error().what;
    const auto report = (*sets)->run({.rps = 5000, .seconds = 10, .requests = 500}, {}, {});
    ASSERT_TRUE(report) << report.error().what;
    EXPECT_EQ(report->answered(), 500u) << report->text();
    const auto check = loadgen::verify_population(server(), lab::kMemcachedPort, workload);
    ASSERT_TRUE(check) << check.error().what;
    EXPECT_EQ(check->wrong == 0, rewrite) << "otherwise each set writes another version";
  }
}

TEST_F(LoadgenTest, AnEchoIsNotTakenForMemcached) {
  const auto attach = [&] {
    const lab::ScopedNetns inside(lab_.server());
    return loadgen::EchoServer::attach(lab_.link().server_device, lab::kMemcachedPort);
  };
  const auto echo = attach();
  ASSERT_TRUE(echo) << echo.error().what;
  const RunReport as_echo = drive({.key_count = 100}, false, true);
  EXPECT_EQ(as_echo.wrong(), 0u) << as_echo.text();
  EXPECT_GT(as_echo.answered(), 0u);
  const RunReport as_memcached = drive({.key_count = 100}, true);
  EXPECT_EQ(as_memcached.answered(), 0u);
  EXPECT_EQ(as_memcached.wrong(), as_memcached.checked());
  EXPECT_GT(as_memcached.wrong(), 0u);
}

TEST_F(LoadgenTest, TheSocketClientSeesTheSame) {
  store({.key_count = 100});
  const RunReport right = talk({.key_count = 100});
  EXPECT_EQ(right.answered(), 200u) << right.text();
  EXPECT_EQ(right.wrong(), 0u);
  const RunReport other = talk({.key_count = 100, .value_seed = 1});
  EXPECT_EQ(other.counter[LOADGEN_WRONG_VALUE], 200u) << other.text();
}

TEST_F(LoadgenTest, TheNextHopMustBeKnown) {
  const auto link =
      loadgen::resolve_link(lab_.link().far_device, *loadgen::IpAddress::parse("10.99.0.77"), 1);
  ASSERT_FALSE(link);
  EXPECT_NE(link.error().what.find("--peer-mac"), std::string::npos) << link.error().what;
  EXPECT_FALSE(loadgen::resolve_link("nosuch0", server(), 1));
}

}  // namespace
}  // namespace bmc::demo
