// SPDX-License-Identifier: Apache-2.0
// See machine.h.
#include "netns-tests/bench/machine.h"

#include <sys/utsname.h>

#include <fstream>
#include <string>
#include <thread>

namespace bmc::bench {
namespace {

std::string processor() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown";
}

std::string kernel() {
  utsname names{};
  uname(&names);
  return names.release;
}

}  // namespace

nlohmann::ordered_json describe_machine() {
  return {{"processor", processor()}, {"cpus", std::thread::hardware_concurrency()}, {"kernel", kernel()}};
}

}  // namespace bmc::bench
