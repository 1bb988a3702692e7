// SPDX-License-Identifier: Apache-2.0
// The nemesis' run: rounds of faults under load, each followed by healing, final reads and the judgement of
// its history. Called by the program paxos-nemesis and by its test.
#ifndef BMC_NETNS_TESTS_PAXOS_NEMESIS_RUN_H
#define BMC_NETNS_TESTS_PAXOS_NEMESIS_RUN_H

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "netns-tests/paxos/nemesis/nemesis.h"

namespace bmc::nemesis {

struct RunOptions {
  cluster::ClusterOptions cluster;  // fault_seed is taken from `seed`
  std::string nemeses = "all";
  std::uint64_t seed = 1;
  std::int64_t seconds = 60;           // of faults, rounded up to whole rounds
  std::int64_t round_seconds = 8;      // of faults in a round
  std::int64_t recovery_seconds = 15;  // everything must work again so soon after the faults end
  std::size_t clients = 8;
  std::string evidence_directory = ".";  // where a failure's history and logs go
};

struct RoundReport {
  std::string nemeses;
  std::uint64_t operations = 0;
  std::uint64_t unknown = 0;
  std::size_t keys = 0;
  std::int64_t silence_ns = 0;   // the longest time without an answer to a write
  std::int64_t recovery_ns = 0;  // from the end of the faults until every replica served
};

struct RunReport {
  std::uint64_t seed = 0;
  std::string durability;
  std::string offloads;
  std::size_t replicas = 0;
  std::vector<RoundReport> rounds;
  Deeds deeds;
  // Empty: everything was right. Else what was wrong, with the seed and what to do to see it again.
  std::string failure;

  std::uint64_t operations() const;
  std::string text() const;
  std::string json() const;
};

// `progress` is told each round when it is over. The same seed gives the same faults at the same times; what
// they hit depends on the machine as well.
RunReport run(const RunOptions& options, const std::function<void(const RoundReport&)>& progress = {});

}  // namespace bmc::nemesis

#endif
