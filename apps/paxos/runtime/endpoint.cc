// SPDX-License-Identifier: Apache-2.0
// Parsing and finding addresses.
#include "apps/paxos/runtime/endpoint.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <charconv>

namespace bmc::paxos::runtime {

std::optional<Endpoint> parse_endpoint(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);

  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(std::string(host), error);
  if (error || address.is_v6() != bracketed) return std::nullopt;

  std::uint16_t port = 0;
  const auto [end, wrong] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (wrong != std::errc{} || end != digits.data() + digits.size() || port == 0) return std::nullopt;
  return Endpoint(address, port);
}

std::vector<Endpoint> parse_endpoints(const std::vector<std::string>& texts) {
  std::vector<Endpoint> endpoints;
  for (const std::string& text : texts) endpoints.push_back(parse_endpoint(text).value());
  return endpoints;
}

std::string format_endpoint(const Endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  return (endpoint.address().is_v6() ? "[" + address + "]" : address) + ":" + std::to_string(endpoint.port());
}

std::optional<ReplicaIndex> Peers::index_of(const Endpoint& endpoint) const {
  const auto found = std::find(endpoints_.begin(), endpoints_.end(), endpoint);
  if (found == endpoints_.end()) return std::nullopt;
  return static_cast<ReplicaIndex>(found - endpoints_.begin());
}

bool Peers::has_address(const boost::asio::ip::address& address) const {
  return std::any_of(endpoints_.begin(), endpoints_.end(),
                     [&](const Endpoint& each) { return each.address() == address; });
}

}  // namespace bmc::paxos::runtime
