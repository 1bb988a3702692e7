// SPDX-License-Identifier: Apache-2.0
// One record of the log as bytes: the wire header of abi/paxos_wire.h, a checksummed body, zeros up to the
// next multiple of 8. Used by SegmentedLog to write and by log_reader.h to read.
#ifndef BMC_PAXOS_STORAGE_LOG_RECORD_H
#define BMC_PAXOS_STORAGE_LOG_RECORD_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "apps/paxos/core/types.h"

namespace bmc::paxos {

// `type` of the header: none that a message has.
enum class RecordKind : std::uint8_t {
  kEntry = 0x81,
  kTruncation = 0x82,  // entries after `op` are no more
  kBegin =
      0x83,  // the log ends at `op`; if what was read before ends elsewhere, it is void. First in a segment
};

// Whose log it is; in each record, so that bytes of another log are not taken for ours.
struct LogOwner {
  std::uint64_t cluster_id = 0;
  ReplicaIndex index = 0;
};

struct LogRecord {
  RecordKind kind = RecordKind::kEntry;
  std::uint32_t incarnation = 0;  // of the process that wrote it
  Op op = 0;
  View view = 0;               // kEntry: in which it was first proposed
  Chain chain = 0;             // kEntry: of this entry
  std::uint64_t sequence = 0;  // counts the records of the log from 1
  std::uint64_t durable = 0;   // all records up to this sequence were synced before this one was written
  std::string_view batch;      // kEntry: serialized body::Batch
};

inline constexpr std::size_t kRecordAlignment = 8;

// Appends the record to `bytes`. Aborts if the batch is of 4 GiB.
void append_record(std::string& bytes, const LogOwner& owner, const LogRecord& record);

// A record that was read, and its length with the zeros behind it.
struct FoundRecord {
  LogRecord record;  // `batch` points into the bytes it was read from
  std::size_t length = 0;
};

// The record at the beginning of `bytes`, or what is wrong with it: a word or two for an error sentence.
std::variant<FoundRecord, const char*> read_record(std::string_view bytes, const LogOwner& owner);

}  // namespace bmc::paxos

#endif
