// SPDX-License-Identifier: Apache-2.0
// bmc-demo, behind `./bmc demo`: the same traffic at memcached alone and at memcached with bmcd, on this
// machine. Exit status: 0 all right, 1 wrong replies were seen, 2 it could not run, 130 interrupted.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <stop_token>
#include <thread>

#include "loadgen/echo_server.h"
#include "loadgen/population.h"
#include "netns-tests/demo/bmcd_process.h"
#include "netns-tests/demo/measurement.h"
#include "netns-tests/demo/placement.h"
#include "netns-tests/demo/progress.h"
#include "netns-tests/demo/summary.h"
#include "netns-tests/lib/lab.h"
#include "netns-tests/lib/lab_error.h"
#include "netns-tests/lib/process.h"
#include "netns-tests/lib/signal_stop.h"

namespace bmc::demo {
namespace {

constexpr double kWarmUpLimitS = 30;

struct Options {
  double seconds = 5;
  bool json = false;
  bool plain_only = false;
  bool limit = false;
  bool v6 = false;
  std::uint32_t items = 10000;
  std::uint32_t data_size = 32;
  double zipf_exponent = 0.99;
  std::string bmcd, bmcctl;
};

struct Interrupted {};

template <typename T>
T unwrap(Result<T> result) {
  if (result) return *std::move(result);
  if (result.error().code == ECANCELED) throw Interrupted{};
  throw lab::LabError(result.error().what);
}

// Members are taken down in reverse: bmcd, memcached, namespaces.
class Demo {
 public:
  Demo(const Options& options, std::stop_token stop)
      : options_(options),
        stop_(std::move(stop)),
        inside_client_(lab_.client()),
        measurement_(lab_.link(), workload_, progress_, stop_) {
    workload_.key_count = options_.items;
    workload_.data_size = options_.data_size;
    workload_.pattern = loadgen::Pattern::kZipf;
    workload_.zipf_exponent = options_.zipf_exponent;
  }

  Summary run() {
    place();
    pin_this_thread(placement_.load_cpu);
    start_memcached();
    fill();
    Summary summary;
    summary.plain = unwrap(measurement_.run("memcached alone", plan()));
    if (options_.limit) summary.limit = measure_limit();
    if (!options_.plain_only) summary.bmcd = measure_bmcd();
    summary.checked = measurement_.checked();
    summary.wrong = measurement_.wrong();
    return summary;
  }

 private:
  void place() {
    server_reception_.separate();
    client_reception_.separate();
  }

  void start_memcached() {
    progress_.step("starting memcached");
    const lab::Link& link = lab_.link();
    const std::string port = std::to_string(lab::kMemcachedPort);
    memcached_ = std::make_unique<lab::Process>(
        lab::ProcessSpec{.argv = {"setsid", "taskset", "-c", std::to_string(placement_.server_cpu),
                                  "memcached", "-u", "nobody", "-p", port, "-U", port, "-l",
                                  link.server(false).ip + "," + link.server(true).ip, "-t", "1", "-m", "512"},
                         .netns = &lab_.server()});
  }

  // Memcached needs a moment until it listens.
  void fill() {
    progress_.step("storing " + grouped(options_.items) + " items");
    const loadgen::IpAddress server = unwrap(loadgen::IpAddress::parse(lab_.link().server(options_.v6).ip));
    const loadgen::Workload workload = unwrap(loadgen::Workload::create(workload_));
    Result<void> stored;
    lab::eventually(lab::Deadline::in_ms(10'000), [&] {
      stored = loadgen::populate(server, lab::kMemcachedPort, workload);
      return stored.ok() || stored.error().code != ECONNREFUSED || !memcached_->running() ||
             stop_.stop_requested();
    });
    if (stop_.stop_requested()) throw Interrupted{};
    if (!stored) throw lab::LabError(stored.error().what + "\n" + memcached_->output());
    const auto check = unwrap(loadgen::verify_population(server, lab::kMemcachedPort, workload));
    if (check.wrong + check.missing > 0) throw lab::LabError("memcached did not keep all items");
    prefer(memcached_->pid(), kServerPriority);
  }

  MeasurementPlan plan() {
    MeasurementPlan plan;
    plan.seconds = options_.seconds;
    plan.load_cpu = placement_.load_cpu;
    plan.v6 = options_.v6;
    plan.before_latency = [this] {
      server_reception_.with_sender();
      client_reception_.with_sender();
    };
    plan.after_latency = [this] { place(); };
    return plan;
  }

