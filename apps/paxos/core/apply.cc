// SPDX-License-Identifier: Apache-2.0
// Committed entries: carried out in their order on the state machine and the client table, which together
// are the replicated state; and the checkpoints of it.
#include <algorithm>
#include <utility>

#include "apps/paxos/core/chain.h"
#include "apps/paxos/core/replica_impl.h"

namespace bmc::paxos {

// What the leader, or this replica as the leader, knows to be committed. A log is the leader's only up to its
// end: nothing behind it counts.
void ReplicaCore::Impl::commit_up_to(Op op) {
  if (!mutants_.has(Mutant::commit_beyond_log)) op = std::min(op, log_.end());
  if (op <= commit_) return;
  commit_ = op;
  while (applied_ < commit_) {
    const Op next = applied_ + 1;
    if (!log_.has(next) && mutants_.has(Mutant::commit_beyond_log)) {
      applied_ = next;
      continue;
    }
    check(log_.has(next), Invariant::entry_present);
    const LogEntry entry = log_.at(next);
    apply(entry);
    applied_ = next;
    if (next % options_.checkpoint_interval_ops == 0) take_checkpoint(entry);
  }
}

// A batch that does not parse has no effect on any replica alike.
void ReplicaCore::Impl::apply(const LogEntry& entry) {
  body::Batch& batch = bodies_.batch;
  if (!batch.ParseFromString(*entry.batch)) batch.Clear();
  const std::uint64_t time_us = mutants_.has(Mutant::local_time_in_apply) ? wall_us_ : batch.time_us();
  applied_time_us_ = std::max(applied_time_us_, time_us);
  for (const body::Request& request : batch.requests()) {
    if (is_leader()) batcher_.applied(request.client(), request.number());
    if (request.kind() == body::Request::REGISTER) {
      apply_register(request, entry.op);
    } else if (request.kind() == body::Request::APPLY) {
      apply_operation(request, entry.op, time_us);
    }
  }
}

void ReplicaCore::Impl::apply_register(const body::Request& request, Op op) {
  const ClientTable::Session& session = clients_.open(request.client(), op);
  if (!is_leader()) return;
  body::Request named = request;
  named.set_session(session.session);
  answer(named, body::Reply::OK);
}

// At most once: the same request may be in the log twice, proposed by two leaders.
void ReplicaCore::Impl::apply_operation(const body::Request& request, Op op, std::uint64_t time_us) {
  const ClientTable::Session* known = clients_.find(request.client());
  if (!known || known->session != request.session()) {
    if (is_leader()) answer(request, body::Reply::SESSION_EVICTED);
    return;
  }
  if (request.number() <= known->number && !mutants_.has(Mutant::no_client_table)) {
    if (is_leader() && request.number() == known->number) answer(request, body::Reply::OK, known->result);
    return;
  }
  known =
      &clients_.applied(request.client(), request.number(), op, machine_.apply(request.payload(), time_us));
  if (is_leader()) answer(request, body::Reply::OK, known->result);
}

void ReplicaCore::Impl::take_checkpoint(const LogEntry& entry) {
  body::Checkpoint checkpoint;
  checkpoint.set_op(entry.op);
  checkpoint.set_view(entry.view);
  checkpoint.set_chain(entry.chain);
  checkpoint.set_time_us(applied_time_us_);
  if (!mutants_.has(Mutant::client_table_not_in_checkpoint)) clients_.save(checkpoint);
  checkpoint.set_snapshot(machine_.snapshot_save());
  checkpoint_ = {entry.op, entry.chain, 0,
                 std::make_shared<const std::string>(checkpoint.SerializeAsString())};
  trim_log();
  outbox_.store_checkpoint({checkpoint_.op, log_.begin(), checkpoint_.bytes}, log_.end(), false);
}

// Keeps some entries before the checkpoint: a replica that lags a little need not fetch the whole state.
void ReplicaCore::Impl::trim_log() {
  if (mutants_.has(Mutant::checkpoint_trims_uncommitted)) return log_.trim(log_.end());
  const Op kept = options_.log_kept_ops;
  log_.trim(checkpoint_.op > kept ? checkpoint_.op - kept : 0);
}

}  // namespace bmc::paxos
