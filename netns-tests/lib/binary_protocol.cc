// SPDX-License-Identifier: Apache-2.0
// See binary_protocol.h.
#include "netns-tests/lib/binary_protocol.h"

#include "netns-tests/lib/tcp_client.h"

namespace bmc::lab {
namespace {

constexpr uint8_t kRequestMagic = 0x80;

template <class Integer>
std::string big_endian(Integer value) {
  std::string bytes;
  for (int shift = static_cast<int>(sizeof(Integer)) * 8 - 8; shift >= 0; shift -= 8)
    bytes.push_back(static_cast<char>(value >> shift));
  return bytes;
}

uint64_t read_big_endian(std::string_view bytes) {
  uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<uint8_t>(byte);
  return value;
}

}  // namespace

std::string big_endian32(uint32_t value) { return big_endian(value); }
std::string big_endian64(uint64_t value) { return big_endian(value); }

std::string encode(const BinaryRequest& request) {
  const size_t body = request.extras.size() + request.key.size() + request.value.size();
  std::string bytes;
  bytes.push_back(static_cast<char>(kRequestMagic));
  bytes.push_back(static_cast<char>(request.op));
  bytes += big_endian(static_cast<uint16_t>(request.key.size()));
  bytes.push_back(static_cast<char>(request.extras.size()));
  bytes.append(3, '\0');  // data type, vbucket
  bytes += big_endian32(static_cast<uint32_t>(body));
  bytes += big_endian32(request.opaque);
  bytes += big_endian64(request.cas);
  return bytes + request.extras + request.key + request.value;
}

std::string store_extras(uint32_t flags, uint32_t exptime) {
  return big_endian32(flags) + big_endian32(exptime);
}

std::string counter_extras(uint64_t delta, uint64_t initial, uint32_t exptime) {
  return big_endian64(delta) + big_endian64(initial) + big_endian32(exptime);
}

std::optional<BinaryResponse> read_response(TcpClient& client, Deadline deadline) {
  const std::string header = client.read_exactly(kBinaryHeader, deadline);
  if (header.size() != kBinaryHeader) return std::nullopt;
  const std::string_view view = header;
  BinaryResponse response;
  response.op = static_cast<BinaryOp>(header[1]);
  response.status = static_cast<uint16_t>(read_big_endian(view.substr(6, 2)));
  response.opaque = static_cast<uint32_t>(read_big_endian(view.substr(12, 4)));
  response.cas = read_big_endian(view.substr(16, 8));
  const size_t length = read_big_endian(view.substr(8, 4));
  response.body = client.read_exactly(length, deadline);
  if (response.body.size() != length) return std::nullopt;
  return response;
}

}  // namespace bmc::lab