  Measured measure_limit() {
    std::unique_ptr<loadgen::EchoServer> echo;
    {
      const lab::ScopedNetns inside(lab_.server());
      echo = unwrap(loadgen::EchoServer::attach(lab_.link().server_device, lab::kMemcachedPort));
    }
    MeasurementPlan limit = plan();
    limit.expect_echo = true;
    limit.start_rps = 200000;
    return unwrap(measurement_.run("a program that only swaps addresses", limit));
  }

  Measured measure_bmcd() {
    progress_.step("starting bmcd");
    BmcdProcess bmcd(lab_.server(), {options_.bmcd, options_.bmcctl, lab_.link().server_device,
                                     lab_.link().server(options_.v6), placement_.server_cpu});
    prefer(bmcd.pid(), kDaemonPriority);
    MeasurementPlan accelerated = plan();
    accelerated.start_rps = 200000;
    accelerated.kernel_hits = [&bmcd] { return bmcd.kernel_hits(); };
    progress_.step("asking every key until bmcd has them all");
    const double warm = unwrap(measurement_.warm_up(accelerated, kWarmUpLimitS));
    Measured measured = unwrap(measurement_.run("with bmcd", accelerated));
    if (measured.kernel_hit_rate < warm / 2)
      throw lab::LabError("bmcd stopped answering from the kernel:\n" + bmcd.output());
    return measured;
  }

  const Options& options_;
  std::stop_token stop_;
  ProgressLine progress_;
  Placement placement_ = choose_placement();
  lab::Lab lab_{{.far_xdp = false}};
  Reception server_reception_{lab_.server(), lab_.link().server_device, placement_.server_cpu,
                              kServerPriority};
  Reception client_reception_{lab_.client(), lab_.link().far_device, placement_.load_cpu, kLoadPriority};
  lab::ScopedNetns inside_client_;
  loadgen::WorkloadOptions workload_;
  std::unique_ptr<lab::Process> memcached_;
  Measurement measurement_;
};

// Beside this program where they are installed, else where the build has put them.
std::string find_program(const std::string& name, const std::string& built) {
  std::error_code ignored;
  const auto own = std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path() / name;
  return std::filesystem::exists(own, ignored) ? own.string() : built;
}

void declare_options(CLI::App& app, Options& options) {
  app.add_option("--seconds", options.seconds, "to measure each at its best rate")
      ->check(CLI::Range(0.2, 3600.0))
      ->capture_default_str();
  app.add_flag("--json", options.json, "one JSON object as the last line");
  app.add_flag("--plain-only", options.plain_only, "memcached alone, without bmcd");
  app.add_flag("--limit", options.limit, "also a program that only swaps addresses: nothing can be faster");
  app.add_flag("--ipv6", options.v6, "over IPv6");
  app.add_option("--items", options.items, "items in memcached")->capture_default_str();
  app.add_option("--data-size", options.data_size, "bytes of a value")->capture_default_str();
  app.add_option("--key-zipf-exp", options.zipf_exponent, "how uneven the keys are asked")
      ->capture_default_str();
  app.add_option("--bmcd", options.bmcd, "path of the daemon")->capture_default_str();
  app.add_option("--bmcctl", options.bmcctl, "path of its command line")->capture_default_str();
}

int run(const Options& options) {
  const lab::SignalStop signals;
  try {
    if (!options.plain_only && !std::filesystem::exists(options.bmcd))
      throw lab::LabError("no bmcd at '" + options.bmcd + "': build it, or give --bmcd PATH or --plain-only");
    Summary summary;
    {
      Demo demo(options, signals.token());
      summary = demo.run();
    }
    std::printf("%s", table(summary).c_str());
    if (options.json) std::printf("%s\n", json(summary).c_str());
    return summary.wrong > 0 ? 1 : 0;
  } catch (const Interrupted&) {
    std::fprintf(stderr, "bmc-demo: interrupted; everything it made is removed\n");
    return 130;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bmc-demo: %s\n", error.what());
    return 2;
  }
}

int main_program(int argc, char** argv) {
  Options options;
  options.bmcd = find_program("bmcd", BMC_DEMO_BMCD);
  options.bmcctl = find_program("bmcctl", BMC_DEMO_BMCCTL);
  CLI::App app("Drives the same traffic at memcached alone and at memcached with bmcd, and compares.");
  declare_options(app, options);
  CLI11_PARSE(app, argc, argv);
  if (::geteuid() == 0) return run(options);
  std::fprintf(stderr, "bmc-demo: it makes network namespaces and loads BPF programs: run it as root\n");
  return 2;
}

}  // namespace
}  // namespace bmc::demo

int main(int argc, char** argv) {
  try {
    return bmc::demo::main_program(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bmc-demo: %s\n", error.what());
    return 2;
  }
}
