// SPDX-License-Identifier: Apache-2.0
// See run.h.
#include "loadgen/run.h"

#include <chrono>
#include <ctime>
#include <optional>

#include "loadgen/af_xdp_transport.h"
#include "loadgen/interface.h"
#include "loadgen/kernel_transport.h"
#include "loadgen/population.h"
#include "loadgen/tcp_transport.h"
#include "loadgen/udp_transport.h"

namespace bmc::loadgen {
namespace {

// The search's windows are short: so is the time for stragglers.
constexpr double kSearchGraceSeconds = 0.3;
// A window of the search that is hopeless is not run to its end (kernel transport).
constexpr double kSearchAbortLoss = 0.3;

Result<void> fill(const Options& options, const IpAddress& server, const Workload& workload,
                  const std::stop_token& stop) {
  if (auto stored = populate(server, options.port, workload, stop); !stored) return stored.error();
  auto check = verify_population(server, options.port, workload, stop);
  if (!check) return check.error();
  if (check->wrong + check->missing > 0)
    return Error{EIO, "after storing " + std::to_string(workload.options().key_count) + " items " +
                          std::to_string(check->missing) + " are missing and " +
                          std::to_string(check->wrong) + " differ: is memcached's memory too small?"};
  return {};
}

Result<Link> find_link(const Options& options, const IpAddress& server) {
  std::optional<Mac> mac;
  if (!options.peer_mac.empty()) {
    auto parsed = parse_mac(options.peer_mac);
    if (!parsed) return parsed.error();
    mac = *parsed;
  }
  return resolve_link(options.kernel.interface, server, options.port, mac);
}

SocketOptions socket_options(const Options& options, const IpAddress& server) {
  SocketOptions out;
  out.server = server;
  out.port = options.port;
  out.threads = options.threads;
  out.connections = options.clients;
  out.pipeline = *options.pipeline;
  out.busy_poll = options.busy_poll;
  out.cpu = options.kernel.cpu;
  out.traffic = options.traffic;
  return out;
}

// One kind of transport as the one interface.
template <typename Made>
Result<std::unique_ptr<Transport>> as_transport(Result<std::unique_ptr<Made>> made) {
  if (!made) return made.error();
  return std::unique_ptr<Transport>(*std::move(made));
}

Result<std::unique_ptr<Transport>> make_transport(const Options& options, const IpAddress& server,
                                                  const Workload& workload) {
  const SocketOptions sockets = socket_options(options, server);
  if (options.transport == "udp") return as_transport(make_udp_transport(sockets, workload));
  if (options.transport == "tcp") return as_transport(make_tcp_transport(sockets, workload));
  if (options.transport == "tcp-set-udp-get") return as_transport(make_mixed_transport(sockets, workload));
  auto link = find_link(options, server);
  if (!link) return link.error();
  if (options.transport == "af_xdp")
    return as_transport(make_af_xdp_transport(
        sockets, {options.kernel.interface, *link, options.kernel.verify_checksum}, workload));
  KernelOptions kernel = options.kernel;
  kernel.link = *link;
  return as_transport(KernelTransport::create(kernel, workload));
}

std::string utc_now() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm utc = {};
  ::gmtime_r(&now, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%FT%TZ", &utc);
  return text;
}

Result<void> search(const Options& options, Transport& transport, const std::stop_token& stop,
                    const Progress& progress, RunResult& result) {
  FindMaxPlan plan = options.search;
  plan.confirm_seconds = *options.test_time;
  plan.stop = stop;
  if (options.rate > 0) plan.ceiling_rps = options.rate;
  plan.start_rps = std::min(plan.start_rps, plan.ceiling_rps);
  auto found = find_max(plan, [&](double rps, double seconds) {
    WindowPlan window;
    window.rps = rps;
    window.seconds = seconds;
    window.abort_loss = kSearchAbortLoss;
    window.grace_seconds = kSearchGraceSeconds;
    return transport.run(window, stop, progress);
  });
  if (!found) return found.error();
  result.report = found->best;
  if (!found->confirmed && !stop.stop_requested())
    result.remarks.push_back("no rate held: the machine is too noisy, this is the last tried");
  if (found->limited_by_load)
    result.remarks.push_back("the generator could not send more: the server may do better");
  result.search = *std::move(found);
  return {};
}

Result<void> run_window(const Options& options, Transport& transport, const std::stop_token& stop,
                        const Progress& progress, RunResult& result) {
  WindowPlan window;
  window.rps = options.rate;
  window.seconds = *options.test_time;
  window.requests = options.requests_in_all();
  auto report = transport.run(window, stop, progress);
  if (!report) return report.error();
  result.report = *std::move(report);
  return {};
}

}  // namespace

Result<void> fill_server(const Options& options, const std::stop_token& stop) {
  auto server = IpAddress::parse(options.server);
  if (!server) return server.error();
  auto workload = Workload::create(options.workload);
  if (!workload) return workload.error();
  return fill(options, *server, *workload, stop);
}

Result<RunResult> run(const Options& options, const std::stop_token& stop, const Progress& progress) {
  auto server = IpAddress::parse(options.server);
  if (!server) return server.error();
  auto workload = Workload::create(options.workload);
  if (!workload) return workload.error();
  if (options.populate) {
    if (auto filled = fill(options, *server, *workload, stop); !filled) return filled.error();
  }
  auto transport = make_transport(options, *server, *workload);
  if (!transport) return transport.error();
  RunResult result;
  result.label = options.label;
  result.started = utc_now();
  result.percentiles = options.percentiles;
  const auto go = options.find_max ? search : run_window;
  if (auto done = go(options, **transport, stop, progress, result); !done) return done.error();
  result.interrupted = stop.stop_requested();
  if (const std::string remark = (*transport)->remark(); !remark.empty()) result.remarks.push_back(remark);
  return result;
}

}  // namespace bmc::loadgen
