// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/storage/log_reader.h"

#include <algorithm>
#include <memory>
#include <string>

namespace bmc::paxos {

namespace {

// Null if `record` may follow what was read; then `content` has it.
const char* take(const LogRecord& record, LogContent& content) {
  switch (record.kind) {
    case RecordKind::kEntry:
      if (record.op != content.end() + 1) return "an entry out of order";
      content.entries.push_back(LogEntry{.op = record.op,
                                         .view = record.view,
                                         .chain = record.chain,
                                         .batch = std::make_shared<const std::string>(record.batch)});
      return nullptr;
    case RecordKind::kTruncation:
      if (record.op > content.end()) return "a truncation behind the end";
      if (record.op < content.begin) content.begin = record.op;  // what it cuts was trimmed long ago
      content.entries.resize(record.op - content.begin);
      return nullptr;
    case RecordKind::kBegin:
      if (record.op != content.end()) content = LogContent{.begin = record.op, .entries = {}};
      return nullptr;
  }
  return "kind";
}

// Whether a good record in `rest` says that the one after `position` was synced. Records of an earlier life
// of this replica, which a client may have sent back to us as a value, are of a lower incarnation.
bool declared_durable(std::string_view rest, const LogOwner& owner, const LogPosition& position) {
  while (rest.size() >= kRecordAlignment) {
    const auto read = read_record(rest, owner);
    if (const auto* found = std::get_if<FoundRecord>(&read)) {
      const LogRecord& record = found->record;
      if (record.sequence > position.sequence + 1 && record.durable > position.sequence &&
          record.incarnation >= position.incarnation) {
        return true;
      }
    }
    rest.remove_prefix(kRecordAlignment);
  }
  return false;
}

// Null if `record` may be the next one; then `content` has it.
const char* follow(const LogRecord& record, bool is_first, const LogPosition& position, LogContent& content) {
  if (record.sequence != position.sequence + 1 || record.durable > position.sequence) return "sequence";
  if (record.incarnation < position.incarnation) return "incarnation";
  if (is_first && record.kind != RecordKind::kBegin) return "not the beginning of a segment";
  return take(record, content);
}

}  // namespace

SegmentReading read_segment(std::string_view segment, const LogOwner& owner, LogPosition& position,
                            LogContent& content) {
  SegmentReading reading;
  std::vector<std::size_t> starts;
  std::uint64_t durable = 0;
  const std::uint64_t first = position.sequence + 1;
  const std::size_t end = segment.find_last_not_of('\0') + 1;  // npos + 1: all are zeros
  while (reading.bytes < end) {
    const auto read = read_record(segment.substr(reading.bytes), owner);
    const auto* found = std::get_if<FoundRecord>(&read);
    reading.bad =
        found ? follow(found->record, starts.empty(), position, content) : std::get<const char*>(read);
    if (reading.bad) break;
    const LogRecord& record = found->record;
    position = {.sequence = record.sequence, .incarnation = record.incarnation};
    durable = record.durable;
    if (record.kind == RecordKind::kEntry) reading.op_max = std::max(reading.op_max, record.op);
    starts.push_back(reading.bytes);
    reading.bytes += found->length;
  }
  reading.records = starts.size();
  if (reading.records > 0 && durable >= first) reading.unsettled_from = starts[durable + 1 - first];
  if (reading.bad) {
    const std::size_t behind = std::min(reading.bytes + kRecordAlignment, segment.size());
    reading.was_durable = declared_durable(segment.substr(behind), owner, position);
  }
  return reading;
}

}  // namespace bmc::paxos
