// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/storage/log_record.h"

#include <cstring>

#include "apps/paxos/core/wire_header.h"

namespace bmc::paxos {

namespace {

// In front of the batch; with it, the body that the header's checksum is of.
struct Place {
  std::uint64_t sequence;
  std::uint64_t durable;
};
static_assert(sizeof(Place) == 16);

constexpr std::size_t kFrontBytes = sizeof(paxos_header) + sizeof(Place);
static_assert(kFrontBytes % kRecordAlignment == 0);

constexpr std::size_t padding_after(std::size_t bytes) {
  return (kRecordAlignment - bytes % kRecordAlignment) % kRecordAlignment;
}

bool is_kind(std::uint8_t type) {
  return type >= static_cast<std::uint8_t>(RecordKind::kEntry) &&
         type <= static_cast<std::uint8_t>(RecordKind::kBegin);
}

}  // namespace

void append_record(std::string& bytes, const LogOwner& owner, const LogRecord& record) {
  const std::size_t start = bytes.size();
  const Place place{.sequence = record.sequence, .durable = record.durable};
  bytes.append(sizeof(paxos_header), '\0');
  bytes.append(reinterpret_cast<const char*>(&place), sizeof(place));
  bytes.append(record.batch);
  const std::string_view body = std::string_view(bytes).substr(start + sizeof(paxos_header));

  paxos_header header{};
  header.type = static_cast<std::uint8_t>(record.kind);
  header.cluster_id = owner.cluster_id;
  header.sender = owner.index;
  header.ack_level = PAXOS_ACK_DURABLE;
  header.view = record.view;
  header.op = record.op;
  header.chain = record.chain;
  header.incarnation = record.incarnation;
  seal(header, body);
  std::memcpy(bytes.data() + start, &header, sizeof(header));
  bytes.append(padding_after(bytes.size() - start), '\0');
}

std::variant<FoundRecord, const char*> read_record(std::string_view bytes, const LogOwner& owner) {
  if (bytes.size() < kFrontBytes) return "cut short";
  paxos_header header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (header.magic != PAXOS_MAGIC) return "no record";
  if (header.hdr_hash != paxos_header_hash(&header)) return "header hash";
  if (header.version != PAXOS_WIRE_VERSION || header.hdr_words != PAXOS_HEADER_WORDS) return "format version";
  if (header.cluster_id != owner.cluster_id || header.sender != owner.index) return "of another replica";
  if (!is_kind(header.type)) return "kind";
  const std::size_t padding = padding_after(header.body_len);
  if (header.body_len < sizeof(Place)) return "length";
  if (bytes.size() - sizeof(header) < header.body_len + padding) return "cut short";
  const std::string_view body = bytes.substr(sizeof(header), header.body_len);
  if (header.body_crc32c != crc32c(body)) return "checksum";
  const std::size_t length = sizeof(header) + header.body_len + padding;
  if (bytes.substr(length - padding, padding).find_first_not_of('\0') != std::string_view::npos) {
    return "bytes between records";
  }
  Place place;
  std::memcpy(&place, body.data(), sizeof(place));
  return FoundRecord{.record = {.kind = static_cast<RecordKind>(header.type),
                                .incarnation = header.incarnation,
                                .op = header.op,
                                .view = header.view,
                                .chain = header.chain,
                                .sequence = place.sequence,
                                .durable = place.durable,
                                .batch = body.substr(sizeof(place))},
                     .length = length};
}

}  // namespace bmc::paxos
