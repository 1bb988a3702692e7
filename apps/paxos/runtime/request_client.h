// SPDX-License-Identifier: Apache-2.0
// Which client a request is from, before anything else of it is parsed: the transport must know where to send
// the reply to.
#ifndef BMC_PAXOS_RUNTIME_REQUEST_CLIENT_H
#define BMC_PAXOS_RUNTIME_REQUEST_CLIENT_H

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>

#include "apps/paxos/core/bodies.pb.h"

namespace bmc::paxos::runtime {

// `body` is a serialized body::Request. Nothing if it is none.
inline std::optional<std::uint64_t> client_of_request(const std::string& body) {
  constexpr char kTag = 1 << 3 | 1;  // field 1, 64 bits: what every serializer writes first
  std::uint64_t client = 0;
  if (body.size() > sizeof(client) && body[0] == kTag) {
    std::memcpy(&client, body.data() + 1, sizeof(client));
    return client;
  }
  body::Request request;
  if (!request.ParseFromString(body)) return std::nullopt;
  return request.client();
}

}  // namespace bmc::paxos::runtime

#endif
