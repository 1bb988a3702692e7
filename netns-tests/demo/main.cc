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

#include "control-plane/signal_stop.h"
#include "netns-tests/demo/measurement.h"
#include "netns-tests/demo/progress.h"
#include "netns-tests/demo/stage.h"
#include "netns-tests/demo/summary.h"

namespace bmc::demo {
namespace {

constexpr double kWarmUpLimitS = 30;
constexpr unsigned kMemcachedMb = 512;

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

class Demo {
 public:
  Demo(const Options& options, std::stop_token stop)
      : options_(options), stop_(std::move(stop)), measurement_(stage_.link(), workload_, progress_, stop_) {
    workload_.key_count = options_.items;
    workload_.data_size = options_.data_size;
    workload_.pattern = loadgen::Pattern::kZipf;
    workload_.zipf_exponent = options_.zipf_exponent;
  }

  Summary run() {
    progress_.step("starting memcached, storing " + grouped(options_.items) + " items");
    stage_.start_memcached(kMemcachedMb);
    stage_.fill(workload_, options_.v6, stop_);
    Summary summary;
    summary.plain = unwrap(measurement_.run("memcached alone", plan()));
    if (options_.limit) summary.limit = measure_limit();
    if (!options_.plain_only) summary.bmcd = measure_bmcd();
    summary.checked = measurement_.total().checked();
    summary.wrong = measurement_.total().wrong();
    return summary;
  }

 private:
  MeasurementPlan plan() {
    MeasurementPlan plan;
    plan.seconds = options_.seconds;
    plan.load_cpu = stage_.placement().load_cpu;
    plan.v6 = options_.v6;
    plan.before_latency = [this] { stage_.receive_with_sender(); };
    plan.after_latency = [this] { stage_.receive_apart(); };
    return plan;
  }

  Measured measure_limit() {
    const auto echo = stage_.start_echo();
    MeasurementPlan limit = plan();
    limit.expect_echo = true;
    limit.search.start_rps = 200000;
    return unwrap(measurement_.run("a program that only swaps addresses", limit));
  }

  Measured measure_bmcd() {
    progress_.step("starting bmcd");
    BmcdOptions options;
    options.bmcd = options_.bmcd;
    options.bmcctl = options_.bmcctl;
    const auto bmcd = stage_.start_bmcd(options, options_.v6);
    MeasurementPlan accelerated = plan();
    accelerated.search.start_rps = 200000;
    accelerated.kernel_hits = [&bmcd] { return bmcd->kernel_hits(); };
    accelerated.gets_of_cached = [&bmcd] { return bmcd->gets_of_cached(); };
    progress_.step("asking every key until bmcd has them all");
    const double warm = unwrap(measurement_.warm_up(accelerated, kWarmUpLimitS));
    Measured measured = unwrap(measurement_.run("with bmcd", accelerated));
    if (measured.kernel_hit_rate < warm / 2)
      throw lab::LabError("bmcd stopped answering from the kernel:\n" + bmcd->output());
    return measured;
  }

  const Options& options_;
  std::stop_token stop_;
  ProgressLine progress_;
  Stage stage_;
  loadgen::WorkloadOptions workload_;
  Measurement measurement_;
};

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
  const SignalStop signals;
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
