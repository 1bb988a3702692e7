// SPDX-License-Identifier: Apache-2.0
// Worker: one thread's connections and its part of a window: sends what is due, takes what has come. Used by
// SocketTransport.
#ifndef BMC_LOADGEN_WORKER_H
#define BMC_LOADGEN_WORKER_H

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <vector>

#include "loadgen/channel.h"
#include "loadgen/schedule.h"
#include "loadgen/socket_transport.h"

namespace bmc::loadgen {

// A worker's part of a WindowPlan.
struct WorkerPlan {
  std::optional<Schedule> schedule;  // nothing: closed loop
  std::uint64_t end_ns = 0;          // of sending
  std::uint64_t requests = 0;        // sent at most
  std::uint64_t grace_ns = 0;        // answers are waited for after that, at most
};

class Worker {
 public:
  // Number `part` of all. `traffic` must outlive it.
  Worker(const SocketOptions& options, Traffic& traffic, std::uint32_t part);

  Result<void> open(const ChannelOpener& opener);

  // Blocks until the window is over; in a thread of its own. Returns what was found, `seconds` set to the
  // time of sending.
  Result<RunReport> run(const WorkerPlan& plan, const std::stop_token& stop);

  // What was known some milliseconds ago; from any thread.
  RunReport so_far() const;

 private:
  Result<void> exchange_all(const WorkerPlan& plan, const std::stop_token& stop);
  void post_due(const WorkerPlan& plan, std::uint64_t now_ns);
  void post_scheduled(const WorkerPlan& plan, std::uint64_t now_ns);
  Channel* next_with_room();
  Result<void> flush_all();
  Result<void> receive_all();
  Result<void> wait(const WorkerPlan& plan, std::uint64_t now_ns);
  std::uint64_t sleep_until(const WorkerPlan& plan, std::uint64_t now_ns) const;
  void publish(std::uint64_t now_ns);
  std::uint64_t outstanding() const;

  const SocketOptions& options_;
  std::uint32_t part_;
  RequestSource source_;
  ReplyJudge judge_;
  ChannelContext context_;
  std::vector<std::unique_ptr<Channel>> channels_;
  std::vector<pollfd> watched_;          // of all channels, one channel after the other
  std::vector<std::size_t> watched_of_;  // where each channel's end in it
  std::size_t turn_ = 0;                 // the channel that posts next
  std::uint64_t posted_ = 0;             // in this window
  bool sending_ = false;
  bool crowded_ = false;  // the last request due found no room
  bool unsent_ = false;   // the last flush left something
  std::uint64_t published_ns_ = 0;
  mutable std::mutex mutex_;  // of the next
  RunReport published_;
};

}  // namespace bmc::loadgen

#endif
