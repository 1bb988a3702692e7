// SPDX-License-Identifier: Apache-2.0
// The program `hammer`: long runs of the staleness hammer, by hand or from a schedule. Exit status 1:
// violations.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <random>

#include "netns-tests/hammer/hammer.h"
#include "netns-tests/lib/bmcd.h"

int main(int argc, char** argv) {
  bmc::hammer::HammerOptions options;
  options.seed = std::random_device{}();
  std::string faults = "all";
  bool json = false;
  CLI::App app{"Readers and writers against one memcached; every read is checked for staleness. As root."};
  app.add_option("--seconds", options.seconds, "length of the run")->capture_default_str();
  app.add_option("--seed", options.seed, "decides everything but the timing");
  app.add_option("--faults", faults, "comma-separated: " + bmc::hammer::fault_names())->capture_default_str();
  app.add_option("--keys", options.keys_each, "keys of each writer")->capture_default_str();
  app.add_flag("--accelerated,!--plain", options.accelerated, "with bmcd")
      ->default_val(bmc::lab::Bmcd::available());
  app.add_flag("--verbose", options.verbose, "a line per fault on stderr");
  app.add_flag("--json", json, "the report as one JSON object on the last line");
  CLI11_PARSE(app, argc, argv);
  try {
    options.faults = bmc::hammer::parse_faults(faults);
    const auto report = bmc::hammer::run_hammer(options);
    std::printf("%s", report.text().c_str());
    if (json) std::printf("%s\n", report.json().c_str());
    const bool proves_nothing = options.accelerated && report.kernel_hits == 0;
    if (proves_nothing) std::fprintf(stderr, "the kernel answered nothing: this run proves nothing\n");
    return report.violation_count == 0 && !proves_nothing ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "hammer: %s\n", error.what());
    return 2;
  }
}
