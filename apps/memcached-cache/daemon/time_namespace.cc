// SPDX-License-Identifier: Apache-2.0
// What /proc tells of a process's start and of its time namespace.
#include "apps/memcached-cache/daemon/time_namespace.h"

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>

namespace bmc::cache {
namespace {

// memcached takes its start time once it has read its options: soon after it was started.
constexpr std::int64_t kStartSlackS = 3;

std::optional<std::int64_t> boot_wall_s(const std::string& proc) {
  std::ifstream file(proc + "/stat");
  std::string word;
  std::int64_t value = 0;
  while (file >> word)
    if (word == "btime" && file >> value) return value;
  return std::nullopt;
}

std::optional<std::int64_t> started_wall_s(const std::string& proc, const std::string& process) {
  std::ifstream file(proc + "/" + process + "/stat");
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  // The name stands in parentheses and may hold anything; starttime is the 20th field after it.
  const std::size_t end = line.rfind(')');
  if (end == std::string::npos) return std::nullopt;
  std::istringstream fields(line.substr(end + 1));
  std::string field;
  for (int i = 0; i < 19; i++) fields >> field;
  std::int64_t ticks = 0;
  const std::optional<std::int64_t> boot = boot_wall_s(proc);
  if (!boot || !(fields >> ticks)) return std::nullopt;
  return *boot + ticks / ::sysconf(_SC_CLK_TCK);
}

// Nanoseconds of the offset of CLOCK_MONOTONIC. Everyone may read the file; without time namespaces in the
// kernel there is none.
std::optional<std::int64_t> monotonic_offset_ns(const std::string& proc, const std::string& process) {
  std::ifstream file(proc + "/" + process + "/timens_offsets");
  std::string clock;
  std::int64_t seconds = 0;
  std::int64_t nanoseconds = 0;
  while (file >> clock >> seconds >> nanoseconds)
    if (clock == "monotonic" || clock == "1") return nanoseconds;
  return std::nullopt;
}

}  // namespace

bool shares_our_seconds(std::int64_t pid, std::int64_t start_wall_s, const std::string& proc) {
  const std::string process = std::to_string(pid);
  const std::optional<std::int64_t> started = started_wall_s(proc, process);
  if (!started || std::llabs(*started - start_wall_s) > kStartSlackS) return false;
  return monotonic_offset_ns(proc, process) == monotonic_offset_ns(proc, "self");
}

}  // namespace bmc::cache
