// SPDX-License-Identifier: Apache-2.0
// Reads the bytes of a segment: which records they hold, what these make of the log, and whether what cannot
// be read was never synced (a torn tail) or was (damage). Pure, for the fuzzer; used by SegmentedLog.
#ifndef BMC_PAXOS_STORAGE_LOG_READER_H
#define BMC_PAXOS_STORAGE_LOG_READER_H

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "apps/paxos/core/effects.h"
#include "apps/paxos/storage/log_record.h"

namespace bmc::paxos {

// The log that the records read so far amount to: entries (begin, end()], consecutive.
struct LogContent {
  Op begin = 0;
  std::vector<LogEntry> entries;

  Op end() const { return begin + entries.size(); }
};

// Where reading is: of the last good record.
struct LogPosition {
  std::uint64_t sequence = 0;
  std::uint32_t incarnation = 0;
};

// What was found in one segment.
struct SegmentReading {
  std::size_t records = 0;  // good ones
  std::size_t bytes = 0;    // of them
  // From here to `bytes`: the records that no later record declares durable. Their sync may never have
  // returned.
  std::size_t unsettled_from = 0;
  Op op_max = 0;  // of the entries
  // What is wrong at `bytes`. Null: nothing, the segment ends there, or only zeros follow, which are room for
  // more records.
  const char* bad = nullptr;
  bool was_durable = false;  // a record behind says that what is bad was synced: damage
};

// Reads records from the beginning of `segment`, adds them to `content` and moves `position`, up to the first
// that is bad: it does not read, its sequence is not the next one, its incarnation is less than the one
// before, an entry does not follow the log's end, or the first record is not kBegin.
SegmentReading read_segment(std::string_view segment, const LogOwner& owner, LogPosition& position,
                            LogContent& content);

}  // namespace bmc::paxos

#endif
