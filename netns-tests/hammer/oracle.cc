// SPDX-License-Identifier: Apache-2.0
// See oracle.h.
#include "netns-tests/hammer/oracle.h"

#include <algorithm>

#include "netns-tests/lib/clock.h"

namespace bmc::hammer {
namespace {

std::string milliseconds(int64_t ns) { return std::to_string(static_cast<double>(ns) / 1e6) + " ms"; }

}  // namespace

const char* to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::kGood:
      return "good";
    case Verdict::kStale:
      return "stale";
    case Verdict::kFuture:
      return "future";
    case Verdict::kLost:
      return "lost";
  }
  return "?";
}

uint64_t KeyOracle::begin(Effect effect, bool expires, const char* path, const char* verb) {
  const std::lock_guard lock(mutex_);
  const uint64_t version = ++sent_;
  if (effect == Effect::kRemove || expires) absent_excused_ = version;
  // A refresh may prolong what was about to expire; from here only its own outcome tells.
  gone_ns_ = 0;
  events_[version % kHistory] = {.version = version, .path = path, .verb = verb, .sent_ns = lab::now_ns()};
  return version;
}

void KeyOracle::succeeded(uint64_t version, Effect effect, int64_t gone_ns) {
  const std::lock_guard lock(mutex_);
  if (effect == Effect::kStore) {
    floor_ = std::max(floor_, version);
    present_ = std::max(present_, version);
  } else if (effect == Effect::kRemove) {
    floor_ = std::max(floor_, version + 1);
  }
  if (version == sent_) {
    gone_ns_ = gone_ns;
    gone_version_ = version;
  }
}

void KeyOracle::answered(uint64_t version, const char* outcome) {
  const std::lock_guard lock(mutex_);
  Event& event = events_[version % kHistory];
  if (event.version != version) return;
  event.outcome = outcome;
  event.answered_ns = lab::now_ns();
}

Verdict KeyOracle::found_absent(const ReadBound& before) const { return check_absent(before); }

uint64_t KeyOracle::begin_clearing() {
  const std::lock_guard lock(mutex_);
  ++clearing_;
  absent_excused_ = std::max(absent_excused_, sent_);
  // What is acknowledged by now is gone after the clearing; what is still under way may survive it.
  return std::max(floor_, present_ + 1);
}

void KeyOracle::end_clearing(uint64_t floor_after) {
  const std::lock_guard lock(mutex_);
  --clearing_;
  absent_excused_ = std::max(absent_excused_, sent_);
  floor_ = std::max(floor_, floor_after);
}

ReadBound KeyOracle::before_read(bool clocks_reliable) {
  const std::lock_guard lock(mutex_);
  if (gone_ns_ != 0 && clocks_reliable && lab::now_ns() >= gone_ns_) {
    floor_ = std::max(floor_, gone_version_ + 1);
    gone_ns_ = 0;
  }
  return {floor_, present_};
}

Verdict KeyOracle::check_value(const ReadBound& before, uint64_t version) const {
  const std::lock_guard lock(mutex_);
  if (version < before.floor) return Verdict::kStale;
  return version > sent_ ? Verdict::kFuture : Verdict::kGood;
}

Verdict KeyOracle::check_absent(const ReadBound& before) const {
  const std::lock_guard lock(mutex_);
  return clearing_ != 0 || before.present <= absent_excused_ ? Verdict::kGood : Verdict::kLost;
}

std::string KeyOracle::history() const {
  const std::lock_guard lock(mutex_);
  const int64_t now = lab::now_ns();
  std::string text = "sent " + std::to_string(sent_) + ", floor " + std::to_string(floor_) + ", present " +
                     std::to_string(present_) + ", misses excused through " +
                     std::to_string(absent_excused_) + "\n";
  const uint64_t first = sent_ >= kHistory ? sent_ - kHistory + 1 : 1;
  for (uint64_t version = first; version <= sent_; ++version) {
    const Event& event = events_[version % kHistory];
    text += "    " + std::to_string(event.version) + " " + event.verb + " by " + event.path + ", sent " +
            milliseconds(now - event.sent_ns) + " ago, " + event.outcome;
    if (event.answered_ns != 0) text += " " + milliseconds(now - event.answered_ns) + " ago";
    text += "\n";
  }
  return text;
}

void CounterOracle::may_grow(uint64_t delta) {
  const std::lock_guard lock(mutex_);
  ceiling_ += delta;
  pending_ += delta;
}

void CounterOracle::answered(uint64_t delta) {
  const std::lock_guard lock(mutex_);
  pending_ -= delta;
}

void CounterOracle::reached(uint64_t value) {
  const std::lock_guard lock(mutex_);
  floor_ = std::max(floor_, value);
}

uint64_t CounterOracle::before_read() const {
  const std::lock_guard lock(mutex_);
  return floor_;
}

Verdict CounterOracle::check_value(uint64_t floor, uint64_t value) const {
  const std::lock_guard lock(mutex_);
  if (value < floor) return Verdict::kStale;
  return value > ceiling_ ? Verdict::kFuture : Verdict::kGood;
}

uint64_t CounterOracle::fresh_base() {
  const std::lock_guard lock(mutex_);
  const uint64_t base = ceiling_ + 1;
  ceiling_ = base + pending_;  // what is under way may still be added to it
  return base;
}

}  // namespace bmc::hammer
