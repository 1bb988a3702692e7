// SPDX-License-Identifier: Apache-2.0
// See worker.h.
#include "loadgen/worker.h"

#include <sched.h>
#include <sys/prctl.h>

#include <algorithm>

#include "loadgen/clock.h"

namespace bmc::loadgen {
namespace {

constexpr int kAtOnce = 64;                         // requests posted between two looks at the replies
constexpr std::uint64_t kPublishNs = 50'000'000;    // between two looks of others at the figures
constexpr std::uint64_t kNapNs = 20'000'000;        // the longest sleep: a stop is seen so late
constexpr std::uint64_t kWorthSleepingNs = 30'000;  // a shorter sleep takes longer to wake from than it lasts
constexpr std::uint64_t kYieldNs = 100'000;      // some requests at once, and the other generator meanwhile
constexpr std::uint64_t kUnsentNapNs = 100'000;  // until the socket may have place again

Result<void> settle_on(int cpu) {
  if (cpu < 0) return {};
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<unsigned>(cpu), &set);
  if (::sched_setaffinity(0, sizeof set, &set) != 0)
    return errno_error("cannot run on processor " + std::to_string(cpu));
  return {};
}

}  // namespace

Worker::Worker(const SocketOptions& options, Traffic& traffic, std::uint32_t part)
    : options_(options),
      part_(part),
      source_(traffic, part, options.threads),
      judge_(traffic),
      context_{traffic, source_, judge_, options.pipeline} {}

Result<void> Worker::open(const ChannelOpener& opener) {
  for (std::uint32_t number = 0; number < options_.connections; ++number) {
    auto channel = opener(context_, part_ * options_.connections + number);
    if (!channel) return channel.error();
    channels_.push_back(*std::move(channel));
  }
  return {};
}

Result<RunReport> Worker::run(const WorkerPlan& plan, const std::stop_token& stop) {
  if (auto settled = settle_on(options_.cpu); !settled) return settled.error();
  // The default slack of 50 us would send in bursts.
  ::prctl(PR_SET_TIMERSLACK, 1);
  judge_.report() = {};
  posted_ = 0;
  sending_ = true;
  const std::uint64_t start = monotonic_ns();
  if (auto done = exchange_all(plan, stop); !done) return done.error();
  RunReport& report = judge_.report();
  const std::uint64_t end = std::min(monotonic_ns(), plan.end_ns);
  if (report.seconds == 0) report.seconds = static_cast<double>(end - start) / 1e9;
  for (const auto& channel : channels_)
    if (auto fresh = channel->reset(); !fresh) return fresh.error();
  publish(monotonic_ns());
  return report;
}

Result<void> Worker::exchange_all(const WorkerPlan& plan, const std::stop_token& stop) {
  const std::uint64_t start = monotonic_ns();
  std::uint64_t patience_ends = 0;
  for (;;) {
    const std::uint64_t now = monotonic_ns();
    const bool stopped = stop.stop_requested();
    if (sending_ && (now >= plan.end_ns || posted_ >= plan.requests || stopped)) {
      sending_ = false;
      RunReport& report = judge_.report();
      report.seconds = static_cast<double>(std::min(now, plan.end_ns) - start) / 1e9;
      report.aborted = stopped;
      patience_ends = now + plan.grace_ns;
      if (plan.schedule && crowded_ && now >= plan.end_ns)
        report.stalled = std::min(plan.schedule->due(plan.end_ns), plan.requests) - posted_;
    }
    if (sending_) post_due(plan, now);
    if (auto sent = flush_all(); !sent) return sent;
    if (!sending_ && (outstanding() == 0 || now >= patience_ends || stopped)) return {};
    if (auto waited = wait(plan, now); !waited) return waited;
    if (auto received = receive_all(); !received) return received;
    for (const auto& channel : channels_) channel->give_up(now);
    publish(now);
  }
}

