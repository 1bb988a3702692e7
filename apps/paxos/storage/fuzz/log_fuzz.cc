// SPDX-License-Identifier: Apache-2.0
// libFuzzer target: the log reader. An input is a program that writes records, right and wrong ones, and
// damages their bytes; the rest of it is appended as it is. What the reader says must hold together, and what
// it took must read back the same.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>

#include "apps/paxos/storage/log_reader.h"

namespace {

using namespace bmc::paxos;

constexpr LogOwner kOwner{.cluster_id = 1, .index = 2};

void stop_unless(bool holds) {
  if (!holds) std::abort();
}

// Small numbers from the input.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  bool is_empty() const { return size_ == 0; }
  std::uint8_t take() {
    if (size_ == 0) return 0;
    size_--;
    return *data_++;
  }
  std::string rest() { return std::string(reinterpret_cast<const char*>(data_), std::exchange(size_, 0)); }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
};

std::string segment_of(Input& input) {
  std::string bytes;
  LogRecord record{.kind = RecordKind::kBegin, .batch = {}};
  for (int steps = input.take() % 32; steps > 0 && !input.is_empty(); steps--) {
    const std::uint8_t what = input.take();
    record.sequence += what & 0x80 ? input.take() : 1;
    if (what & 0x40) record.durable = record.sequence - input.take() % 4;
    if (what & 0x20) record.incarnation = input.take();
    record.op = what & 0x10 ? input.take() * 0x0101010101010101ull : record.op + 1;
    record.kind = static_cast<RecordKind>(0x80 + (what & 0x03 ? what & 0x03 : 1));
    const std::string batch(record.kind == RecordKind::kEntry ? input.take() : 0, 'b');
    record.batch = batch;
    append_record(bytes, kOwner, record);
    record.batch = {};
    if (what & 0x08) bytes[bytes.size() - 1 - input.take() % bytes.size()] = static_cast<char>(input.take());
    if (what & 0x04) bytes.resize(bytes.size() - input.take() % bytes.size());
  }
  return bytes + input.rest();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const std::string segment = segment_of(input);
  LogPosition position;
  LogContent content;
  const SegmentReading reading = read_segment(segment, kOwner, position, content);
  stop_unless(reading.bytes <= segment.size() && reading.unsettled_from <= reading.bytes);
  const bool is_room = segment.find_first_not_of('\0', reading.bytes) == std::string::npos;
  stop_unless((reading.bad == nullptr) == is_room);
  stop_unless(position.sequence == reading.records);
  stop_unless(!reading.was_durable || reading.bad != nullptr);
  Op op = content.begin;
  for (const LogEntry& entry : content.entries) stop_unless(entry.op == ++op && entry.batch != nullptr);

  // The good part alone reads the same, and without complaint.
  LogPosition position_again;
  LogContent content_again;
  const auto again =
      read_segment(std::string_view(segment).substr(0, reading.bytes), kOwner, position_again, content_again);
  stop_unless(again.bad == nullptr && again.records == reading.records && again.op_max == reading.op_max);
  stop_unless(content_again.begin == content.begin && content_again.end() == content.end());
  return 0;
}
