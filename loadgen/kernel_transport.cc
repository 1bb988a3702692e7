// SPDX-License-Identifier: Apache-2.0
// See kernel_transport.h.
#include "loadgen/kernel_transport.h"

#include <bpf/libbpf.h>
#include <net/if.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "loadgen/clock.h"
#include "loadgen/live_frames.h"
#include "loadgen/programs.h"

namespace bmc::loadgen {
namespace {

using namespace std::chrono_literals;

constexpr auto kPoll = 5ms;
constexpr std::uint64_t kDrainQuietNs = 50'000'000;  // without a reply for so long, the rest is lost
constexpr std::uint64_t kHopelessSent = 2000;        // requests before a window may be given up

Result<void> check_options(const KernelOptions& options) {
  if (options.slots == 0 || (options.slots & (options.slots - 1)) != 0 || options.slots > LOADGEN_SLOTS_MAX)
    return Error{EINVAL, "the number of slots must be a power of two, 1048576 at most"};
  if (options.port_bits > 8 || options.slots > (65536u << options.port_bits))
    return Error{EINVAL, "more requests outstanding than source ports and request ids can tell apart"};
  if (options.batch < 1 || options.batch > 256) return Error{EINVAL, "a batch is 1 to 256 runs"};
  if (options.burst < 1) return Error{EINVAL, "a burst is at least one request"};
  if (options.link.client.family != options.link.server.family)
    return Error{EINVAL, "client and server addresses are of different families"};
  return {};
}

class Generator final : public KernelTransport {
 public:
  Generator(KernelOptions options, Programs programs, int ifindex)
      : options_(std::move(options)), programs_(std::move(programs)), ifindex_(ifindex) {}

  ~Generator() override {
    if (link_ != nullptr) bpf_link__destroy(link_);
  }

  Result<void> attach() {
    link_ = bpf_program__attach_xdp(programs_.check_program(), ifindex_);
    if (link_ == nullptr)
      return errno_error("cannot attach the checking XDP program to " + options_.interface +
                         " (another XDP program there, or MTU too large?)");
    return {};
  }

  Result<RunReport> run(const WindowPlan& plan, const std::stop_token& stop,
                        const Progress& progress) override {
    if (!(plan.rps > 0) || !(plan.seconds > 0))
      return Error{EINVAL, "rate and time of a window must be positive"};
    if (auto cleared = programs_.clear(); !cleared) return cleared.error();
    forget_schedule();
    LiveFrames frames(
        {programs_.generate_fd(), ifindex_, programs_.frame_size(), options_.batch, options_.cpu});
    RunReport report;
    if (await_first_run(frames)) {
      schedule(plan);
      report = watch(plan, stop, progress, frames);
      drain(frames);
    }
    if (const int failed = frames.stop(); failed != 0)
      return errno_error("sending live frames over BPF_PROG_TEST_RUN on " + options_.interface, failed);
    if (auto collected = collect(report); !collected) return collected.error();
    return report;
  }

 private:
  loadgen_pace& pace() const { return programs_.pace(); }

  // All but the number of the next request.
  void forget_schedule() {
    loadgen_pace fresh = {};
    fresh.sequence = pace().sequence;
    pace() = fresh;
  }

  // The schedule must not begin before somebody keeps it.
  bool await_first_run(const LiveFrames& frames) const {
    while (frames.running()) {
      if (__atomic_load_n(&pace().runs, __ATOMIC_RELAXED) != 0) return true;
      std::this_thread::sleep_for(1ms);
    }
    return false;
  }

  void schedule(const WindowPlan& plan) {
    const std::uint32_t ports = 1u << options_.port_bits;
    const std::uint32_t blocks = (LOADGEN_PORT_HIGH - LOADGEN_PORT_LOW) / ports;
    pace().port_base = LOADGEN_PORT_LOW + ports * (window_++ % blocks);
    pace().interval_q10 = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(1e9 * 1024 / plan.rps));
    pace().depth_q10 = pace().interval_q10 * options_.burst;
    pace().remaining = plan.requests;
    pace().start_ns = monotonic_ns();
    pace().end_ns = pace().start_ns + static_cast<std::uint64_t>(plan.seconds * 1e9);
    __atomic_store_n(&pace().active, 1, __ATOMIC_RELEASE);
  }

