// SPDX-License-Identifier: Apache-2.0
// The command line of bmc-loadgen. Spelled as memtier_benchmark where the meaning is the same. Used by
// main.cc.
#ifndef BMC_LOADGEN_OPTIONS_H
#define BMC_LOADGEN_OPTIONS_H

#include <CLI/CLI.hpp>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "control-plane/result.h"
#include "loadgen/find_max.h"
#include "loadgen/kernel_transport.h"
#include "loadgen/workload.h"

namespace bmc::loadgen {

struct Options {
  std::string transport = "kernel";
  std::string server = "127.0.0.1";
  std::uint16_t port = 11211;
  std::string peer_mac;
  std::string ratio = "0:1";
  std::string key_pattern = "R";
  std::string json_out_file;
  bool populate = false;
  bool populate_only = false;
  bool find_max = false;
  bool echo_server = false;
  bool hide_progress = false;
  double test_time = 5;
  double rate = 0;  // 0: not given
  std::uint64_t requests = std::numeric_limits<std::uint64_t>::max();
  WorkloadOptions workload;
  KernelOptions kernel;
  FindMaxPlan search;
};

// Declares all options; `options` must live until the parse is over.
void declare_options(CLI::App& app, Options& options);

// What the parser cannot see: combinations, patterns. Sets options.workload.pattern.
Result<void> settle_options(Options& options);

}  // namespace bmc::loadgen

#endif