void Worker::post_due(const WorkerPlan& plan, std::uint64_t now_ns) {
  if (plan.schedule) {
    post_scheduled(plan, now_ns);
    return;
  }
  for (int count = 0; count < kAtOnce && posted_ < plan.requests; ++count) {
    Channel* channel = next_with_room();
    if (channel == nullptr) return;
    channel->post(monotonic_ns());
    posted_++;
  }
}

void Worker::post_scheduled(const WorkerPlan& plan, std::uint64_t now_ns) {
  const std::uint64_t due = std::min(plan.schedule->due(now_ns), plan.requests);
  for (int count = 0; count < kAtOnce && posted_ < due; ++count) {
    Channel* channel = next_with_room();
    crowded_ = channel == nullptr;
    if (crowded_) return;
    channel->post(plan.schedule->intended_ns(posted_++));
  }
}

Channel* Worker::next_with_room() {
  for (std::size_t tried = 0; tried < channels_.size(); ++tried) {
    Channel& channel = *channels_[turn_];
    turn_ = turn_ + 1 == channels_.size() ? 0 : turn_ + 1;
    if (channel.room() > 0) return &channel;
  }
  return nullptr;
}

Result<void> Worker::flush_all() {
  unsent_ = false;
  for (const auto& channel : channels_) {
    const Result<bool> all = channel->flush();
    if (!all) return all.error();
    unsent_ = unsent_ || !*all;
  }
  return {};
}

Result<void> Worker::receive_all() {
  std::size_t at = 0;
  for (std::size_t number = 0; number < channels_.size(); ++number) {
    bool readable = options_.busy_poll;
    for (; !readable && at < watched_of_[number]; ++at) readable = watched_[at].revents != 0;
    if (!options_.busy_poll) at = watched_of_[number];
    if (!readable) continue;
    if (auto received = channels_[number]->receive(); !received) return received;
  }
  return {};
}

// When somebody must look again, whatever arrives.
std::uint64_t Worker::sleep_until(const WorkerPlan& plan, std::uint64_t now_ns) const {
  std::uint64_t until = now_ns + (unsent_ ? kUnsentNapNs : kNapNs);
  if (!sending_) return until;
  until = std::min(until, plan.end_ns);
  if (!plan.schedule) {
    const bool room =
        posted_ < plan.requests &&
        std::any_of(channels_.begin(), channels_.end(), [](const auto& each) { return each->room() > 0; });
    return room ? now_ns : until;
  }
  // Who waits for room waits for a reply.
  return crowded_ && posted_ < plan.schedule->due(now_ns)
             ? until
             : std::min(until, plan.schedule->intended_ns(posted_));
}

// Until something can be received, or it is time to look again.
Result<void> Worker::wait(const WorkerPlan& plan, std::uint64_t now_ns) {
  if (options_.busy_poll) return {};
  watched_.clear();
  watched_of_.clear();
  for (const auto& channel : channels_) {
    channel->watch(watched_);
    watched_of_.push_back(watched_.size());
  }
  std::uint64_t until = sleep_until(plan, now_ns);
  if (options_.yielding && plan.schedule) until = std::max(until, now_ns + kYieldNs);
  const timespec nap = {0, until <= now_ns + kWorthSleepingNs ? 0 : static_cast<long>(until - now_ns)};
  if (::ppoll(watched_.data(), watched_.size(), &nap, nullptr) < 0 && errno != EINTR)
    return errno_error("waiting for replies");
  return {};
}

std::uint64_t Worker::outstanding() const {
  std::uint64_t sum = 0;
  for (const auto& channel : channels_) sum += channel->outstanding();
  return sum;
}

void Worker::publish(std::uint64_t now_ns) {
  if (now_ns - published_ns_ < kPublishNs) return;
  published_ns_ = now_ns;
  const std::lock_guard lock(mutex_);
  published_ = judge_.report();
}

RunReport Worker::so_far() const {
  const std::lock_guard lock(mutex_);
  return published_;
}

}  // namespace bmc::loadgen
