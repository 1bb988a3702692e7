// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/sim/apply_checker.h"

#include "apps/paxos/sim/random.h"

namespace bmc::paxos::sim {

void ApplyChecker::on_applied(ReplicaIndex replica, const Machine::Applied& applied) {
  const std::uint64_t hash = hash_bytes(applied.operation.data(), applied.operation.size());
  if (applied.position == operations_.size() + 1) return extend(replica, applied, hash);
  if (applied.position > operations_.size()) {
    verdict_.fail("the same operations", say(replica_name(replica), " applies operation ", applied.position,
                                             ", the one before was applied nowhere"));
    return;
  }
  const Operation& known = operations_[applied.position - 1];
  if (known.hash != hash) {
    verdict_.fail("the same operations",
                  say(replica_name(replica), " applies another operation as number ", applied.position));
  } else if (known.time_us != applied.time_us) {
    verdict_.fail("the same operations",
                  say(replica_name(replica), " applies operation ", applied.position, " with time ",
                      applied.time_us, ", others with ", known.time_us));
  }
}

void ApplyChecker::extend(ReplicaIndex replica, const Machine::Applied& applied, std::uint64_t hash) {
  if (!operations_.empty() && applied.time_us < operations_.back().time_us) {
    verdict_.fail("replicated time does not go back",
                  say(replica_name(replica), " applies operation ", applied.position, " with time ",
                      applied.time_us, ", the one before had ", operations_.back().time_us));
  }
  operations_.push_back({hash, applied.time_us});
  const std::optional<Command> command = Command::decoded(applied.operation);
  if (!command) {
    verdict_.fail("the same operations", say(replica_name(replica), " applies what no client has sent"));
    return;
  }
  if (!answers_.try_emplace(command->id, applied.answer).second) {
    verdict_.fail("exactly once", say(replica_name(replica), " applies request ", command->id, " again"));
  }
  std::vector<std::uint64_t>& values = values_[command->key];
  if (values.empty()) values.push_back(0);
  if (applied.answer.version == values.size()) values.push_back(applied.answer.value);
}

const Answer* ApplyChecker::answer_of(std::uint64_t id) const {
  const auto found = answers_.find(id);
  return found == answers_.end() ? nullptr : &found->second;
}

const std::uint64_t* ApplyChecker::value_at(std::uint8_t key, std::uint64_t version) const {
  static constexpr std::uint64_t kNothing = 0;
  if (version == 0) return &kNothing;
  const auto found = values_.find(key);
  return found == values_.end() || version >= found->second.size() ? nullptr : &found->second[version];
}

}  // namespace bmc::paxos::sim
