// SPDX-License-Identifier: Apache-2.0
// The staleness hammer: many readers and writers against one memcached, with or without bmcd, while faults
// are injected; every read is judged. Called by the ctest and by the program `hammer`.
#ifndef BMC_NETNS_TESTS_HAMMER_HAMMER_H
#define BMC_NETNS_TESTS_HAMMER_HAMMER_H

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace bmc::hammer {

enum class Fault {
  kStop,         ///< SIGSTOP memcached while writes queue up, SIGCONT
  kKill,         ///< kill -9 memcached, start it again, sometimes under the same pid
  kBmcdRestart,  ///< stop and start bmcd
  kBmcdKill,     ///< kill -9 bmcd, start it again
  kNetwork,      ///< loss, reordering, duplication, delay and corruption on the faulty writers' path
  kReset,        ///< connections reset with writes in flight
  kNoreply,      ///< bursts of quiet writes
  kOverflow,     ///< memcached's UDP receive queue overflows
  kFlush,        ///< flush_all, at once and delayed
  kMode,         ///< bmcctl mode shadow, bypass, serve
  kInterface,    ///< an interface appears while everything runs, with a writer on it
};

/// The names on the command line, e.g. "bmcd-kill". Throws std::invalid_argument for an unknown one.
std::set<Fault> parse_faults(const std::string& list);
std::string fault_names();

/// A server between readers and memcached that is broken on purpose: the hammer must find each.
enum class Defect {
  kNone,
  kStale,      ///< answers repeat for 50 ms whatever is written
  kBlink,      ///< answers repeat for 3 ms
  kMangle,     ///< now and then one byte of a value differs
  kWrongKey,   ///< now and then the last answer, whatever was asked
  kForgetful,  ///< now and then a miss for an item that is there
};

struct HammerOptions {
  uint64_t seed = 1;
  int64_t seconds = 10;
  std::set<Fault> faults{};
  bool accelerated = false;  ///< with bmcd, started while the writers already run
  Defect defect = Defect::kNone;
  unsigned keys_each = 200;
  bool verbose = false;  ///< a line per fault on stderr
};

struct HammerReport {
  std::vector<std::string> violations{};  ///< the first ones, in full
  uint64_t violation_count = 0;
  std::map<std::string, uint64_t> counts{};
  double kernel_hits = 0;      ///< GETs answered by the kernel; 0 when not accelerated
  double kernel_hit_rate = 0;  ///< of all GETs of the readers
  std::string replay{};        ///< the command that repeats the run

  std::string text() const;
  std::string json() const;
};

HammerReport run_hammer(const HammerOptions& options);

}  // namespace bmc::hammer
#endif
