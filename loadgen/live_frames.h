// SPDX-License-Identifier: Apache-2.0
// LiveFrames: a thread that runs an XDP program over BPF_PROG_TEST_RUN, back to back, its frames being sent
// for real. Used by the kernel transport for the time of one window.
#ifndef BMC_LOADGEN_LIVE_FRAMES_H
#define BMC_LOADGEN_LIVE_FRAMES_H

#include <atomic>
#include <cstdint>
#include <thread>

namespace bmc::loadgen {

struct LiveFramesOptions {
  int program_fd = -1;  // lent
  int ifindex = 0;      // XDP_TX leaves from here
  std::uint32_t frame_size = 0;
  std::uint32_t batch = 64;  // runs between two looks at the scheduler, 1..256
  int cpu = -1;              // -1: any
};

class LiveFrames {
 public:
  // The thread inherits the caller's network namespace. The first run follows some 20 ms later.
  explicit LiveFrames(const LiveFramesOptions& options);
  ~LiveFrames() { stop(); }
  LiveFrames(const LiveFrames&) = delete;
  LiveFrames& operator=(const LiveFrames&) = delete;

  // False once the kernel has refused to go on.
  bool running() const { return !ended_; }

  // Ends the thread, at once. Returns 0, or the errno with which the kernel refused.
  int stop();

 private:
  void loop();

  LiveFramesOptions options_;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> ended_ = false;
  std::atomic<int> failed_ = 0;
  std::thread thread_;
};

}  // namespace bmc::loadgen

#endif
