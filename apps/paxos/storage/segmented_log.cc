// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/storage/segmented_log.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <optional>

namespace bmc::paxos {

namespace {

constexpr std::string_view kPrefix = "log-";
constexpr std::size_t kDigits = 16;
constexpr std::uint64_t kReservesPerSegment = 64;

void check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "bmc: the log of the replica: %s\n", what);
  std::abort();
}

// "log-000000000000002a": sorted by name they are in order.
std::string name_of_segment(std::uint64_t first) {
  char digits[kDigits + 1];
  std::snprintf(digits, sizeof(digits), "%016llx", static_cast<unsigned long long>(first));
  return std::string(kPrefix) + digits;
}

// The sequence number of its first record; nothing for other files.
std::optional<std::uint64_t> first_of_segment(const std::string& name) {
  if (name.size() != kPrefix.size() + kDigits || !name.starts_with(kPrefix)) return std::nullopt;
  std::uint64_t first = 0;
  const char* end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data() + kPrefix.size(), end, first, 16);
  if (error != std::errc() || stop != end || first == 0) return std::nullopt;
  return first;
}

bmc::Result<std::vector<std::string>> segment_names(Disk& disk) {
  auto names = disk.list();
  if (names) std::erase_if(*names, [](const std::string& name) { return !first_of_segment(name); });
  return names;
}

bmc::Error damage(const std::string& where, const std::string& what) {
  return bmc::Error{EBADMSG,
                    where + ": " + what +
                        ". It was synced, so this replica may have acknowledged it and must not start "
                        "without it: run `recover` for it, it will take its log from the others"};
}

// The whole file.
bmc::Result<std::string> read_all(const DiskFile& file) {
  const auto size = file.size();
  if (!size) return size.error();
  return file.read(0, *size);
}

// What was read is in memory, perhaps not on the disk: its process may have ended before the sync, or the
// sync have failed, after which another sync would find nothing to do. Hence written again.
bmc::Result<void> settle(DiskFile& file, std::string_view bytes, const SegmentReading& reading) {
  if (reading.bad) {
    if (auto cut = file.truncate(reading.bytes); !cut) return cut;
  }
  const std::size_t length = reading.bytes - reading.unsettled_from;
  if (auto written = file.write(reading.unsettled_from, bytes.substr(reading.unsettled_from, length));
      !written) {
    return written;
  }
  return file.sync();
}

}  // namespace

bmc::Result<LogContent> SegmentedLog::open(std::uint64_t durable, std::uint32_t incarnation) {
  const auto names = segment_names(disk_);
  if (!names) return names.error();
  LogContent content;
  for (const std::string& name : *names) {
    const bool is_last = name == names->back();
    if (const auto opened = open_segment(name, is_last, durable, content); !opened) return opened.error();
  }
  if (position_.sequence < durable) {
    return damage(names->empty() ? "log" : names->back(), "ends after record " +
                                                              std::to_string(position_.sequence) +
                                                              ", but there were " + std::to_string(durable));
  }
  if (position_.incarnation >= incarnation) {
    return damage("superblock", "older than the log, a later state of this replica is lost");
  }
  incarnation_ = incarnation;
  durable_ = position_.sequence;
  begin_ = content.begin;
  end_ = content.end();
  return content;
}

bmc::Result<void> SegmentedLog::open_segment(const std::string& name, bool is_last, std::uint64_t durable,
                                             LogContent& content) {
  const std::uint64_t first = *first_of_segment(name);
  if (segments_.empty()) position_.sequence = first - 1;
  if (first != position_.sequence + 1) {
    return damage(name_of_segment(segments_.back().first),
                  "ends with record " + std::to_string(position_.sequence) + ", but the next one is " + name);
  }
  auto file = disk_.open(name);
  if (!file) return file.error();
  const auto bytes = read_all(**file);
  if (!bytes) return bytes.error();
  const SegmentReading reading = read_segment(*bytes, owner_, position_, content);
  // A segment is begun when all before it is durable.
  const bool was_durable = !is_last || reading.was_durable || position_.sequence < durable;
  if (was_durable && (reading.bad || reading.records == 0)) {
    return damage(name, "damaged at byte " + std::to_string(reading.bytes) + ", record " +
                            std::to_string(position_.sequence + 1) + " (" +
                            (reading.bad ? reading.bad : "cut short") + ")");
  }
  if (reading.records == 0) {  // its beginning was never synced
    if (auto removed = disk_.remove(name); !removed) return removed;
    return disk_.sync();
  }
  if (is_last) {
    if (auto settled = settle(**file, *bytes, reading); !settled) return settled;
  }
  segments_.push_back({.first = first, .op_max = reading.op_max});
  file_ = std::move(*file);
  file_bytes_ = reading.bytes;
  file_reserved_ = reading.bad ? reading.bytes : bytes->size();
  return {};
}

