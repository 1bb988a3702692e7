// SPDX-License-Identifier: Apache-2.0
// The questions behind TtlProbe. ttl_probe.h has the reasons.
#include "apps/memcached-cache/daemon/ttl_probe.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "apps/memcached-cache/daemon/monotonic_time.h"

namespace bmc::cache {
namespace {

bool can_be_asked_for(std::string_view key) {
  return !key.empty() && key.size() <= CACHE_KEY_MAX && std::ranges::all_of(key, [](char byte) {
    return static_cast<unsigned char>(byte) > 0x20 && byte != 0x7f;
  });
}

}  // namespace

std::uint32_t deadline_before_second(std::uint64_t second) {
  // 2^32 units are 9 years: a second beyond them cannot be reached in this boot.
  constexpr std::uint64_t kLastSecond =
      (std::uint64_t{CACHE_DEADLINE_NEVER} << CACHE_DEADLINE_SHIFT) / kSecondNs;
  if (second > kLastSecond) return CACHE_DEADLINE_NEVER - 1;
  const std::uint64_t units = second * kSecondNs >> CACHE_DEADLINE_SHIFT;
  return units > CACHE_DEADLINE_UNKNOWN + 2 ? static_cast<std::uint32_t>(units - 1)
                                            : CACHE_DEADLINE_UNKNOWN + 1;
}

void TtlProbe::request(TtlTarget target) {
  if (!can_be_asked_for(target.key)) {
    counters_.refused++;
    return;
  }
  if (!ways_.insert(target.way).second) return;
  queue_.push_back({std::move(target), -1});
  if (queue_.size() > kQueueMax) {
    const Waiting oldest = std::move(queue_.front());
    queue_.pop_front();
    done(oldest, counters_.dropped);
  }
  pump();
}

void TtlProbe::advance() {
  const auto floor = static_cast<std::int64_t>(world_.clock_floor_s());
  while (!confirm_.empty() && confirm_.front().first_told_s < floor) {
    queue_.push_back(std::move(confirm_.front()));
    confirm_.pop_front();
  }
  pump();
}

void TtlProbe::clear() {
  era_++;
  asked_ = 0;
  queue_.clear();
  confirm_.clear();
  ways_.clear();
}

void TtlProbe::pump() {
  if (world_.clock_floor_s() == 0) return;
  while (!queue_.empty() && asked_ < kAskedMax) {
    Waiting next = std::move(queue_.front());
    queue_.pop_front();
    ask(std::move(next));
  }
}

void TtlProbe::ask(Waiting waiting) {
  asked_++;
  counters_.asked++;
  const std::uint64_t floor = world_.clock_floor_s();
  const std::string key = waiting.target.key;
  world_.ask(key, [this, era = era_, floor, waiting = std::move(waiting)](Result<Answer> answer) {
    if (era != era_) return;
    asked_--;
    answered(waiting, floor, answer);
    pump();
  });
}

void TtlProbe::answered(Waiting waiting, std::uint64_t floor_s, const Result<Answer>& answer) {
  if (!answer) return done(waiting, counters_.failed);
  const Result<MetaReply> meta = parse_meta_reply(answer->reply.line, waiting.target.key);
  if (!meta) return done(waiting, counters_.failed);
  if (!meta->found) return done(waiting, counters_.missing);
  if (meta->exp == -1) {
    if (waiting.first_told_s >= 0) return apply(waiting, CACHE_DEADLINE_NEVER);
    waiting.first_told_s = second_of(answer->received_ns);
    confirm_.push_back(std::move(waiting));
    if (confirm_.size() <= kConfirmMax) return;
    const Waiting oldest = std::move(confirm_.front());
    confirm_.pop_front();
    return done(oldest, counters_.dropped);
  }
  if (meta->exp == 0 || meta->exp == 1) return done(waiting, counters_.missing);
  if (answer->received_ns - answer->sent_ns >= kSecondNs) return done(waiting, counters_.failed);
  const auto left_s = static_cast<std::uint64_t>(std::abs(meta->exp));
  apply(waiting, deadline_before_second(floor_s + left_s));
}

void TtlProbe::apply(const Waiting& waiting, std::uint32_t deadline) {
  done(waiting, world_.apply(waiting.target, deadline) ? counters_.applied : counters_.moved);
}

void TtlProbe::done(const Waiting& waiting, std::uint64_t& counter) {
  counter++;
  ways_.erase(waiting.target.way);
}

}  // namespace bmc::cache
