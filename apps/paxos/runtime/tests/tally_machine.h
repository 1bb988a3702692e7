// SPDX-License-Identifier: Apache-2.0
// The state machine of the cluster tests: remembers how often each operation was applied, so that one that
// was applied twice, or lost, is seen.
#ifndef BMC_PAXOS_RUNTIME_TESTS_TALLY_MACHINE_H
#define BMC_PAXOS_RUNTIME_TESTS_TALLY_MACHINE_H

#include <map>
#include <string>

#include "apps/paxos/include/bmc/paxos/state_machine.h"

namespace bmc::paxos::runtime {

class TallyMachine : public StateMachine {
 public:
  // Answers how often `operation` was applied, this time included.
  std::string apply(std::string_view operation, std::uint64_t) override {
    return std::to_string(++tally_[std::string(operation)]);
  }
  // "": how many different operations; "#N": N bytes; otherwise how often that one was applied.
  std::string read(std::string_view query, std::uint64_t) const override {
    if (query.empty()) return std::to_string(tally_.size());
    if (query[0] == '#') return std::string(std::stoul(std::string(query.substr(1))), '#');
    const auto found = tally_.find(std::string(query));
    return std::to_string(found == tally_.end() ? 0 : found->second);
  }
  // Per operation: its length, its bytes, its count.
  std::string snapshot_save() const override {
    std::string bytes;
    for (const auto& [operation, count] : tally_) {
      bytes += std::to_string(operation.size()) + ":" + operation + std::to_string(count) + ";";
    }
    return bytes;
  }
  bool snapshot_load(std::string_view bytes) override {
    tally_.clear();
    while (!bytes.empty()) {
      const std::size_t size = std::stoul(std::string(bytes.substr(0, bytes.find(':'))));
      bytes.remove_prefix(bytes.find(':') + 1);
      const std::string operation(bytes.substr(0, size));
      bytes.remove_prefix(size);
      tally_[operation] = std::stoi(std::string(bytes.substr(0, bytes.find(';'))));
      bytes.remove_prefix(bytes.find(';') + 1);
    }
    return true;
  }

  const std::map<std::string, int>& tally() const { return tally_; }

 private:
  std::map<std::string, int> tally_;
};

}  // namespace bmc::paxos::runtime

#endif
