// SPDX-License-Identifier: Apache-2.0
// See measurement.h.
#include "netns-tests/demo/measurement.h"

#include <algorithm>
#include <optional>

#include "loadgen/interface.h"
#include "loadgen/udp_client.h"
#include "netns-tests/lib/clock.h"
#include "netns-tests/lib/xdp_pass.h"

namespace bmc::demo {
namespace {

using loadgen::RunReport;
using loadgen::Workload;

constexpr double kHopeless = 0.3;  // a window that loses so much is ended
constexpr double kLossBearable = 0.005;
constexpr double kWarm = 0.995;
constexpr std::uint64_t kAnyNumber = std::numeric_limits<std::uint64_t>::max();

Result<loadgen::IpAddress> server_address(const lab::Link& link, bool v6) {
  return loadgen::IpAddress::parse(link.server(v6).ip);
}

}  // namespace

Result<Session> open_session(const lab::Link& link, const loadgen::WorkloadOptions& options,
                             const MeasurementPlan& plan) {
  auto workload = Workload::create(options);
  if (!workload) return workload.error();
  auto server = server_address(link, plan.v6);
  if (!server) return server.error();
  loadgen::KernelOptions kernel;
  kernel.interface = link.far_device;
  kernel.cpu = plan.load_cpu;
  kernel.expect_echo = plan.expect_echo;
  kernel.echo_growth = plan.echo_growth;
  auto resolved = loadgen::resolve_link(kernel.interface, *server, plan.port);
  if (!resolved) return resolved.error();
  kernel.link = *resolved;
  auto transport = loadgen::KernelTransport::create(kernel, *workload);
  if (!transport) return transport.error();
  return Session{*std::move(workload), *std::move(transport)};
}

// Every reply counts, those of the search too.
Result<RunReport> Measurement::counted(Result<RunReport> report) {
  if (!report) return report;
  total_.add(*report);
  if (stop_.stop_requested()) return Error{ECANCELED, "interrupted"};
  return report;
}

Result<void> Measurement::find_rate(const std::string& name, const MeasurementPlan& plan,
                                    Measured& measured) {
  progress_.step(name + ": highest rate without loss");
  auto session = open_session(link_, workload_, plan);
  if (!session) return session.error();
  const auto show = [this](const RunReport& so_far) { progress_.show(so_far); };
  const auto told = [](const std::function<double()>& ask) { return ask ? ask() : 0; };
  double hits = 0, used_s = 0;
  const auto window = [&](double rps, double seconds) {
    const double hits_before = told(plan.kernel_hits), used_before = told(plan.server_seconds);
    auto report = counted(session->transport->run({rps, seconds, kAnyNumber, kHopeless}, stop_, show));
    used_s = told(plan.server_seconds) - used_before;
    hits = told(plan.kernel_hits) - hits_before;
    return report;
  };
  loadgen::FindMaxPlan search = plan.search;
  search.confirm_seconds = std::min(plan.seconds, search.confirm_seconds);
  auto found = loadgen::find_max(search, window);
  if (!found) return found.error();
  RunReport best = found->best;
  if (plan.seconds > search.confirm_seconds) {
    progress_.step(name + ": " + grouped(best.offered_rps) + " requests/s");
    auto longer = window(best.offered_rps, plan.seconds);
    if (!longer) return longer.error();
    best = *longer;
  }
  measured.rps = best.rps();
  measured.loss = best.loss();
  measured.missed = best.counter[LOADGEN_MISS];
  measured.server_busy = best.seconds > 0 ? used_s / best.seconds : 0;
  measured.limited_by_load = found->limited_by_load;
  // Something else on the machine may cost a few milliseconds; more than that is no best rate any more.
  measured.steady = found->confirmed && best.loss() <= kLossBearable;
  if (best.answered() > 0)
    measured.kernel_hit_rate = std::min(1.0, hits / static_cast<double>(best.answered()));
  return {};
}

Result<void> Measurement::find_latency(const std::string& name, const MeasurementPlan& plan,
                                       Measured& measured) {
  progress_.step(name + ": one request at a time");
  if (plan.before_latency) plan.before_latency();
  auto workload = Workload::create(workload_);
  if (!workload) return workload.error();
  auto server = server_address(link_, plan.v6);
  if (!server) return server.error();
  // Only where answers come from XDP: memcached's own need no program here, and it would cost them time.
  std::optional<lab::XdpPass> receiver;
  if (plan.kernel_hits || plan.expect_echo) receiver.emplace(link_.far_device);
  auto client = loadgen::UdpClient::create(*server, lab::kMemcachedPort, *workload);
  if (!client) return client.error();
  loadgen::UdpPlan udp;
  udp.seconds = std::max(0.5, plan.seconds / 2);
  udp.expect_echo = plan.expect_echo;
  auto report = counted(client->run(udp, stop_, [this](const RunReport& so_far) { progress_.show(so_far); }));
  if (!report) return report.error();
  if (report->answered() == 0)
    return Error{ETIMEDOUT, "no answer to any of " + std::to_string(report->sent) + " single requests"};
  measured.p50_us = report->latency.quantile_ns(0.5) / 1000;
  measured.p99_us = report->latency.quantile_ns(0.99) / 1000;
  if (plan.after_latency) plan.after_latency();
  return {};
}

Result<Measured> Measurement::run(const std::string& name, const MeasurementPlan& plan) {
  Measured measured;
  const RunReport before = total_;
  if (auto done = find_rate(name, plan, measured); !done) return done.error();
  if (!plan.expect_echo) {
    if (auto done = find_latency(name, plan, measured); !done) return done.error();
  }
  measured.checked = total_.checked() - before.checked();
  measured.wrong = total_.wrong() - before.wrong();
  return measured;
}

Result<double> Measurement::warm_up(const MeasurementPlan& plan, double limit_s) {
  loadgen::WorkloadOptions sweep = workload_;
  sweep.pattern = loadgen::Pattern::kSequential;
  auto session = open_session(link_, sweep, plan);
  if (!session) return session.error();
  const lab::Deadline deadline = lab::Deadline::in_ms(static_cast<int64_t>(limit_s * 1000));
  const auto show = [this](const RunReport& so_far) { progress_.show(so_far); };
  for (double share = 0;;) {
    const double before = plan.gets_of_cached();
    auto report = counted(session->transport->run({plan.sweep_rps, 60, sweep.key_count, 1}, stop_, show));
    if (!report) return report.error();
    if (report->answered() > 0)
      share = std::min(1.0, (plan.gets_of_cached() - before) / static_cast<double>(report->answered()));
    if (share >= kWarm || deadline.passed()) return share;
  }
}

}  // namespace bmc::demo
