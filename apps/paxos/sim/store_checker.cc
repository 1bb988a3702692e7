// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/sim/store_checker.h"

#include <utility>

#include "apps/paxos/core/bodies.pb.h"
#include "apps/paxos/sim/random.h"

namespace bmc::paxos::sim {
namespace {

// Op and chain of a serialized body::Checkpoint.
std::pair<Op, Chain> end_of(const std::string& bytes) {
  body::Checkpoint checkpoint;
  if (!checkpoint.ParseFromString(bytes)) return {0, 0};
  return {checkpoint.op(), checkpoint.chain()};
}

std::pair<Op, Chain> checkpoint_of(const Restored& restored) {
  return restored.checkpoint ? end_of(*restored.checkpoint) : std::pair<Op, Chain>{0, 0};
}

std::pair<Op, Chain> end_of(const Restored& restored) {
  if (restored.entries.empty()) return checkpoint_of(restored);
  return {restored.entries.back().op, restored.entries.back().chain};
}

}  // namespace

void StoreChecker::on_asked(ReplicaIndex replica, const Store& store) {
  kept_[replica].asked.push_back(store);
  if (const auto* state = std::get_if<StoreState>(&store.what)) check_state(replica, state->state);
}

void StoreChecker::on_durable(ReplicaIndex replica, std::uint64_t number) {
  Kept& kept = kept_[replica];
  while (!kept.asked.empty() && kept.asked.front().number <= number) {
    carry_out(replica, kept, kept.asked.front());
    kept.asked.pop_front();
  }
}

void StoreChecker::check_state(ReplicaIndex replica, const DurableState& state) {
  const DurableState& kept = kept_[replica].state;
  if (state.view >= kept.view && state.log_view >= kept.log_view && state.incarnation >= kept.incarnation)
    return;
  verdict_.fail("durable state never goes back",
                say(replica_name(replica), ": view ", kept.view, " log_view ", kept.log_view, " incarnation ",
                    kept.incarnation, " was durable, now view ", state.view, " log_view ", state.log_view,
                    " incarnation ", state.incarnation));
}

void StoreChecker::on_restored(ReplicaIndex replica, const Restored& restored, bool remade) {
  Kept& kept = kept_[replica];
  if (remade) kept.state.log_view = 0;
  check_state(replica, restored.state);
  if (restored.state.incarnation == kept.state.incarnation) {
    verdict_.fail("durable state never goes back",
                  say(replica_name(replica), " starts again with incarnation ", restored.state.incarnation));
  }
  if (restored.log_is_whole) check_log(replica, restored);
  kept.asked.clear();
  kept.state = restored.state;
  kept.log = Log{};
  const auto [op, chain] = checkpoint_of(restored);
  kept.log.begin = restored.entries.empty() ? op : restored.entries.front().op - 1;
  if (kept.log.begin == op) kept.log.before = chain;
  for (const LogEntry& entry : restored.entries) kept.log.chains.push_back(entry.chain);
}

// The log that came back ends as the durable one does, or as some of what was asked for later makes it end.
void StoreChecker::check_log(ReplicaIndex replica, const Restored& restored) {
  const auto [end, chain] = end_of(restored);
  Kept reached = kept_[replica];
  if (reached.log.end() == end && reached.log.last() == chain) return;
  for (const Store& store : kept_[replica].asked) {
    if (const auto* entries = std::get_if<StoreEntries>(&store.what)) {
      for (const LogEntry& entry : entries->entries) {
        if (entry.op == end && entry.chain == chain) return;
      }
    }
    carry_out(replica, reached, store);
    if (reached.log.end() == end && reached.log.last() == chain) return;
  }
  verdict_.fail("a durable log is there after a restart",
                say(replica_name(replica), ": the log ended at op ", kept_[replica].log.end(), ", with ",
                    kept_[replica].asked.size(), " stores under way; after the restart it ends at op ", end));
}

void StoreChecker::carry_out(ReplicaIndex replica, Kept& kept, const Store& store) {
  Log& log = kept.log;
  if (const auto* state = std::get_if<StoreState>(&store.what)) {
    kept.state = state->state;
  } else if (const auto* entries = std::get_if<StoreEntries>(&store.what)) {
    for (const LogEntry& entry : entries->entries) {
      if (entry.op != log.end() + 1) {
        verdict_.fail("the log has no gap", say(replica_name(replica), " stores op ", entry.op,
                                                " behind a log that ends at ", log.end()));
      }
      log.chains.push_back(entry.chain);
    }
  } else if (const auto* truncation = std::get_if<StoreTruncation>(&store.what)) {
    if (truncation->end < log.begin) {
      verdict_.fail("the log has no gap",
                    say(replica_name(replica), " truncates to op ", truncation->end, ", which is trimmed"));
    }
    while (log.end() > truncation->end && !log.chains.empty()) log.chains.pop_back();
  } else {
    take_checkpoint(replica, log, std::get<StoreCheckpoint>(store.what));
  }
}

void StoreChecker::take_checkpoint(ReplicaIndex replica, Log& log, const StoreCheckpoint& checkpoint) {
  const std::string& bytes = *checkpoint.bytes;
  const std::uint64_t hash = hash_bytes(bytes.data(), bytes.size());
  if (checkpoints_.try_emplace(checkpoint.op, hash).first->second != hash) {
    verdict_.fail("identical checkpoints", say(replica_name(replica), " has another checkpoint of op ",
                                               checkpoint.op, " than others"));
  }
  if (checkpoint.log_begin > checkpoint.op) {
    verdict_.fail("the log has no gap", say(replica_name(replica), " trims the log to ", checkpoint.log_begin,
                                            " with a checkpoint of op ", checkpoint.op));
  }
  if (log.end() < checkpoint.op) {
    log = Log{checkpoint.op, end_of(bytes).second, {}};
    return;
  }
  while (log.begin < checkpoint.log_begin && !log.chains.empty()) {
    log.before = log.chains.front();
    log.chains.pop_front();
    ++log.begin;
  }
  if (log.begin == checkpoint.op) log.before = end_of(bytes).second;
}

void StoreChecker::on_sent(ReplicaIndex replica, const Message& message) {
  const Kept& kept = kept_[replica];
  if (message.view > kept.state.view && !is_question(message.type)) {
    verdict_.fail("durable before it is said", say(replica_name(replica), " speaks in view ", message.view,
                                                   ", durable is view ", kept.state.view));
  }
  if (message.type != MessageType::kPrepareOk) return;
  if (message.view > kept.state.log_view) {
    verdict_.fail("durable before it is said",
                  say(replica_name(replica), " acknowledges in view ", message.view, ", durable is log_view ",
                      kept.state.log_view));
  }
  if (durability_ != Durability::kWal) return;
  const Log& log = kept.log;
  if (message.op > log.end() ||
      (message.op > log.begin && log.chains[message.op - log.begin - 1] != message.chain)) {
    verdict_.fail("durable before it is said", say(replica_name(replica), " acknowledges op ", message.op,
                                                   ", its durable log ends at ", log.end()));
  }
}

}  // namespace bmc::paxos::sim
