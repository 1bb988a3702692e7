// SPDX-License-Identifier: Apache-2.0
// memcached's binary protocol: requests built, responses taken apart. Used by writers and the comparison.
// Format: memcached's doc/protocol-binary; all integers big-endian, 24-byte header.
#ifndef BMC_NETNS_TESTS_BINARY_PROTOCOL_H
#define BMC_NETNS_TESTS_BINARY_PROTOCOL_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "netns-tests/lib/clock.h"

namespace bmc::lab {

class TcpClient;

enum class BinaryOp : uint8_t {
  kGet = 0x00,
  kSet = 0x01,
  kAdd = 0x02,
  kReplace = 0x03,
  kDelete = 0x04,
  kIncrement = 0x05,
  kDecrement = 0x06,
  kQuit = 0x07,
  kFlush = 0x08,
  kGetQ = 0x09,
  kNoop = 0x0a,
  kVersion = 0x0b,
  kGetK = 0x0c,
  kGetKQ = 0x0d,
  kAppend = 0x0e,
  kPrepend = 0x0f,
  kStat = 0x10,
  kSetQ = 0x11,
  kAddQ = 0x12,
  kReplaceQ = 0x13,
  kDeleteQ = 0x14,
  kIncrementQ = 0x15,
  kDecrementQ = 0x16,
  kQuitQ = 0x17,
  kFlushQ = 0x18,
  kAppendQ = 0x19,
  kPrependQ = 0x1a,
  kTouch = 0x1c,
  kGat = 0x1d,
  kGatQ = 0x1e,
  kGatK = 0x23,
  kGatKQ = 0x24,
};

constexpr size_t kBinaryHeader = 24;

struct BinaryRequest {
  BinaryOp op = BinaryOp::kNoop;
  std::string extras{}, key{}, value{};
  uint32_t opaque = 0;
  uint64_t cas = 0;
};

std::string encode(const BinaryRequest& request);
std::string big_endian32(uint32_t value);
std::string big_endian64(uint64_t value);

/// Extras of set/add/replace.
std::string store_extras(uint32_t flags, uint32_t exptime);
/// Extras of increment/decrement.
std::string counter_extras(uint64_t delta, uint64_t initial, uint32_t exptime);

struct BinaryResponse {
  BinaryOp op = BinaryOp::kNoop;
  uint16_t status = 0;
  uint32_t opaque = 0;
  uint64_t cas = 0;
  std::string body{};  ///< extras, key, value
};

/// Reads one response; nothing at the end of the stream or the deadline.
std::optional<BinaryResponse> read_response(TcpClient& client, Deadline deadline = Deadline::in_ms(10'000));

}  // namespace bmc::lab

#endif
