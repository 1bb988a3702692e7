// SPDX-License-Identifier: Apache-2.0
// Reading and counting of samples; see hot_keys.h.
#include "apps/memcached-cache/daemon/hot_keys.h"

#include <algorithm>
#include <cstring>
#include <tuple>

#include "apps/memcached-cache/daemon/monotonic_time.h"

namespace bmc::cache {
namespace {

// The ring holds some 900 samples.
constexpr std::uint64_t kPollNs = 20 * kMillisecondNs;
constexpr int kSamplesPerTurn = 2048;
constexpr std::uint64_t kRateNs = 100 * kMillisecondNs;
constexpr std::uint32_t kFirstOneOf = 16;
constexpr double kOneOfMost = 65536;
// Beyond the window asked for.
constexpr double kPatienceS = 5;

std::uint64_t ns_of(double seconds) { return static_cast<std::uint64_t>(seconds * 1e9); }

std::uint32_t one_of(double gets_per_s) {
  return static_cast<std::uint32_t>(
      std::clamp<double>(gets_per_s / HotKeyWatch::kSamplesPerSecond, 1, kOneOfMost));
}

}  // namespace

void HotKeyTable::add(const cache_sample& sample) {
  samples_++;
  auto found = keys_.find(sample.key_hash);
  if (found == keys_.end()) {
    if (keys_.size() >= kKeysMost) forget_half();
    const auto* key = reinterpret_cast<const char*>(sample.key);
    found = keys_.emplace(sample.key_hash, HotKey{}).first;
    found->second.server = sample.server;
    found->second.key_hash = sample.key_hash;
    found->second.key.assign(key, std::min<std::size_t>(sample.key_len, CACHE_KEY_MAX));
  }
  found->second.samples++;
  found->second.hits += sample.hit != 0;
}

void HotKeyTable::forget_half() {
  std::vector<std::uint64_t> counts;
  counts.reserve(keys_.size());
  for (const auto& [hash, key] : keys_) counts.push_back(key.samples);
  const auto middle = counts.begin() + static_cast<std::ptrdiff_t>(counts.size() / 2);
  std::nth_element(counts.begin(), middle, counts.end());
  const std::uint64_t least = *middle;
  // Of those at the border as many as are needed to come to half.
  std::size_t surplus = kKeysMost / 2;
  std::erase_if(keys_, [&](const auto& each) {
    if (each.second.samples > least || surplus == 0) return false;
    surplus--;
    return true;
  });
}

std::vector<HotKey> HotKeyTable::most(std::size_t count) const {
  std::vector<HotKey> keys;
  keys.reserve(keys_.size());
  for (const auto& [hash, key] : keys_) keys.push_back(key);
  const std::size_t wanted = std::min(count, keys.size());
  std::partial_sort(keys.begin(), keys.begin() + static_cast<std::ptrdiff_t>(wanted), keys.end(),
                    [](const HotKey& one, const HotKey& other) {
                      return std::tie(other.samples, one.key) < std::tie(one.samples, other.key);
                    });
  keys.resize(wanted);
  return keys;
}

Result<std::uint64_t> HotKeyWatch::open(double seconds) {
  if (sessions_.size() >= kSessionsMost)
    return Error{EBUSY, "too many look at the hot keys already; try again later"};
  if (sessions_.empty())
    if (Result<void> begun = begin(); !begun) return begun.error();
  const std::uint64_t now = monotonic_ns();
  Session& session = sessions_[++last_session_];
  session.begun_ns = now;
  session.ends_ns = now + ns_of(seconds + kPatienceS);
  session.gets_before = gets_;
  return last_session_;
}

Result<HotKeyReport> HotKeyWatch::take(std::uint64_t number, std::size_t count, double seconds) {
  const auto found = sessions_.find(number);
  if (found == sessions_.end()) return Error{ENOENT, "these keys are not counted any more; ask anew"};
  poll();
  Session& session = found->second;
  const std::uint64_t now = monotonic_ns();
  HotKeyReport report;
  report.seconds = static_cast<double>(now - session.begun_ns) / 1e9;
  report.gets_per_s = report.seconds > 0 ? (gets_ - session.gets_before) / report.seconds : 0;
  report.samples = session.table.samples();
  report.keys = session.table.most(count);
  session = {};
  session.begun_ns = now;
  session.ends_ns = now + ns_of(seconds + kPatienceS);
  session.gets_before = gets_;
  return report;
}

Result<void> HotKeyWatch::begin() {
  ring_.reset(ring_buffer__new(memory_.samples_fd, take_sample, this, nullptr));
  if (!ring_) return errno_error("cannot map the ring buffer of samples");
  left_ = kSamplesPerTurn;
  (void)ring_buffer__consume(ring_.get());  // what was left there is nobody's
  sampled_ = counters_.counter(CACHE_SAMPLE_TAKEN);
  own_one_of_ = kFirstOneOf;
  keys_one_of_ = 1;
  rated_gets_ = gets_;
  rated_ns_ = monotonic_ns();
  publish_rate();
  poll_later();
  return {};
}

void HotKeyWatch::end() {
  run_.end();
  timer_.cancel();
  ring_.reset();
  keys_one_of_ = own_one_of_ = 0;
  publish_rate();
}

void HotKeyWatch::stop() {
  sessions_.clear();
  if (ring_) end();
}

int HotKeyWatch::take_sample(void* self, void* data, std::size_t bytes) {
  auto& watch = *static_cast<HotKeyWatch*>(self);
  if (bytes >= sizeof(cache_sample)) {
    cache_sample sample;
    std::memcpy(&sample, data, sizeof sample);
    for (auto& [number, session] : watch.sessions_) session.table.add(sample);
  }
  return --watch.left_ > 0 ? 0 : -EAGAIN;
}

void HotKeyWatch::poll() {
  const std::uint64_t now = monotonic_ns();
  left_ = kSamplesPerTurn;
  (void)ring_buffer__consume(ring_.get());
  const std::uint64_t sampled = counters_.counter(CACHE_SAMPLE_TAKEN);
  gets_ += static_cast<double>(sampled - sampled_) * observe(memory_.control().sample_one_of);
  sampled_ = sampled;
  if (now - rated_ns_ >= kRateNs) choose_rate(now);
}

void HotKeyWatch::poll_later() {
  timer_.expires_after(duration(kPollNs));
  timer_.async_wait(run_.guard([this](const boost::system::error_code& code) {
    if (code) return;
    poll();
    const std::uint64_t now = monotonic_ns();
    std::erase_if(sessions_, [now](const auto& each) { return each.second.ends_ns < now; });
    if (sessions_.empty()) return end();
    poll_later();
  }));
}

void HotKeyWatch::choose_rate(std::uint64_t now_ns) {
  const double gets_per_s = (gets_ - rated_gets_) * 1e9 / static_cast<double>(now_ns - rated_ns_);
  rated_gets_ = gets_;
  rated_ns_ = now_ns;
  own_one_of_ = one_of(gets_per_s);
  keys_one_of_ = other_one_of_ == 0 ? 1 : one_of(gets_per_s / other_one_of_);
  publish_rate();
}

void HotKeyWatch::set_other_rate(std::uint32_t one_of) {
  if (one_of == other_one_of_) return;
  if (ring_) poll();  // by the rate so far
  other_one_of_ = one_of;
  publish_rate();
}

void HotKeyWatch::publish_rate() {
  cache_control& control = memory_.control();
  publish(control.sample_keys_one_of, keys_one_of_);
  publish(control.sample_one_of, other_one_of_ != 0 ? other_one_of_ : own_one_of_);
}

}  // namespace bmc::cache
