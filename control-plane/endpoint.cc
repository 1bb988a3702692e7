// SPDX-License-Identifier: Apache-2.0
// Addresses as text; see endpoint.h.
#include "control-plane/endpoint.h"

namespace bmc {

std::string to_string(const Endpoint& endpoint) {
  const std::string address = endpoint.address.to_string();
  return (endpoint.address.is_v6() ? "[" + address + "]" : address) + ":" + std::to_string(endpoint.port);
}

std::string to_string(const Prefix& prefix) {
  return prefix.address.to_string() + "/" + std::to_string(prefix.bits);
}

}  // namespace bmc
