// SPDX-License-Identifier: Apache-2.0
// A Batch is put together from the bytes of its requests as they came: field 1 (time_us) as a varint, then
// each request as field 2, as protobuf itself would write it.
#include "apps/paxos/core/batcher.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>
#include <utility>

namespace bmc::paxos {

namespace {
using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;

constexpr std::uint32_t kTimeTag =
    WireFormatLite::MakeTag(body::Batch::kTimeUsFieldNumber, WireFormatLite::WIRETYPE_VARINT);
constexpr std::uint32_t kRequestTag =
    WireFormatLite::MakeTag(body::Batch::kRequestsFieldNumber, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
constexpr std::size_t kTimeBytesMax = 11;  // tag and varint
constexpr Micros kGatheringPart = 4;       // of a round

std::uint8_t* write(const std::string& bytes, std::uint8_t* to) {
  return std::copy(bytes.begin(), bytes.end(), to);
}
}  // namespace

bool Batcher::in_pipeline(std::uint64_t client, std::uint64_t number) const {
  const auto found = pipeline_.find(client);
  return found != pipeline_.end() && number <= found->second;
}

std::size_t Batcher::bytes_in_batch(const Waiting& request) {
  const auto bytes = static_cast<std::uint32_t>(request.request->size());
  return 1 + CodedOutputStream::VarintSize32(bytes) + bytes;
}

void Batcher::add(Waiting request) {
  pipeline_[request.client] = request.number;
  queue_bytes_ += bytes_in_batch(request);
  queue_.push_back(std::move(request));
  ++round_.asked_since;
}

void Batcher::observe(Micros now, bool in_flight) {
  if (in_flight == round_.is_on) return;
  round_.is_on = in_flight;
  if (in_flight) {
    round_.began = now;
    round_.answered = 0;
  } else {
    round_.ended = now;
    round_.asked_since = 0;
  }
}

bool Batcher::is_due(Micros now) const {
  if (options_.batch_requests_max == 1) return true;
  if (round_.is_on && batch_is_full()) return true;
  if (!round_.is_on && round_.asked_since >= round_.answered) return true;
  return now >= due_at();
}

Micros Batcher::due_at() const {
  return round_.is_on ? queue_.front().since + options_.batch_delay_us : gathered_at();
}

Micros Batcher::gathered_at() const {
  return round_.ended + std::min(options_.batch_delay_us, (round_.ended - round_.began) / kGatheringPart);
}

bool Batcher::batch_is_full() const {
  return queue_.size() >= options_.batch_requests_max ||
         queue_bytes_ + kTimeBytesMax >= options_.batch_bytes_max;
}

std::shared_ptr<const std::string> Batcher::take(std::uint64_t time_us) {
  std::size_t bytes = kTimeBytesMax;
  std::size_t count = 0;
  while (count < queue_.size() && count < options_.batch_requests_max) {
    const std::size_t more = bytes_in_batch(queue_[count]);
    if (count > 0 && bytes + more > options_.batch_bytes_max) break;
    bytes += more;
    ++count;
  }
  auto batch = std::make_shared<std::string>(bytes, '\0');
  auto* const begin = reinterpret_cast<std::uint8_t*>(batch->data());
  std::uint8_t* to = CodedOutputStream::WriteTagToArray(kTimeTag, begin);
  to = CodedOutputStream::WriteVarint64ToArray(time_us, to);
  for (; count > 0; --count) {
    const Waiting& first = queue_.front();
    queue_bytes_ -= bytes_in_batch(first);
    to = CodedOutputStream::WriteTagToArray(kRequestTag, to);
    to = CodedOutputStream::WriteVarint32ToArray(static_cast<std::uint32_t>(first.request->size()), to);
    to = write(*first.request, to);
    queue_.pop_front();
  }
  batch->resize(static_cast<std::size_t>(to - begin));
  return batch;
}

void Batcher::applied(std::uint64_t client, std::uint64_t number) {
  const auto found = pipeline_.find(client);
  if (found != pipeline_.end() && found->second <= number) pipeline_.erase(found);
  ++round_.answered;
}

std::deque<Batcher::Waiting> Batcher::clear() {
  pipeline_.clear();
  queue_bytes_ = 0;
  round_ = {};
  return std::exchange(queue_, {});
}

std::uint64_t batch_time(const std::string& batch) {
  CodedInputStream in(reinterpret_cast<const std::uint8_t*>(batch.data()), static_cast<int>(batch.size()));
  google::protobuf::uint64 time = 0;
  if (in.ReadTag() != kTimeTag || !in.ReadVarint64(&time)) return 0;
  return time;
}

}  // namespace bmc::paxos
