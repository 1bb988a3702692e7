// SPDX-License-Identifier: Apache-2.0
// GET_CHECKPOINT and CHECKPOINT: the replicated state for a replica whose missing entries are trimmed, in
// chunks, and how it takes the place of the own state.
#include <algorithm>
#include <utility>

#include "apps/paxos/core/chain.h"
#include "apps/paxos/core/replica_impl.h"

namespace bmc::paxos {

// Of another checkpoint than the one asked for (it was replaced) comes the beginning.
void ReplicaCore::Impl::on_get_checkpoint(const Message& message) {
  const std::string& bytes = *checkpoint_.bytes;
  if (checkpoint_.hash == 0) checkpoint_.hash = hash_of(bytes);
  const bool is_same = message.op == checkpoint_.op && bodies_.get_checkpoint.offset() < bytes.size();
  const std::size_t offset = is_same ? bodies_.get_checkpoint.offset() : 0;
  body::CheckpointChunk chunk;
  chunk.set_offset(offset);
  chunk.set_total(bytes.size());
  chunk.set_hash(checkpoint_.hash);
  chunk.set_chain(checkpoint_.chain);
  chunk.set_data(bytes.data() + offset,
                 std::min<std::size_t>(options_.chunk_bytes_max, bytes.size() - offset));
  Message answer = message_of(MessageType::kCheckpoint, &chunk);
  answer.op = checkpoint_.op;
  answer.echo = message.echo;
  outbox_.send(only(message.sender), std::move(answer), true);
}

void ReplicaCore::Impl::on_checkpoint(const Message& message) {
  const body::CheckpointChunk& chunk = bodies_.chunk;
  CheckpointDownload& download = transfer_.download;
  if (status_ != Status::kNormal) leader_timer_at_ = now_ + draw_timeout();  // it goes forward
  if (chunk.offset() == 0) {
    download = {message.op, chunk.total(), chunk.hash(), {}};
  }
  download.bytes += chunk.data();
  if (download.bytes.size() < download.total) return ask();
  on_whole_checkpoint();
}

void ReplicaCore::Impl::on_whole_checkpoint() {
  CheckpointDownload download = std::exchange(transfer_.download, {});
  if (hash_of(download.bytes) != download.hash) return ask();  // from the beginning
  transfer_.wants_checkpoint = false;
  take_back_acceptance();  // the log may end elsewhere
  if (download.op > commit_) {
    check(load_checkpoint(std::make_shared<const std::string>(std::move(download.bytes))),
          Invariant::snapshot_loads);
    replace_log_by_checkpoint();
  }
  if (transfer_.purpose == TransferPurpose::kCatchUp) return go_on_catching_up();
  LogEnd target = transfer_.target;
  // The source, a leader, has gone on meanwhile: a log that ends with its checkpoint is a beginning of its
  // log.
  if (target.op < commit_) target = {commit_, log_.chain_at(commit_), commit_};
  if (!log_.agrees(target.op, target.chain)) return fetch_from(commit_);
  end_transfer();
  install(target, {});
}

// Replaces the replicated state; the log is the caller's business. False: the bytes are no checkpoint.
bool ReplicaCore::Impl::load_checkpoint(std::shared_ptr<const std::string> bytes) {
  body::Checkpoint checkpoint;
  if (!checkpoint.ParseFromString(*bytes) || !machine_.snapshot_load(checkpoint.snapshot())) return false;
  clients_.load(checkpoint);
  commit_ = applied_ = checkpoint.op();
  applied_time_us_ = checkpoint.time_us();
  checkpoint_ = {checkpoint.op(), checkpoint.chain(), 0, std::move(bytes)};
  return true;
}

// The log goes on behind the checkpoint. If it has another entry there, nothing of it remains; on the disk
// the checkpoint comes first and then the truncation, for until the checkpoint is durable the entries before
// it may be all there is of what this replica acknowledged.
void ReplicaCore::Impl::replace_log_by_checkpoint() {
  if (log_.agrees(checkpoint_.op, checkpoint_.chain)) {
    trim_log();
    outbox_.store_checkpoint({checkpoint_.op, log_.begin(), checkpoint_.bytes}, log_.end(), false);
    return;
  }
  const Op end = log_.end();
  log_.reset(checkpoint_.op, checkpoint_.chain);
  outbox_.store_checkpoint({checkpoint_.op, checkpoint_.op, checkpoint_.bytes}, checkpoint_.op, true);
  if (end > checkpoint_.op) outbox_.store_truncation(checkpoint_.op);
}

}  // namespace bmc::paxos
