// SPDX-License-Identifier: Apache-2.0
// A replica that has lost what it acknowledged asks the others for it before it takes part in anything (VR
// Revisited section 4.3; the durable view closes its gap, see PROTOCOL.md).
#include <algorithm>
#include <utility>

#include "apps/paxos/core/replica_impl.h"

namespace bmc::paxos {

// The incarnation is the nonce: no other life of this replica has it.
void ReplicaCore::Impl::send_recovery() {
  Message message = message_of(MessageType::kRecovery);
  const bool forgets = mutants_.has(Mutant::recovery_below_durable_view);
  message.view = forgets ? 0 : restored_state_.view;
  message.echo = incarnation_;
  outbox_.send(everyone_else(), std::move(message));
}

void ReplicaCore::Impl::on_recovery(const Message& message) {
  body::RecoveryResponse body;
  body.set_log_view(log_view_);
  Message response = message_of(MessageType::kRecoveryResponse, &body);
  response.op = log_.end();
  response.chain = log_.chain_at(log_.end());
  response.echo = message.echo;
  outbox_.send(only(message.sender), std::move(response));
}

void ReplicaCore::Impl::on_recovery_response(const Message& message) {
  votes_[message.sender] =
      Vote{message.view, bodies_.recovery_response.log_view(), {message.op, message.chain, message.commit}};
  try_to_recover();
}

// The leader of the newest view has all that this replica ever acknowledged there, for it had appended it
// first; what was committed in older views, the view change brought to it.
void ReplicaCore::Impl::try_to_recover() {
  std::size_t count = 0;
  std::optional<ReplicaIndex> newest;
  for (ReplicaIndex i = 0; i < options_.replica_count; ++i) {
    if (!votes_[i]) continue;
    ++count;
    const bool leads = leader_of(votes_[i]->view) == i;
    const auto rank = [](const Vote& vote, bool is_leader) { return std::pair(vote.view, is_leader); };
    if (!newest ||
        rank(*votes_[i], leads) > rank(*votes_[*newest], leader_of(votes_[*newest]->view) == *newest)) {
      newest = i;
    }
  }
  const bool believes_any = mutants_.has(Mutant::recovery_below_durable_view);
  if (!newest || (count < options_.quorum() && !believes_any)) return;
  const Vote& vote = *votes_[*newest];
  if (vote.view < view_ && !believes_any) return;
  if (leader_of(vote.view) != *newest && !mutants_.has(Mutant::recovery_without_leader)) return;
  if (transfer_.is_active() && vote.view == view_) return;
  end_transfer();
  view_ = vote.view;
  if (log_.agrees(vote.log.op, vote.log.chain)) return install(vote.log, {});
  fetch(TransferPurpose::kInstall, *newest, vote.log);
}

}  // namespace bmc::paxos