  // Waits for the end of the schedule.
  RunReport watch(const WindowPlan& plan, const std::stop_token& stop, const Progress& progress,
                  const LiveFrames& frames) {
    RunReport report;
    report.offered_rps = plan.rps;
    std::uint64_t sent_before = 0;
    while (monotonic_ns() < pace().end_ns && frames.running()) {
      std::this_thread::sleep_for(kPoll);
      if (!collect(report)) break;
      // What was sent before the last look has had a whole poll interval to come back.
      const auto before = static_cast<double>(sent_before);
      const double unanswered = before - static_cast<double>(report.answered() + report.wrong());
      const bool hopeless = sent_before > kHopelessSent && unanswered > plan.abort_loss * before;
      if (hopeless || stop.stop_requested()) {
        report.aborted = true;
        break;
      }
      if (progress) progress(report);
      if (report.sent >= plan.requests) break;
      sent_before = report.sent;
    }
    __atomic_store_n(&pace().active, 0, __ATOMIC_RELEASE);
    const std::uint64_t end = std::min<std::uint64_t>(monotonic_ns(), pace().end_ns);
    report.seconds = static_cast<double>(end - pace().start_ns) / 1e9;
    return report;
  }

  // Waits until everything is answered, or nothing has come for a while.
  void drain(const LiveFrames& frames) const {
    RunReport seen;
    std::uint64_t before = 0;
    std::uint64_t quiet_since = monotonic_ns();
    while (frames.running() && collect(seen)) {
      if (seen.answered() + seen.wrong() >= seen.sent) return;
      if (seen.answered() != before) quiet_since = monotonic_ns();
      before = seen.answered();
      if (monotonic_ns() - quiet_since > kDrainQuietNs) return;
      std::this_thread::sleep_for(1ms);
    }
  }

  // Puts what the programs have counted so far into `report`.
  Result<void> collect(RunReport& report) const {
    auto stats = programs_.stats();
    if (!stats) return stats.error();
    std::copy_n(stats->counter, report.counter.size(), report.counter.begin());
    report.latency = Latency(stats->latency);
    count_gets(report);
    report.sent = __atomic_load_n(&pace().sent, __ATOMIC_RELAXED);
    report.stalled = __atomic_load_n(&pace().stalled, __ATOMIC_RELAXED);
    return {};
  }

  void count_gets(RunReport& report) const {
    constexpr std::uint64_t kEndBytes = 5;  // END\r\n
    report.gets.count = report.answered();
    report.gets.hits = report.counter[LOADGEN_HIT];
    report.gets.misses = report.counter[LOADGEN_MISS];
    report.gets.bytes = report.answered() * (programs_.request_size() + kEndBytes) +
                        report.gets.hits * programs_.record_size();
    report.gets.latency = report.latency;
  }

  KernelOptions options_;
  Programs programs_;
  int ifindex_;
  bpf_link* link_ = nullptr;
  std::uint32_t window_ = 0;
};

}  // namespace

Result<std::unique_ptr<KernelTransport>> KernelTransport::create(const KernelOptions& options,
                                                                 const Workload& workload) {
  if (auto valid = check_options(options); !valid) return valid.error();
  const unsigned ifindex = ::if_nametoindex(options.interface.c_str());
  if (ifindex == 0) return errno_error("no interface " + options.interface);
  auto programs = Programs::load(options, workload);
  if (!programs) return programs.error();
  auto transport = std::make_unique<Generator>(options, *std::move(programs), static_cast<int>(ifindex));
  if (auto attached = transport->attach(); !attached) return attached.error();
  return std::unique_ptr<KernelTransport>(std::move(transport));
}

}  // namespace bmc::loadgen
