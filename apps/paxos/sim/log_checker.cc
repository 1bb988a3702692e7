// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/sim/log_checker.h"

#include <algorithm>

namespace bmc::paxos::sim {

void LogChecker::observe(const Observation& seen) {
  check_progress(seen);
  check_new_leader(seen);
  check_commits(seen);
}

void LogChecker::check_progress(const Observation& seen) {
  const CoreView& before = seen.before;
  const CoreView& after = seen.after;
  const auto back = [&](const char* what, std::uint64_t was, std::uint64_t is) {
    if (is < was) {
      verdict_.fail("no regress",
                    say(replica_name(seen.replica), "'s ", what, " went from ", was, " to ", is));
    }
  };
  if (!seen.first) {
    back("view", before.view, after.view);
    back("log_view", before.log_view, after.log_view);
    back("commit", before.commit, after.commit);
    back("applied", before.applied, after.applied);
    back("checkpoint", before.checkpoint, after.checkpoint);
  }
  if (after.applied > after.commit || after.commit > after.op || after.log_view > after.view ||
      after.log_begin > after.commit) {
    verdict_.fail(
        "applied <= commit <= op, log_view <= view, log_begin <= commit",
        say(replica_name(seen.replica), ": applied ", after.applied, ", commit ", after.commit, ", op ",
            after.op, ", log_begin ", after.log_begin, ", log_view ", after.log_view, ", view ", after.view));
  }
}

void LogChecker::check_commits(const Observation& seen) {
  const CoreView& after = seen.after;
  // What a checkpoint has taken away in the same step cannot be seen; another replica will show it, and the
  // chains of all later entries depend on it.
  while (history_.size() < after.log_begin) history_.push_back({after.view, std::nullopt});
  const Op from = seen.first ? after.log_begin : std::max(seen.before.commit, after.log_begin);
  for (Op op = from + 1; op <= after.commit; ++op) {
    const LogEntry* entry = seen.log.entry(op);
    if (entry == nullptr) {
      verdict_.fail("one history", say(replica_name(seen.replica), " takes op ", op,
                                       " for committed, but has no entry there"));
      return;
    }
    if (op > history_.size()) history_.push_back({after.view, entry->chain});
    Committed& known = history_[op - 1];
    if (!known.chain) known.chain = entry->chain;
    if (*known.chain != entry->chain) {
      verdict_.fail("one history",
                    say(replica_name(seen.replica), " in view ", after.view, " has committed at op ", op,
                        " another entry than was committed in view ", known.view));
      return;
    }
  }
}

void LogChecker::check_new_leader(const Observation& seen) {
  if (!seen.after.is_leader) return;
  if (!seen.first && seen.before.is_leader && seen.before.view == seen.after.view) return;
  Op op = history_.size();
  while (op > 0 && history_[op - 1].view >= seen.after.view) --op;
  if (op == 0 || op <= seen.after.log_begin) return;
  const LogEntry* entry = seen.log.entry(op);
  if (entry != nullptr && entry->chain == history_[op - 1].chain.value_or(entry->chain)) return;
  verdict_.fail("a new leader has all that is committed",
                say(replica_name(seen.replica), " leads view ", seen.after.view, " with ",
                    entry == nullptr ? "no entry" : "another entry", " at op ", op, ", committed in view ",
                    history_[op - 1].view));
}

}  // namespace bmc::paxos::sim
