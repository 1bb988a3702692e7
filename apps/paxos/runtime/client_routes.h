// SPDX-License-Identifier: Apache-2.0
// From where each client was last heard, which is where its replies go. Bounded: the client that was silent
// for longest is forgotten first, and heard again when it asks again.
#ifndef BMC_PAXOS_RUNTIME_CLIENT_ROUTES_H
#define BMC_PAXOS_RUNTIME_CLIENT_ROUTES_H

#include <cstdint>
#include <list>
#include <unordered_map>

#include "apps/paxos/runtime/endpoint.h"

namespace bmc::paxos::runtime {

class ClientRoutes {
 public:
  explicit ClientRoutes(std::size_t clients_max) : clients_max_(clients_max) {}

  void heard(std::uint64_t client, const Endpoint& from) {
    const auto known = by_client_.find(client);
    if (known != by_client_.end()) {
      known->second->endpoint = from;
      routes_.splice(routes_.begin(), routes_, known->second);
      return;
    }
    if (by_client_.size() >= clients_max_) {
      by_client_.erase(routes_.back().client);
      routes_.pop_back();
    }
    routes_.push_front({client, from});
    by_client_.emplace(client, routes_.begin());
  }

  // Null: not heard of, or forgotten.
  const Endpoint* find(std::uint64_t client) const {
    const auto known = by_client_.find(client);
    return known == by_client_.end() ? nullptr : &known->second->endpoint;
  }

  std::size_t size() const { return by_client_.size(); }

 private:
  struct Route {
    std::uint64_t client;
    Endpoint endpoint;
  };

  const std::size_t clients_max_;
  std::list<Route> routes_;  // the last heard first
  std::unordered_map<std::uint64_t, std::list<Route>::iterator> by_client_;
};

}  // namespace bmc::paxos::runtime

#endif
