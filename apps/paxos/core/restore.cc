// SPDX-License-Identifier: Apache-2.0
// The start of a replica: from what storage found to the status it may have.
#include <utility>

#include "apps/paxos/core/chain.h"
#include "apps/paxos/core/replica_impl.h"

namespace bmc::paxos {

namespace {
bool is_valid(const CoreOptions& options) {
  return options.replica_count % 2 == 1 && options.replica_count <= PAXOS_REPLICAS_MAX &&
         options.index < options.replica_count && options.batch_requests_max > 0 &&
         options.pipeline_ops_max > 0 && options.waiting_requests_max > 0 && options.sessions_max > 0 &&
         options.reads_waiting_max > 0 && options.checkpoint_interval_ops > 0 &&
         options.chunk_bytes_max > 0 && options.heartbeat_us > 0 &&
         options.leader_timeout_us > options.heartbeat_us &&
         options.quorum_timeout_us > options.heartbeat_us && options.retransmit_us > 0;
}
}  // namespace

ReplicaCore::Impl::Impl(const CoreOptions& options, Restored restored, StateMachine& machine,
                        std::uint64_t seed, Micros now, Fence* fence, MutantSet mutants)
    : options_(options),
      machine_(machine),
      fence_(fence),
      mutants_(mutants),
      dice_(seed),
      now_(now),
      clients_(options.sessions_max),
      outbox_(options.durability),
      peers_(options_, now),
      batcher_(options_) {
  check(is_valid(options), Invariant::valid_options);
  restore(std::move(restored));
}

ReplicaCore::Impl::~Impl() {
  if (fence_ && fence_is_armed_) fence_->freeze();
}

void ReplicaCore::Impl::restore(Restored restored) {
  check(restored.state.incarnation > 0 && restored.state.log_view <= restored.state.view,
        Invariant::valid_options);
  restored_state_ = restored.state;
  view_ = restored.state.view;
  log_view_ = restored.state.log_view;
  incarnation_ = restored.state.incarnation;
  if (restored.checkpoint) check(load_checkpoint(restored.checkpoint), Invariant::snapshot_loads);
  restore_log(std::move(restored.entries), restored.log_is_whole);
  status_ = status_after_restart(restored.log_is_whole);
  if (status_ == Status::kNormal) {
    become_normal();
  } else if (status_ == Status::kRecovering) {
    view_change_at_ = now_;  // ask
    if (mutants_.has(Mutant::recovery_below_durable_view)) view_ = log_view_ = 0;
  } else {
    votes_ = {};
    collect_own_vote();
    view_change_at_ = now_;
    // A leader does not lead its old view again: it does not know what it proposed there last.
    leader_timer_at_ = leader_of(view_) == options_.index ? now_ : now_ + draw_timeout();
  }
}

Status ReplicaCore::Impl::status_after_restart(bool log_is_whole) const {
  if (mutants_.has(Mutant::restart_is_normal) && !log_is_whole) return Status::kNormal;
  if (!log_is_whole) return Status::kRecovering;
  const bool is_first_life = incarnation_ == 1 && view_ == 0;
  if (is_first_life) return Status::kNormal;
  return log_view_ == view_ && leader_of(view_) != options_.index ? Status::kNormal : Status::kViewChange;
}

// The log goes on behind the checkpoint. Entries that do not are left over from an installation that a crash
// interrupted between the checkpoint of another replica and the truncation behind it (PROTOCOL.md,
// "Installing a log").
void ReplicaCore::Impl::restore_log(std::vector<LogEntry> entries, bool log_is_whole) {
  log_.reset(checkpoint_.op, checkpoint_.chain);
  if (entries.empty()) return outbox_.restored(log_.end());
  const Op first = entries.front().op;
  check(first >= 1 && first <= checkpoint_.op + 1, Invariant::valid_options);
  bool continues = log_is_whole && entries.back().op >= checkpoint_.op;
  if (first == checkpoint_.op + 1) {
    continues = continues && entries.front().chain == chain_of(checkpoint_.chain, first, entries.front().view,
                                                               *entries.front().batch);
  } else if (continues) {
    continues = entries[checkpoint_.op - first].chain == checkpoint_.chain;
  }
  if (!continues) {
    const Op end = entries.back().op;
    outbox_.restored(end);
    if (end > checkpoint_.op) outbox_.store_truncation(checkpoint_.op);
    return;
  }
  // The chain before the first entry is known only at the beginning of all and at the checkpoint.
  const bool chain_before_is_known = first == 1 || first == checkpoint_.op + 1;
  if (first == 1) log_.reset(0, 0);
  if (!chain_before_is_known) log_.reset(first, entries.front().chain);
  for (std::size_t i = chain_before_is_known ? 0 : 1; i < entries.size(); ++i) {
    LogEntry& each = entries[i];
    check(each.chain == chain_of(log_.chain_at(log_.end()), each.op, each.view, *each.batch),
          Invariant::log_is_consecutive);
    log_.append(std::move(each));
  }
  outbox_.restored(log_.end());
}

}  // namespace bmc::paxos
