// SPDX-License-Identifier: Apache-2.0
// libFuzzer target: the wire decoder. The first byte says which of the header's redundancies are made right
// before decoding, so that inputs reach the checks behind them. What is accepted must encode to the same
// bytes.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "apps/paxos/core/codec.h"
#include "apps/paxos/core/crc32c.h"

namespace {

using namespace bmc::paxos;

constexpr std::uint64_t kCluster = 0x0102030405060708;
constexpr std::uint32_t kEpoch = 1;
constexpr std::uint8_t kReplicas = 5;

enum Repair : std::uint8_t { kIdentity = 1, kBody = 2, kHash = 4 };

void repair(std::string& bytes, std::uint8_t what) {
  if (bytes.size() < PAXOS_HEADER_BYTES) return;
  paxos_header header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (what & kIdentity) {
    header.magic = PAXOS_MAGIC;
    header.version = PAXOS_WIRE_VERSION;
    header.hdr_words = PAXOS_HEADER_WORDS;
    header.cluster_id = kCluster;
    header.epoch = kEpoch;
    header.frag_idx = 0;
    header.frag_cnt = 1;
  }
  if (what & kBody) {
    const std::string_view body = std::string_view(bytes).substr(PAXOS_HEADER_BYTES);
    header.body_len = static_cast<std::uint32_t>(body.size());
    header.body_crc32c = crc32c(body);
  }
  if (what & kHash) header.hdr_hash = paxos_header_hash(&header);
  std::memcpy(bytes.data(), &header, sizeof(header));
}

void stop_unless(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  repair(bytes, data[0]);
  const auto decoded = decode(bytes, kCluster, kEpoch, kReplicas);
  const auto length = message_bytes(bytes, kCluster, kEpoch, kReplicas);
  if (const auto* message = std::get_if<Message>(&decoded)) {
    stop_unless(std::get<std::size_t>(length) == bytes.size());
    stop_unless(message->sender < kReplicas || message->type == MessageType::kRequest);
    std::string again = encode(*message, kCluster, kEpoch);
    if (message->body->empty()) {  // an empty body may come without the flag of its checksum
      bytes[6] = static_cast<char>(bytes[6] | PAXOS_FLAG_BODY_CRC);
      repair(bytes, kHash);
    }
    stop_unless(again == bytes);
  } else {
    const Refusal refusal = std::get<Refusal>(decoded);
    const bool is_of_body = refusal == Refusal::body_length || refusal == Refusal::body_crc;
    stop_unless(std::holds_alternative<std::size_t>(length) == is_of_body);
    stop_unless(std::strlen(name_of(refusal)) > 0 && std::strlen(text_of(refusal)) > 0);
  }
  return 0;
}
