// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/core/outbox.h"

#include <algorithm>
#include <utility>

#include "apps/paxos/core/invariant.h"

namespace bmc::paxos {

namespace {
// Of a disk that hangs. What is beyond is lost, as on the network: everything is repeated.
constexpr std::size_t kHeldMax = 4096;
}  // namespace

void Outbox::send(ReplicaSet to, Message message, bool bulk) {
  if (to == 0) return;
  if (state_is_stored() && held_.empty()) {
    effects_.sends.push_back({to, std::move(message), bulk});
  } else if (held_.size() < kHeldMax) {
    held_.push_back({last_state_, {to, std::move(message), bulk}});
  }
}

void Outbox::reply(std::uint64_t client, Message message) {
  effects_.replies.push_back({client, std::move(message)});
}

void Outbox::drop_older_than(View view) {
  std::erase_if(held_, [view](const Held& held) { return held.send.message.view < view; });
}

void Outbox::drop_votes() {
  std::erase_if(held_, [](const Held& held) { return held.send.message.type == MessageType::kDoViewChange; });
}

void Outbox::store_state(const DurableState& state) {
  effects_.stores.push_back({++last_, StoreState{state}});
  last_state_ = last_;
}

template <typename What>
void Outbox::store_log(What what, Op log_end) {
  effects_.stores.push_back({++last_, std::move(what)});
  pending_.push_back({last_, log_end});
}

void Outbox::forget_stored_after(Op end) {
  stored_op_ = std::min(stored_op_, end);
  for (Pending& each : pending_) each.log_end = std::min(each.log_end, end);
}

void Outbox::store_entries(std::vector<LogEntry> entries) {
  if (durability_ == Durability::kMemory || entries.empty()) return;
  const Op end = entries.back().op;
  store_log(StoreEntries{std::move(entries)}, end);
}

void Outbox::store_truncation(Op end) {
  if (durability_ == Durability::kMemory) return;
  forget_stored_after(end);
  store_log(StoreTruncation{end}, end);
}

void Outbox::store_checkpoint(StoreCheckpoint checkpoint, Op log_end, bool log_is_replaced) {
  if (durability_ == Durability::kMemory) return;
  if (log_is_replaced) forget_stored_after(0);
  store_log(std::move(checkpoint), log_end);
}

void Outbox::stored(std::uint64_t number) {
  check(number <= last_, Invariant::stores_in_order);
  stored_ = std::max(stored_, number);
  for (; !pending_.empty() && pending_.front().number <= stored_; pending_.pop_front()) {
    stored_op_ = pending_.front().log_end;
  }
  for (; !held_.empty() && held_.front().after <= stored_; held_.pop_front()) {
    effects_.sends.push_back(std::move(held_.front().send));
  }
}

Effects Outbox::take() { return std::exchange(effects_, {}); }

}  // namespace bmc::paxos
