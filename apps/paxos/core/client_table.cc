// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/core/client_table.h"

#include <utility>

namespace bmc::paxos {

const ClientTable::Session* ClientTable::find(std::uint64_t client) const {
  const auto found = by_client_.find(client);
  return found == by_client_.end() ? nullptr : &*found->second;
}

const ClientTable::Session& ClientTable::open(std::uint64_t client, Op op) {
  if (const Session* known = find(client)) return *known;
  if (order_.size() >= sessions_max_) {
    by_client_.erase(order_.front().client);
    order_.pop_front();
  }
  order_.push_back({client, op, 0, op, {}});
  by_client_[client] = std::prev(order_.end());
  return order_.back();
}

const ClientTable::Session& ClientTable::applied(std::uint64_t client, std::uint64_t number, Op op,
                                                 std::string result) {
  const auto place = by_client_.at(client);
  place->number = number;
  place->last_op = op;
  place->result = std::move(result);
  order_.splice(order_.end(), order_, place);
  return *place;
}

void ClientTable::save(body::Checkpoint& checkpoint) const {
  for (const Session& each : order_) {
    body::Checkpoint::Session& saved = *checkpoint.add_sessions();
    saved.set_client(each.client);
    saved.set_session(each.session);
    saved.set_number(each.number);
    saved.set_last_op(each.last_op);
    saved.set_result(each.result);
  }
}

void ClientTable::load(const body::Checkpoint& checkpoint) {
  order_.clear();
  by_client_.clear();
  for (const body::Checkpoint::Session& saved : checkpoint.sessions()) {
    order_.push_back({saved.client(), saved.session(), saved.number(), saved.last_op(), saved.result()});
    by_client_[saved.client()] = std::prev(order_.end());
  }
}

}  // namespace bmc::paxos
