// SPDX-License-Identifier: Apache-2.0
// See live_frames.h.
#include "loadgen/live_frames.h"

#include <bpf/bpf.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <limits>
#include <vector>

namespace bmc::loadgen {
namespace {

// A call of BPF_PROG_TEST_RUN costs some 20 ms before and after (the kernel patches its XDP dispatcher), so
// one call lasts as long as it may, three minutes and more, and is ended by a signal that does nothing else.
constexpr int kRunsPerCall = std::numeric_limits<int>::max();

int end_signal() { return SIGRTMIN + 7; }

}  // namespace

LiveFrames::LiveFrames(const LiveFramesOptions& options) : options_(options) {
  struct sigaction action = {};
  action.sa_handler = [](int) {};
  ::sigaction(end_signal(), &action, nullptr);
  thread_ = std::thread([this] {
    loop();
    ended_ = true;
  });
}

int LiveFrames::stop() {
  stopping_ = true;
  // Again and again: a signal that comes just before the system call is spent for nothing.
  while (thread_.joinable() && !ended_) {
    ::pthread_kill(thread_.native_handle(), end_signal());
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  if (thread_.joinable()) thread_.join();
  return failed_;
}

void LiveFrames::loop() {
  if (options_.cpu >= 0) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(options_.cpu, &set);
    if (::sched_setaffinity(0, sizeof set, &set) != 0) {
      failed_ = errno;
      return;
    }
  }
  // Other work on this CPU shows up as load that was not sent; without the right to it, so be it.
  (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), -20);
  std::vector<std::uint8_t> frame(options_.frame_size);
  xdp_md context = {};
  context.data_end = options_.frame_size;
  context.ingress_ifindex = static_cast<__u32>(options_.ifindex);
  LIBBPF_OPTS(bpf_test_run_opts, opts);
  opts.data_in = frame.data();
  opts.data_size_in = options_.frame_size;
  opts.ctx_in = &context;
  opts.ctx_size_in = sizeof context;
  opts.repeat = kRunsPerCall;
  opts.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
  opts.batch_size = options_.batch;
  while (!stopping_) {
    const int failed = bpf_prog_test_run_opts(options_.program_fd, &opts);
    if (failed == 0 || failed == -EINTR) continue;
    failed_ = -failed;
    return;
  }
}

}  // namespace bmc::loadgen
