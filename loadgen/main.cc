// SPDX-License-Identifier: Apache-2.0
// bmc-loadgen: reads its options, fills the server if asked, runs one transport and reports.
// Exit status: 0 all right, 1 wrong replies were seen, 2 it could not run.
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <fstream>
#include <future>
#include <iostream>
#include <stop_token>
#include <thread>

#include "loadgen/echo_server.h"
#include "loadgen/find_max.h"
#include "loadgen/interface.h"
#include "loadgen/kernel_transport.h"
#include "loadgen/options.h"
#include "loadgen/population.h"
#include "loadgen/udp_client.h"

namespace bmc::loadgen {
namespace {

// Requests a stop on SIGINT or SIGTERM. The signals are blocked in every thread and waited for in one.
class SignalStop {
 public:
  SignalStop() {
    sigemptyset(&signals_);
    for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) sigaddset(&signals_, signal);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    thread_ = std::thread([this] {
      int signal = 0;
      sigwait(&signals_, &signal);
      source_.request_stop();
    });
  }
  ~SignalStop() {
    pthread_kill(thread_.native_handle(), SIGUSR1);
    thread_.join();
  }
  std::stop_token token() const { return source_.get_token(); }

 private:
  sigset_t signals_;
  std::stop_source source_;
  std::thread thread_;
};

void print_progress(const RunReport& so_far) {
  std::fprintf(stderr, "\r\033[K%.0f requests/s offered, %llu sent, %llu answered, %llu wrong",
               so_far.offered_rps, static_cast<unsigned long long>(so_far.sent),
               static_cast<unsigned long long>(so_far.answered()),
               static_cast<unsigned long long>(so_far.wrong()));
}

Result<void> fill(const Options& options, const IpAddress& server, const Workload& workload) {
  if (auto stored = populate(server, options.port, workload); !stored) return stored.error();
  auto check = verify_population(server, options.port, workload);
  if (!check) return check.error();
  if (check->wrong + check->missing > 0)
    return Error{EIO, "after storing " + std::to_string(workload.options().key_count) + " items " +
                          std::to_string(check->missing) + " are missing and " +
                          std::to_string(check->wrong) + " differ: is memcached's memory too small?"};
  return {};
}

struct Outcome {
  RunReport report;
  std::string remark;
};

Result<Outcome> run_kernel(const Options& options, const IpAddress& server, const Workload& workload,
                           const std::stop_token& stop, const Progress& progress) {
  std::optional<Mac> mac;
  if (!options.peer_mac.empty()) {
    auto parsed = parse_mac(options.peer_mac);
    if (!parsed) return parsed.error();
    mac = *parsed;
  }
  KernelOptions kernel = options.kernel;
  auto link = resolve_link(kernel.interface, server, options.port, mac);
  if (!link) return link.error();
  kernel.link = *link;
  auto transport = KernelTransport::create(kernel, workload);
  if (!transport) return transport.error();
  if (!options.find_max) {
    auto report = (*transport)->run({options.rate, options.test_time, options.requests, 1}, stop, progress);
    if (!report) return report.error();
    return Outcome{*report, ""};
  }
  FindMaxPlan plan = options.search;
  plan.confirm_seconds = options.test_time;
  if (options.rate > 0) plan.ceiling_rps = options.rate;
  auto found = find_max(plan, [&](double rps, double seconds) -> Result<RunReport> {
    auto report =
        (*transport)->run({rps, seconds, std::numeric_limits<std::uint64_t>::max(), 0.3}, stop, progress);
    if (report && stop.stop_requested()) return Error{ECANCELED, "interrupted"};
    return report;
  });
  if (!found) return found.error();
  std::string remark =
      found->confirmed ? "" : "no rate held: the machine is too noisy, this is the last tried\n";
  if (found->limited_by_load) remark += "the generator could not send more: the server may do better\n";
  return Outcome{found->best, remark};
}

Result<Outcome> run(const Options& options, const std::stop_token& stop) {
  auto server = IpAddress::parse(options.server);
  if (!server) return server.error();
  auto workload = Workload::create(options.workload);
  if (!workload) return workload.error();
  if (options.populate || options.populate_only) {
    if (auto filled = fill(options, *server, *workload); !filled) return filled.error();
    if (options.populate_only) return Outcome{};
  }
  Progress progress;
  if (!options.hide_progress && ::isatty(STDERR_FILENO)) progress = print_progress;
  if (options.transport == "kernel") return run_kernel(options, *server, *workload, stop, progress);
  auto client = UdpClient::create(*server, options.port, *workload);
  if (!client) return client.error();
  auto report = client->run({options.test_time, options.requests, options.rate}, stop, progress);
  if (!report) return report.error();
  return Outcome{*report, ""};
}

// Blocks until interrupted.
Result<void> serve_echo(const Options& options, const std::stop_token& stop) {
  auto server = EchoServer::attach(options.kernel.interface, options.port);
  if (!server) return server.error();
  std::promise<void> stopped;
  const std::stop_callback on_stop(stop, [&] { stopped.set_value(); });
  stopped.get_future().wait();
  return {};
}

int report(const Options& options, const Outcome& outcome) {
  if (!options.hide_progress && ::isatty(STDERR_FILENO)) std::fputs("\r\033[K", stderr);
  nlohmann::ordered_json json = outcome.report.json();
  json["transport"] = options.transport;
  if (options.json_out_file == "-") {
    std::cout << json.dump() << "\n";
  } else {
    std::cout << outcome.report.text() << outcome.remark;
    if (!options.json_out_file.empty() && !(std::ofstream(options.json_out_file) << json.dump(2) << "\n")) {
      std::cerr << "bmc-loadgen: cannot write " << options.json_out_file << "\n";
      return 2;
    }
  }
  return outcome.report.wrong() > 0 ? 1 : 0;
}

int main_program(int argc, char** argv) {
  Options options;
  CLI::App app("Load generator for memcached over UDP: paced requests, every reply checked.");
  declare_options(app, options);
  CLI11_PARSE(app, argc, argv);
  if (auto settled = settle_options(options); !settled) {
    std::cerr << "bmc-loadgen: " << settled.error().what << "\n";
    return 2;
  }
  const SignalStop signals;
  if (options.echo_server) {
    auto served = serve_echo(options, signals.token());
    if (!served) std::cerr << "bmc-loadgen: " << served.error().what << "\n";
    return served ? 0 : 2;
  }
  auto outcome = run(options, signals.token());
  if (!outcome) {
    std::cerr << "bmc-loadgen: " << outcome.error().what << "\n";
    return 2;
  }
  if (options.populate_only) return 0;
  return report(options, *outcome);
}

}  // namespace
}  // namespace bmc::loadgen

int main(int argc, char** argv) {
  try {
    return bmc::loadgen::main_program(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bmc-loadgen: %s\n", error.what());
    return 2;
  }
}
