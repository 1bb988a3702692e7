// SPDX-License-Identifier: Apache-2.0
// bmc-broadcast-bench, behind `./bmc bench broadcast`: what a message to 2, 4, 6 and 8 replicas costs its
// sender with the broadcast offload, with sendmmsg() and with sendto(). Exit status: 0 measured, 2 it could
// not.
#include <sched.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

#include "control-plane/signal_stop.h"
#include "netns-tests/paxos/broadcast/bench/measurement.h"

namespace bmc::bench {
namespace {

struct Options {
  std::size_t repeats = 51;
  std::size_t messages = 200;
  std::vector<std::size_t> recipients{2, 4, 6, 8};
  std::vector<std::size_t> bytes{112, 1400};
  bool quick = false;
  bool json = false;
};

// One processor for all of it: what is compared shares its caches.
void stay_here() {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(sched_getcpu()), &set);
  (void)sched_setaffinity(0, sizeof(set), &set);
}

// The cases take turns, so that a slow moment of the machine does not fall on one of them alone.
int run(const Options& options) {
  const SignalStop signals;
  std::vector<BroadcastCase> cases;
  for (const bool v6 : {false, true}) {
    Sender sender(*std::max_element(options.recipients.begin(), options.recipients.end()), v6);
    stay_here();
    const std::size_t first = cases.size();
    for (const std::size_t bytes : options.bytes)
      for (const std::size_t recipients : options.recipients) cases.push_back({recipients, bytes, v6});
    for (std::size_t repeat = 0; repeat < options.repeats; ++repeat)
      for (std::size_t i = first; i < cases.size(); ++i) {
        if (signals.token().stop_requested()) {
          std::fprintf(stderr, "bmc-broadcast-bench: interrupted; everything it made is removed\n");
          return 130;
        }
        sender.measure(cases[i], options.messages);
      }
  }
  std::printf("%s", table(cases).c_str());
  if (options.json) std::printf("%s\n", json(cases).c_str());
  return 0;
}

int main_program(int argc, char** argv) {
  Options options;
  CLI::App app("Measures the broadcast offload against sendmmsg() and sendto(). As root.");
  app.add_option("--repeats", options.repeats, "of which the median counts")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  app.add_option("--messages", options.messages, "of each repeat")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  app.add_option("--recipients", options.recipients)->check(CLI::Range(2, 16))->capture_default_str();
  app.add_option("--bytes", options.bytes, "of UDP payload")
      ->check(CLI::Range(1, 1452))
      ->capture_default_str();
  app.add_flag("--quick", options.quick, "briefly: to see that it works");
  app.add_flag("--json", options.json, "one JSON object as the last line");
  CLI11_PARSE(app, argc, argv);
  if (::geteuid() != 0) {
    std::fprintf(stderr, "bmc-broadcast-bench: it makes network namespaces: run it as root\n");
    return 2;
  }
  if (options.quick) options.repeats = 3;
  return run(options);
}

}  // namespace
}  // namespace bmc::bench

int main(int argc, char** argv) {
  try {
    return bmc::bench::main_program(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bmc-broadcast-bench: %s\n", error.what());
    return 2;
  }
}
