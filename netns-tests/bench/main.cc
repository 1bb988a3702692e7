// SPDX-License-Identifier: Apache-2.0
// bmc-cache-bench, behind `./bmc bench cache`: memcached alone, with bmcd, and the limit, measured in turn on
// this machine. Exit status: 0 measured (a missed target is no failure), 1 wrong replies were seen, 2 it
// could not run, 130 interrupted.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "control-plane/signal_stop.h"
#include "netns-tests/bench/cases.h"
#include "netns-tests/bench/report.h"
#include "netns-tests/bench/runner.h"

namespace bmc::bench {
namespace {

constexpr std::uint32_t kKeys = 1'000'000, kQuickKeys = 100'000;

struct Options {
  bool quick = false;
  bool list = false;
  std::string json_file;
  std::vector<std::string> cases;
  std::vector<std::string> sides;
  std::uint32_t keys = 0;  // 0: not given, as the next two
  int rounds = 0;
  double seconds = 0;
  RunnerOptions runner;
};

void declare_options(CLI::App& app, Options& options, const std::vector<std::string>& names) {
  app.add_flag("--quick", options.quick, "three short rounds with fewer keys: to see that it works");
  app.add_option("--json", options.json_file, "write the results there; - is standard output");
  app.add_option("--case", options.cases, "only this one; may be repeated")->check(CLI::IsMember(names));
  app.add_flag("--list", options.list, "tell the cases, and leave");
  app.add_option("--side", options.sides, "only this one; may be repeated")
      ->check(CLI::IsMember({"plain", "bmcd", "limit"}));
  app.add_option("--rounds", options.rounds, "of which the median counts; 5, quick 3")
      ->check(CLI::Range(1, 100));
  app.add_option("--seconds", options.seconds, "of a measurement; 2, quick 0.3")
      ->check(CLI::Range(0.1, 600.0));
  app.add_option("--keys", options.keys, "items that the cache can hold all; 1000000, quick 100000")
      ->check(CLI::Range(100u, 50'000'000u));
  app.add_option("--bmcd", options.runner.bmcd, "path of the daemon")->capture_default_str();
  app.add_option("--bmcctl", options.runner.bmcctl, "path of its command line")->capture_default_str();
}

void settle(Options& options) {
  RunnerOptions& runner = options.runner;
  if (options.keys == 0) options.keys = options.quick ? kQuickKeys : kKeys;
  runner.rounds = options.rounds > 0 ? options.rounds : options.quick ? 3 : 5;
  runner.pace.seconds = options.seconds > 0 ? options.seconds : options.quick ? 0.3 : 2;
  if (options.quick) runner.pace.window_seconds = std::min(runner.pace.seconds, 0.15);
  if (options.sides.empty()) return;
  runner.sides.clear();
  for (const Side side : kSides)
    if (std::find(options.sides.begin(), options.sides.end(), name_of(side)) != options.sides.end())
      runner.sides.insert(side);
}

void list(const std::vector<Case>& cases) {
  for (const Case& each : cases)
    std::printf("%-26s %-10s %s%s%s\n", each.name.c_str(), each.unit.c_str(), each.what.c_str(),
                each.target.text.empty() ? "" : "; wanted: ", each.target.text.c_str());
}

void write_json(const Options& options, const Results& results) {
  if (options.json_file.empty()) return;
  if (options.json_file == "-") {
    std::printf("%s\n", json(results).c_str());
  } else if (!(std::ofstream(options.json_file) << json(results) << "\n")) {
    throw lab::LabError("cannot write " + options.json_file);
  }
}

int run(const Options& options, std::vector<Case> cases) {
  const SignalStop signals;
  try {
    if (options.runner.sides.count(Side::kBmcd) != 0 && !std::filesystem::exists(options.runner.bmcd))
      throw lab::LabError("no bmcd at '" + options.runner.bmcd + "': build it, or give --bmcd PATH");
    if (!options.cases.empty())
      std::erase_if(cases, [&](const Case& each) {
        return std::find(options.cases.begin(), options.cases.end(), each.name) == options.cases.end();
      });
    const Results results = measure(cases, all_scenes(options.keys), options.runner, signals.token());
    std::printf("%s", table(results).c_str());
    write_json(options, results);
    return results.total.wrong() > 0 ? 1 : 0;
  } catch (const demo::Interrupted&) {
    std::fprintf(stderr, "bmc-cache-bench: interrupted; everything it made is removed\n");
    return 130;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bmc-cache-bench: %s\n", error.what());
    return 2;
  }
}

int main_program(int argc, char** argv) {
  const std::vector<Case> cases = all_cases();
  std::vector<std::string> names;
  for (const Case& each : cases) names.push_back(each.name);
  Options options;
  options.runner.bmcd = demo::find_program("bmcd", BMC_BENCH_BMCD);
  options.runner.bmcctl = demo::find_program("bmcctl", BMC_BENCH_BMCCTL);
  CLI::App app(
      "Measures memcached alone, with bmcd, and a program that only swaps addresses, in turn. As root.");
  declare_options(app, options, names);
  CLI11_PARSE(app, argc, argv);
  if (options.list) {
    list(cases);
    return 0;
  }
  settle(options);
  if (::geteuid() == 0) return run(options, cases);
  std::fprintf(stderr,
               "bmc-cache-bench: it makes network namespaces and loads BPF programs: run it as root\n");
  return 2;
}

}  // namespace
}  // namespace bmc::bench

int main(int argc, char** argv) {
  try {
    return bmc::bench::main_program(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bmc-cache-bench: %s\n", error.what());
    return 2;
  }
}