bmc::Result<void> SegmentedLog::remove(Disk& disk) {
  const auto names = segment_names(disk);
  if (!names) return names.error();
  for (const std::string& name : *names) {
    if (auto removed = disk.remove(name); !removed) return removed;
  }
  return {};
}

bmc::Result<bool> SegmentedLog::exists(Disk& disk) {
  const auto names = segment_names(disk);
  if (!names) return names.error();
  return !names->empty();
}

void SegmentedLog::append(const LogEntry& entry) {
  check(entry.op == end_ + 1, "an entry that does not follow its end");
  add({.kind = RecordKind::kEntry,
       .op = entry.op,
       .view = entry.view,
       .chain = entry.chain,
       .batch = *entry.batch});
  segments_.back().op_max = std::max(segments_.back().op_max, entry.op);
  end_ = entry.op;
}

void SegmentedLog::truncate(Op end) {
  check(end >= begin_ && end <= end_, "a truncation outside of it");
  add({.kind = RecordKind::kTruncation, .op = end, .batch = {}});
  end_ = end;
}

void SegmentedLog::restart_at(Op op) {
  add({.kind = RecordKind::kBegin, .op = op, .batch = {}});
  begin_ = op;
  end_ = op;
}

// With the beginning of a new segment before it where the last one is full.
void SegmentedLog::add(LogRecord record) {
  if (pending_.empty() && (!file_ || file_bytes_ >= segment_bytes_)) {
    pending_begins_segment_ = true;
    segments_.push_back({.first = position_.sequence + 1});
    put({.kind = RecordKind::kBegin, .op = end_, .batch = {}});
  }
  put(record);
}

void SegmentedLog::put(LogRecord record) {
  position_ = {.sequence = position_.sequence + 1, .incarnation = incarnation_};
  record.incarnation = incarnation_;
  record.sequence = position_.sequence;
  record.durable = durable_;
  append_record(pending_, owner_, record);
}

// The zeros are synced together with the records that need them.
bmc::Result<void> SegmentedLog::reserve() {
  const std::uint64_t needed = file_bytes_ + pending_.size();
  if (needed <= file_reserved_) return {};
  const std::uint64_t end = needed + segment_bytes_ / kReservesPerSegment;
  const std::string zeros(end - needed, '\0');
  if (auto written = file_->write(needed, zeros); !written) return written;
  file_reserved_ = end;
  return {};
}

bmc::Result<void> SegmentedLog::flush() {
  if (pending_.empty()) return {};
  if (pending_begins_segment_) {
    auto file = disk_.create(name_of_segment(segments_.back().first));
    if (!file) return file.error();
    file_ = std::move(*file);
    file_bytes_ = file_reserved_ = 0;
  }
  if (auto reserved = reserve(); !reserved) return reserved;
  if (auto written = file_->write(file_bytes_, pending_); !written) return written;
  if (auto synced = file_->sync(); !synced) return synced;
  if (pending_begins_segment_) {
    if (auto synced = disk_.sync(); !synced) return synced;
    segments_begun_++;
    pending_begins_segment_ = false;
  }
  file_bytes_ += pending_.size();
  durable_ = position_.sequence;
  pending_.clear();
  return {};
}

bmc::Result<void> SegmentedLog::trim(Op begin) {
  begin_ = std::max(begin_, begin);
  while (segments_.size() > 1 && segments_.front().op_max <= begin_) {
    if (auto removed = disk_.remove(name_of_segment(segments_.front().first)); !removed) return removed;
    // One after the other, so that after a crash none is missing between two that are there.
    if (auto synced = disk_.sync(); !synced) return synced;
    segments_.pop_front();
  }
  return {};
}

}  // namespace bmc::paxos
