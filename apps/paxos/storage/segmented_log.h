// SPDX-License-Identifier: Apache-2.0
// The log on the disk: records appended to segments, the files log-<sequence of the first record>. Nothing is
// ever overwritten: a truncation is a record, too. Used by ReplicaStore in Durability::kWal.
#ifndef BMC_PAXOS_STORAGE_SEGMENTED_LOG_H
#define BMC_PAXOS_STORAGE_SEGMENTED_LOG_H

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "apps/paxos/core/effects.h"
#include "apps/paxos/storage/disk.h"
#include "apps/paxos/storage/log_reader.h"
#include "apps/paxos/storage/log_record.h"

namespace bmc::paxos {

class SegmentedLog {
 public:
  // An empty log. A segment of `segment_bytes` or more is followed by another one. Its file is filled with
  // zeros ahead of the records, a part of `segment_bytes` at a time: a sync then has no new size or block of
  // the file to make durable, only the records.
  SegmentedLog(Disk& disk, const LogOwner& owner, std::uint64_t segment_bytes)
      : disk_(disk), owner_(owner), segment_bytes_(segment_bytes) {}

  // Reads what is there, cuts off a torn tail and makes the rest durable. Once, before everything else. The
  // records up to `durable` must be there, and all be of an earlier incarnation than `incarnation`, which is
  // that of the records written from now on. EBADMSG: damage.
  bmc::Result<LogContent> open(std::uint64_t durable, std::uint32_t incarnation);

  // Removes the files of a log. Durable after the next sync of the directory.
  static bmc::Result<void> remove(Disk& disk);
  // Whether the directory holds any of them.
  static bmc::Result<bool> exists(Disk& disk);

  // Change the log in memory; flush() writes. Abort if an entry does not follow the end, or the truncation is
  // behind it or before the beginning.
  void append(const LogEntry& entry);
  void truncate(Op end);
  // The log is empty and ends at `op`.
  void restart_at(Op op);

  // Writes what was changed since the last flush(), in one write, and syncs it. Durable on return.
  bmc::Result<void> flush();

  // Entries up to `begin` are not needed any more: removes the segments that hold no others. Only after
  // flush().
  bmc::Result<void> trim(Op begin);

  Op begin() const { return begin_; }
  Op end() const { return end_; }
  // Sequence number of the last durable record.
  std::uint64_t durable() const { return durable_; }
  // Counts the segments that were begun.
  std::uint64_t segments_begun() const { return segments_begun_; }

 private:
  struct Segment {
    std::uint64_t first = 0;  // sequence of its first record; its name
    Op op_max = 0;            // of its entries
  };

  bmc::Result<void> open_segment(const std::string& name, bool is_last, std::uint64_t durable,
                                 LogContent& content);
  void add(LogRecord record);
  void put(LogRecord record);
  bmc::Result<void> reserve();

  Disk& disk_;
  LogOwner owner_;
  std::uint64_t segment_bytes_;
  std::uint32_t incarnation_ = 0;

  Op begin_ = 0;
  Op end_ = 0;
  std::deque<Segment> segments_;  // the last one is written
  std::unique_ptr<DiskFile> file_;
  std::uint64_t file_bytes_ = 0;     // of records
  std::uint64_t file_reserved_ = 0;  // of records and the zeros behind them; file_bytes_ or more
  std::uint64_t segments_begun_ = 0;
  LogPosition position_;                 // of the last record, written or pending
  std::uint64_t durable_ = 0;            // of the last record that was synced
  std::string pending_;                  // records to be written by flush()
  bool pending_begins_segment_ = false;  // segments_.back() has no file yet
};

}  // namespace bmc::paxos

#endif
