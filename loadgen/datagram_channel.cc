// SPDX-License-Identifier: Apache-2.0
// See datagram_channel.h.
#include "loadgen/datagram_channel.h"

#include <algorithm>
#include <bit>

#include "loadgen/clock.h"

namespace bmc::loadgen {
namespace {

constexpr std::size_t kSlotsMin = 64;
constexpr std::size_t kPartsMax = 1024;  // 1 MiB in datagrams of 1400 bytes, and some

std::uint16_t read16(std::string_view text, std::size_t at) {
  return static_cast<std::uint16_t>(static_cast<std::uint8_t>(text[at]) << 8 |
                                    static_cast<std::uint8_t>(text[at + 1]));
}

}  // namespace

DatagramChannel::DatagramChannel(const ChannelContext& context, std::unique_ptr<DatagramPort> port)
    : context_(context),
      port_(std::move(port)),
      slots_(std::bit_ceil(std::max<std::size_t>(kSlotsMin, 2 * std::size_t{context.pipeline}))) {}

// Slots are taken in turn; one whose request still has time is passed over. Half of them are free or given
// up.
DatagramChannel::Slot& DatagramChannel::take_slot() {
  while (slot_of(next_id_).state == State::kWaiting) next_id_++;
  Slot& slot = slot_of(next_id_);
  if (slot.state == State::kGivenUp) lose(slot);
  slot.id = static_cast<std::uint16_t>(next_id_++);
  lost_.reset(slot.id);
  slot.state = State::kWaiting;
  waiting_++;
  open_++;
  return slot;
}

void DatagramChannel::post(std::uint64_t intended_ns) {
  Slot& slot = take_slot();
  const auto high = static_cast<char>(slot.id >> 8), low = static_cast<char>(slot.id);
  text_.assign({high, low, 0, 0, 0, 1, 0, 0});
  context_.source.next(slot.exchange, text_);
  slot.exchange.intended_ns = intended_ns;
  slot.exchange.sent_ns = monotonic_ns();
  context_.judge.count_sent();
  if (Result<void> queued = port_->queue(text_); !queued) failed_ = queued;
}

Result<bool> DatagramChannel::flush() {
  if (!failed_) return failed_.error();
  if (Result<void> sent = port_->flush(); !sent) return sent.error();
  return true;
}

Result<void> DatagramChannel::receive() {
  const std::uint64_t now = monotonic_ns();
  return port_->receive([&](std::string_view datagram) { take(datagram, now); },
                        [&] { context_.judge.report().counter[LOADGEN_WRONG_CHECKSUM]++; });
}

void DatagramChannel::take(std::string_view datagram, std::uint64_t now_ns) {
  if (datagram.size() < LOADGEN_FRAME_HEADER) {
    context_.judge.count_unasked();
    return;
  }
  const std::uint16_t id = read16(datagram, 0);
  Slot& slot = slot_of(id);
  if (slot.state == State::kFree || slot.id != id) {
    if (lost_.test(id)) {
      context_.judge.count_late();
    } else {
      context_.judge.count_unasked();
    }
    lost_.reset(id);
    return;
  }
  const std::uint16_t sequence = read16(datagram, 2), total = read16(datagram, 4);
  if (total == 0 || total > kPartsMax || sequence >= total || read16(datagram, 6) != 0) {
    fail(slot, LOADGEN_WRONG_FRAME, now_ns);
  } else if (total == 1) {
    take_reply(slot, datagram.substr(LOADGEN_FRAME_HEADER), now_ns);
  } else {
    take_part(slot, datagram, now_ns);
  }
}

void DatagramChannel::take_part(Slot& slot, std::string_view datagram, std::uint64_t now_ns) {
  const std::uint16_t sequence = read16(datagram, 2), total = read16(datagram, 4);
  if (slot.parts_here == 0) slot.parts.assign(total, {});
  if (slot.parts.size() != total || !slot.parts[sequence].empty() ||
      datagram.size() == LOADGEN_FRAME_HEADER) {
    fail(slot, LOADGEN_WRONG_FRAME, now_ns);
    return;
  }
  slot.parts[sequence] = datagram.substr(LOADGEN_FRAME_HEADER);
  if (++slot.parts_here < total) return;
  std::string text;
  for (const std::string& part : slot.parts) text += part;
  slot.parts_here = 0;
  take_reply(slot, text, now_ns);
}

// memcached answers a get of several keys in several replies: one for each item, then END.
void DatagramChannel::take_reply(Slot& slot, std::string_view text, std::uint64_t now_ns) {
  Exchange& exchange = slot.exchange;
  bool any = false;
  while (!text.empty() && !exchange.done) {
    const ReplyPiece piece = next_piece(text);
    if (piece.kind == ReplyPiece::Kind::kIncomplete || piece.kind == ReplyPiece::Kind::kBroken) {
      fail(slot, LOADGEN_WRONG_LENGTH, now_ns);
      return;
    }
    if (!context_.judge.take(exchange, piece)) {
      finish(slot, now_ns);
      return;
    }
    any = true;
  }
  const bool more = any && exchange.keys.size() > 1;
  if (!text.empty() || (!exchange.done && !more)) {
    fail(slot, LOADGEN_WRONG_END, now_ns);
  } else if (exchange.done) {
    finish(slot, now_ns);
  }
}

void DatagramChannel::fail(Slot& slot, loadgen_counter fault, std::uint64_t now_ns) {
  if (slot.exchange.fault == LOADGEN_COUNTER_COUNT) slot.exchange.fault = fault;
  finish(slot, now_ns);
}

void DatagramChannel::finish(Slot& slot, std::uint64_t now_ns) {
  context_.judge.finish(slot.exchange, std::max(now_ns, slot.exchange.sent_ns));
  free_slot(slot);
}

void DatagramChannel::free_slot(Slot& slot) {
  if (slot.state == State::kWaiting) waiting_--;
  open_--;
  slot.state = State::kFree;
  slot.parts.clear();
  slot.parts_here = 0;
}

void DatagramChannel::lose(Slot& slot) {
  context_.judge.abandon(slot.exchange);
  lost_.set(slot.id);
  free_slot(slot);
}

void DatagramChannel::give_up(std::uint64_t now_ns) {
  for (; oldest_id_ != next_id_; ++oldest_id_) {
    Slot& slot = slot_of(oldest_id_);
    if (slot.state != State::kWaiting || slot.id != static_cast<std::uint16_t>(oldest_id_)) continue;
    if (now_ns <= slot.exchange.sent_ns + context_.traffic.options.late_after_ns) return;
    slot.state = State::kGivenUp;
    waiting_--;
  }
}

Result<void> DatagramChannel::reset() {
  for (Slot& slot : slots_)
    if (slot.state != State::kFree) lose(slot);
  oldest_id_ = next_id_;
  return {};
}

}  // namespace bmc::loadgen
