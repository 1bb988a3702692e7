// SPDX-License-Identifier: Apache-2.0
// The faults that are done to a cluster while clients use it, by name. Chosen by run.h, one or two at a time.
#ifndef BMC_NETNS_TESTS_PAXOS_NEMESIS_NEMESIS_H
#define BMC_NETNS_TESTS_PAXOS_NEMESIS_NEMESIS_H

#include <algorithm>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "netns-tests/lib/clock.h"
#include "netns-tests/lib/random.h"
#include "netns-tests/paxos/cluster/kv_cluster.h"

namespace bmc::nemesis {

// What was done so far, by words such as "kills": a run in which nothing happened proves nothing.
using Deeds = std::map<std::string, std::uint64_t>;

struct Scene {
  cluster::KvCluster& cluster;
  lab::Random& random;
  Deeds& deeds;
  lab::Deadline until;  // the nemesis returns then

  // Lets what was done last for so long, or until the end.
  void last(std::int64_t milliseconds) const {
    lab::wait_until_ns(std::min(lab::now_ns() + milliseconds * lab::kMillisecond, until.when_ns()));
  }
};

struct Nemesis {
  const char* name;
  const char* what;
  bool needs_wal;  // memory durability promises nothing about it
  void (*act)(Scene& scene);
  bool needs_bmcd = false;
};

// All there are.
std::span<const Nemesis> all_nemeses();

// "all" or names with commas; those that the durability allows, and that find a bmcd if they need one. Throws
// std::invalid_argument on an unknown name, or when none is left.
std::vector<const Nemesis*> parse_nemeses(const std::string& list, const std::string& durability,
                                          bool with_bmcd = false);

// Undoes whatever any nemesis did: afterwards every process runs, and the network, disks and clocks are
// whole.
void heal(cluster::KvCluster& cluster);

}  // namespace bmc::nemesis

#endif
