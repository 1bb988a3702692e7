// SPDX-License-Identifier: Apache-2.0
// See socket_transport.h.
#include "loadgen/socket_transport.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "loadgen/clock.h"
#include "loadgen/worker.h"

namespace bmc::loadgen {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kThreadsMax = 256;
constexpr std::uint32_t kConnectionsMax = 10000;
constexpr std::uint32_t kPipelineMax = 16384;
constexpr auto kProgressEvery = 200ms;

Result<void> check_options(const SocketOptions& options) {
  const auto fail = [](std::string what) { return Error{EINVAL, std::move(what)}; };
  if (options.threads < 1 || options.threads > kThreadsMax) return fail("1 to 256 threads are possible");
  if (options.connections < 1 || options.connections > kConnectionsMax)
    return fail("1 to 10000 connections a thread are possible");
  if (options.pipeline < 1 || options.pipeline > kPipelineMax)
    return fail("1 to 16384 requests may be outstanding on a connection");
  const TrafficOptions& traffic = options.traffic;
  if (traffic.sets + traffic.gets == 0) return fail("neither sets nor gets: nothing to send");
  if (!(traffic.verify >= 0 && traffic.verify <= 1)) return fail("the share to verify is between 0 and 1");
  if (traffic.expiry_min > traffic.expiry_max) return fail("the range of expiry times is empty");
  return {};
}

// The window's plan for worker `part` of `parts`.
WorkerPlan part_of(const WindowPlan& plan, std::uint64_t start_ns, std::uint32_t part, std::uint32_t parts) {
  WorkerPlan mine;
  if (plan.rps > 0) mine.schedule.emplace(plan.rps, start_ns, part, parts);
  mine.end_ns = start_ns + static_cast<std::uint64_t>(plan.seconds * 1e9);
  mine.requests = plan.requests / parts + (part < plan.requests % parts ? 1 : 0);
  mine.grace_ns = static_cast<std::uint64_t>(plan.grace_seconds * 1e9);
  return mine;
}

}  // namespace

SocketTransport::SocketTransport(const SocketOptions& options, const Workload& workload)
    : options_(options), traffic_(workload, options.traffic) {}

SocketTransport::~SocketTransport() = default;

std::string SocketTransport::remark() const {
  const std::uint64_t keys = traffic_.versions.unordered();
  if (keys == 0) return {};
  return "of " + std::to_string(keys) +
         " keys a write was never acknowledged: an old value of theirs may have passed for right";
}

Result<std::unique_ptr<SocketTransport>> SocketTransport::create(const SocketOptions& options,
                                                                 const Workload& workload,
                                                                 const ChannelOpener& open) {
  if (auto valid = check_options(options); !valid) return valid.error();
  std::unique_ptr<SocketTransport> transport(new SocketTransport(options, workload));
  for (std::uint32_t part = 0; part < options.threads; ++part) {
    transport->workers_.push_back(std::make_unique<Worker>(transport->options_, transport->traffic_, part));
    if (auto opened = transport->workers_.back()->open(open); !opened) return opened.error();
  }
  return transport;
}

Result<RunReport> SocketTransport::run(const WindowPlan& plan, const std::stop_token& stop,
                                       const Progress& progress) {
  if (!(plan.rps >= 0) || !(plan.seconds > 0))
    return Error{EINVAL, "rate and time of a window must be positive"};
  const std::size_t count = workers_.size();
  std::vector<Result<RunReport>> parts(count, RunReport{});
  std::mutex mutex;
  std::condition_variable ended;
  std::size_t running = count;
  std::vector<std::jthread> threads;
  const std::uint64_t start = monotonic_ns();
  for (std::uint32_t part = 0; part < count; ++part) {
    threads.emplace_back([&, part] {
      Result<RunReport> found =
          workers_[part]->run(part_of(plan, start, part, static_cast<std::uint32_t>(count)), stop);
      const std::lock_guard lock(mutex);
      parts[part] = std::move(found);
      running--;
      ended.notify_all();
    });
  }
  const auto sum = [&](auto part_report) {
    RunReport report;
    report.offered_rps = plan.rps;
    for (std::size_t part = 0; part < count; ++part) report.add(part_report(part));
    report.seconds = static_cast<double>(monotonic_ns() - start) / 1e9;
    return report;
  };
  for (std::unique_lock lock(mutex); !ended.wait_for(lock, kProgressEvery, [&] { return running == 0; });)
    if (progress) progress(sum([&](std::size_t part) { return workers_[part]->so_far(); }));
  threads.clear();
  double seconds = 0;
  for (const Result<RunReport>& part : parts) {
    if (!part) return part.error();
    seconds = std::max(seconds, part->seconds);
  }
  RunReport report = sum([&](std::size_t part) { return *parts[part]; });
  report.seconds = seconds;
  return report;
}

}  // namespace bmc::loadgen
