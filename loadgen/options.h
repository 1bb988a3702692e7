// SPDX-License-Identifier: Apache-2.0
// The command line of bmc-loadgen. Spelled as memtier_benchmark where the meaning is the same. Used by
// main.cc and run.cc.
#ifndef BMC_LOADGEN_OPTIONS_H
#define BMC_LOADGEN_OPTIONS_H

#include <CLI/CLI.hpp>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "control-plane/result.h"
#include "loadgen/exchange.h"
#include "loadgen/find_max.h"
#include "loadgen/kernel_transport.h"
#include "loadgen/workload.h"

namespace bmc::loadgen {

// As typed, then completed by settle_options(): what is optional has a value after it.
struct Options {
  std::string transport = "kernel";
  std::string server = "127.0.0.1";
  std::uint16_t port = 11211;
  std::string peer_mac;

  std::uint32_t threads = 1;
  std::uint32_t clients = 1;
  std::optional<std::uint32_t> pipeline;
  double rate = 0;           // of all; 0: not given. After settle_options() of either kind
  double rate_limiting = 0;  // of each connection
  std::optional<double> test_time;
  std::uint64_t requests = 0;  // of each connection; 0: not given
  bool find_max = false;
  double late_after_ms = 200;
  bool busy_poll = false;

  std::string profile = "uniform";  // --workload
  std::optional<std::string> ratio;
  std::optional<std::string> key_pattern;
  std::optional<std::uint32_t> key_size;
  std::optional<std::uint32_t> data_size;
  std::string data_size_range;
  std::uint32_t key_maximum = 9999;
  std::string expiry_range;
  std::string verify = "all";
  bool populate = false;
  bool populate_only = false;

  std::string label;
  std::string json_out_file;
  std::string print_percentiles = "50,99,99.9";
  bool hide_histogram = false;
  bool hide_progress = false;
  bool echo_server = false;
  std::vector<std::string> report_files;  // of the subcommand report; empty without it
  std::string report_output;

  // Settled from the above, or set by options of their own.
  WorkloadOptions workload;
  TrafficOptions traffic;
  KernelOptions kernel;
  FindMaxPlan search;
  std::vector<double> percentiles;

  // Connections of all threads.
  std::uint64_t connections() const { return std::uint64_t{threads} * clients; }
  std::uint64_t requests_in_all() const {
    return requests == 0 ? std::numeric_limits<std::uint64_t>::max() : requests * connections();
  }
};

// Declares all options; `options` must live until the parse is over.
void declare_options(CLI::App& app, Options& options);

// What the parser cannot see: ranges, ratios, what goes with what. The error names the option.
Result<void> settle_options(Options& options);

// Every option by its long name, as used. After settle_options().
nlohmann::ordered_json options_json(const CLI::App& app, const Options& options);

}  // namespace bmc::loadgen

#endif
