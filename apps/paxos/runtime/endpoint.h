// SPDX-License-Identifier: Apache-2.0
// Addresses of replicas and clients: numeric, because a name would make who belongs to the cluster depend on
// who answers for the name. Used by the options' check and by both transports.
#ifndef BMC_PAXOS_RUNTIME_ENDPOINT_H
#define BMC_PAXOS_RUNTIME_ENDPOINT_H

#include <boost/asio/ip/udp.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/paxos/core/types.h"

namespace bmc::paxos::runtime {

using Endpoint = boost::asio::ip::udp::endpoint;

// "10.0.0.1:7400", "[fd00::1]:7400"; port 1 … 65535.
std::optional<Endpoint> parse_endpoint(std::string_view text);
std::string format_endpoint(const Endpoint& endpoint);
// Of options that are valid.
std::vector<Endpoint> parse_endpoints(const std::vector<std::string>& texts);

// The number of the configuration, in every message. Membership is static: there is one.
inline constexpr std::uint32_t kEpoch = 1;

// The replicas of a cluster by their index.
class Peers {
 public:
  explicit Peers(std::vector<Endpoint> endpoints) : endpoints_(std::move(endpoints)) {}

  std::size_t count() const { return endpoints_.size(); }
  const Endpoint& operator[](ReplicaIndex index) const { return endpoints_.at(index); }
  // The replica that has this very address and port.
  std::optional<ReplicaIndex> index_of(const Endpoint& endpoint) const;
  // Whether any replica has this address, whatever the port.
  bool has_address(const boost::asio::ip::address& address) const;

 private:
  std::vector<Endpoint> endpoints_;
};

}  // namespace bmc::paxos::runtime

#endif
