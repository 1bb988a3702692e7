// SPDX-License-Identifier: Apache-2.0
// A replica's address as the maps' keys have it, and as C++, a person and a pin's name do. Used throughout
// host/.
#ifndef BMC_PAXOS_HOST_ADDRESS_H
#define BMC_PAXOS_HOST_ADDRESS_H

#include <boost/asio/ip/address.hpp>
#include <compare>
#include <cstring>
#include <optional>
#include <string>

#include "apps/paxos/abi/fast_abi.h"
#include "control-plane/endpoint.h"

namespace bmc::paxos::host {

paxos_address to_words(const Endpoint& endpoint);
// IPv4 where the words are of an IPv4-mapped one.
Endpoint to_endpoint(const paxos_address& address);

// "00000000000000000000ffff0a000001_7400": bpffs forbids points in names.
std::string pin_name(const paxos_address& address);
std::optional<paxos_address> from_pin_name(const std::string& name);

struct AddressOrder {
  bool operator()(const paxos_address& a, const paxos_address& b) const {
    return std::memcmp(&a, &b, sizeof a) < 0;
  }
};
inline bool same(const paxos_address& a, const paxos_address& b) {
  return std::memcmp(&a, &b, sizeof a) == 0;
}

}  // namespace bmc::paxos::host

#endif
