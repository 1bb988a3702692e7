// SPDX-License-Identifier: Apache-2.0
// See board.h.
#include "netns-tests/hammer/board.h"

#include <charconv>

namespace bmc::hammer {
namespace {

constexpr size_t kViolationsKept = 20;
constexpr int64_t kClockRecovery = 2500 * lab::kMillisecond;

/// The number after `prefix` in `name`, or `none`.
size_t index_of(std::string_view name, std::string_view prefix, size_t none) {
  if (!name.starts_with(prefix)) return none;
  name.remove_prefix(prefix.size());
  size_t index = none;
  const auto [rest, error] = std::from_chars(name.data(), name.data() + name.size(), index);
  return error == std::errc() && rest == name.data() + name.size() ? index : none;
}

}  // namespace

Board::Board(unsigned writers, unsigned keys_each, unsigned counters) : keys_each_(keys_each) {
  for (size_t i = 0; i < size_t{writers} * keys_each; ++i) {
    keys_.push_back(std::make_unique<Key>());
    keys_.back()->name = "key:" + std::to_string(i);
  }
  for (size_t i = 0; i < counters; ++i) {
    counters_.push_back(std::make_unique<Counter>());
    counters_.back()->name = "counter:" + std::to_string(i);
  }
}

Key* Board::find_key(std::string_view name) {
  const size_t index = index_of(name, "key:", keys_.size());
  return index < keys_.size() ? keys_[index].get() : nullptr;
}

Counter* Board::find_counter(std::string_view name) {
  const size_t index = index_of(name, "counter:", counters_.size());
  return index < counters_.size() ? counters_[index].get() : nullptr;
}

void Board::violation(const std::string& text) {
  const std::lock_guard lock(mutex_);
  if (violation_count_++ < kViolationsKept) violations_.push_back(text);
}

std::vector<std::string> Board::violations() const {
  const std::lock_guard lock(mutex_);
  return violations_;
}

size_t Board::violation_count() const {
  const std::lock_guard lock(mutex_);
  return violation_count_;
}

void Board::stop() {
  const std::lock_guard lock(mutex_);
  stop_ = true;
  changed_.notify_all();
}

void Board::pause(int64_t ns) const {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::nanoseconds(ns), [this] { return stop_.load(); });
}

void Board::set_frozen(bool frozen) {
  frozen_ = frozen;
  clocks_disturbed_ns_ = lab::now_ns();
}

void Board::set_down() {
  const std::lock_guard lock(mutex_);
  up_ = false;
}

void Board::set_up() {
  const std::lock_guard lock(mutex_);
  clocks_disturbed_ns_ = lab::now_ns();
  ++incarnation_;
  up_ = true;
  changed_.notify_all();
}

bool Board::wait_up() const {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return up_.load() || stop_.load(); });
  return !stop_;
}

bool Board::clocks_reliable() const {
  return !frozen_ && up_ && lab::now_ns() - clocks_disturbed_ns_ > kClockRecovery;
}

}  // namespace bmc::hammer
