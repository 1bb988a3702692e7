// SPDX-License-Identifier: Apache-2.0
#include "loadgen/kernel_transport.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <net/if.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <ctime>
#include <thread>
#include <vector>

#include "control-plane/mapped_array.h"
#include "loadgen_bpf.skel.h"

namespace bmc::loadgen {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kStartDelayNs = 2'000'000;  // until the generating thread runs
constexpr auto kPoll = 5ms;
constexpr auto kDrainQuiet = 50ms;             // without a reply for so long, the rest is lost
constexpr std::uint64_t kHopelessSent = 2000;  // requests before a window may be given up
// Runs of the program in one system call: some 25 ms when nothing is due, so that a window ends soon.
constexpr int kRunsPerCall = 1 << 19;

std::uint64_t now_ns() {
  timespec time = {};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(time.tv_nsec);
}

struct SkeletonClose {
  void operator()(loadgen_bpf* skeleton) const { loadgen_bpf__destroy(skeleton); }
};
using Skeleton = std::unique_ptr<loadgen_bpf, SkeletonClose>;

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

// The skeleton's maps are sized and its constants set, then it is loaded.
Result<Skeleton> load(const KernelOptions& options, const Workload& workload) {
  Skeleton skeleton(loadgen_bpf__open());
  if (!skeleton) return errno_error("cannot open the generator's programs");
  loadgen_config config = {};
  workload.describe(config);
  describe_frame(options.link, workload, config);
  config.expect = options.expect_echo ? LOADGEN_EXPECT_ECHO : LOADGEN_EXPECT_VALUES;
  config.verify_checksum = options.verify_checksum ? 1 : 0;
  config.slot_mask = options.slots - 1;
  config.port_bits = options.port_bits;
  config.lost_after_ns = options.lost_after_ns;
  std::memcpy(const_cast<loadgen_config*>(&skeleton->rodata->config), &config, sizeof config);
  bpf_map__set_max_entries(skeleton->maps.slots, options.slots);
  bpf_map__set_max_entries(
      skeleton->maps.alias,
      std::max<std::uint32_t>(1, static_cast<std::uint32_t>(workload.alias_table().size())));
  if (const int failed = loadgen_bpf__load(skeleton.get()); failed != 0)
    return errno_error("the kernel refuses the generator's programs (CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON?)",
                       failed);
  return skeleton;
}

class Generator final : public KernelTransport {
 public:
  Generator(KernelOptions options, Skeleton skeleton, MappedArray<loadgen_slot> slots, int ifindex)
      : options_(std::move(options)),
        skeleton_(std::move(skeleton)),
        slots_(std::move(slots)),
        ifindex_(ifindex),
        cpus_(static_cast<std::size_t>(libbpf_num_possible_cpus())) {}

  ~Generator() override {
    if (link_ != nullptr) bpf_link__destroy(link_);
  }

  Result<void> attach() {
    link_ = bpf_program__attach_xdp(skeleton_->progs.check_reply, ifindex_);
    if (link_ == nullptr)
      return errno_error("cannot attach the checking XDP program to " + options_.interface +
                         " (another XDP program there, or MTU too large?)");
    return {};
  }

  Result<RunReport> run(const WindowPlan& plan, std::stop_token stop, const Progress& progress) override {
    if (!(plan.rps > 0) || !(plan.seconds > 0))
      return Error{EINVAL, "rate and time of a window must be positive"};
    prepare(plan);
    std::atomic<bool> finish = false;
    std::atomic<int> failed = 0;
    std::thread thread([&] { failed = generate(finish); });
    RunReport report = watch(plan, stop, progress, failed);
    drain(failed);
    finish = true;
    thread.join();
    if (failed != 0)
      return errno_error("BPF_PROG_TEST_RUN with live frames on " + options_.interface, failed);
    collect(report);
    return report;
  }

 private:
  // Zeroes what the last window left and writes the schedule of the next.
  void prepare(const WindowPlan& plan) {
    loadgen_pace& pace = skeleton_->bss->pace;
    const std::uint32_t ports = 1u << options_.port_bits;
    const std::uint32_t blocks = (LOADGEN_PORT_HIGH - LOADGEN_PORT_LOW) / ports;
    std::memset(static_cast<void*>(&slots_[0]), 0, MappedArray<loadgen_slot>::kStride * options_.slots);
    const std::vector<loadgen_stats> zero(cpus_);
    const __u32 key = 0;
    bpf_map_update_elem(bpf_map__fd(skeleton_->maps.stats), &key, zero.data(), BPF_ANY);
    pace.port_base = LOADGEN_PORT_LOW + ports * (window_++ % blocks);
    pace.interval_q10 = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(1e9 * 1024 / plan.rps));
    pace.depth_q10 = pace.interval_q10 * options_.burst;
    pace.next_q10 = 0;
    pace.remaining = plan.requests;
    pace.sent = pace.stalled = pace.overwritten = 0;
    pace.start_ns = now_ns() + kStartDelayNs;
    pace.end_ns = pace.start_ns + static_cast<std::uint64_t>(plan.seconds * 1e9);
    __atomic_store_n(&pace.active, 1, __ATOMIC_RELEASE);
  }

  // Runs in a thread of its own until told to finish. Returns 0 or a negative errno.
  int generate(const std::atomic<bool>& finish) {
    if (options_.cpu >= 0) {
      cpu_set_t set;
      CPU_ZERO(&set);
      CPU_SET(options_.cpu, &set);
      if (::sched_setaffinity(0, sizeof set, &set) != 0) return -errno;
    }
    // Other work on this CPU shows up as load that was not sent; without the right to it, so be it.
    (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), -20);
    const loadgen_config& config = *const_cast<loadgen_config*>(&skeleton_->rodata->config);
    std::vector<std::uint8_t> frame(config.frame_size + LOADGEN_TAIL_SPARE);
    xdp_md context = {};
    context.data_end = static_cast<__u32>(frame.size());
    context.ingress_ifindex = static_cast<__u32>(ifindex_);
    LIBBPF_OPTS(bpf_test_run_opts, opts);
    opts.data_in = frame.data();
    opts.data_size_in = static_cast<__u32>(frame.size());
    opts.ctx_in = &context;
    opts.ctx_size_in = sizeof context;
    opts.repeat = kRunsPerCall;
    opts.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
    opts.batch_size = options_.batch;
    while (!finish.load(std::memory_order_relaxed)) {
      const int failed = bpf_prog_test_run_opts(bpf_program__fd(skeleton_->progs.generate_request), &opts);
      if (failed != 0 && failed != -EINTR) return failed;
    }
    return 0;
  }

  std::uint64_t sent() const { return __atomic_load_n(&skeleton_->bss->pace.sent, __ATOMIC_RELAXED); }

  // Waits for the end of the schedule. The report holds only counts until collect().
  RunReport watch(const WindowPlan& plan, const std::stop_token& stop, const Progress& progress,
                  const std::atomic<int>& failed) {
    loadgen_pace& pace = skeleton_->bss->pace;
    RunReport report;
    report.offered_rps = plan.rps;
    std::uint64_t sent_before = 0;
    for (std::uint64_t now = now_ns(); now < pace.end_ns && failed == 0; now = now_ns()) {
      std::this_thread::sleep_for(kPoll);
      collect(report);
      // What was sent before the last look has had a whole poll interval to come back.
      const auto unanswered =
          static_cast<double>(sent_before) - static_cast<double>(report.answered() + report.wrong());
      const bool hopeless =
          sent_before > kHopelessSent && unanswered > plan.abort_loss * static_cast<double>(sent_before);
      if (hopeless || stop.stop_requested()) {
        report.aborted = true;
        break;
      }
      if (progress) progress(report);
      if (report.sent >= plan.requests) break;
      sent_before = report.sent;
    }
    __atomic_store_n(&pace.active, 0, __ATOMIC_RELEASE);
    const std::uint64_t end = std::min<std::uint64_t>(now_ns(), pace.end_ns);
    report.seconds = end > pace.start_ns ? static_cast<double>(end - pace.start_ns) / 1e9 : 0;
    return report;
  }

  void drain(const std::atomic<int>& failed) {
    RunReport seen;
    std::uint64_t before = 0;
    auto quiet_since = std::chrono::steady_clock::now();
    while (failed == 0) {
      collect(seen);
      if (seen.answered() + seen.wrong() >= sent()) return;
      const auto now = std::chrono::steady_clock::now();
      if (seen.answered() != before) quiet_since = now;
      before = seen.answered();
      if (now - quiet_since > kDrainQuiet) return;
      std::this_thread::sleep_for(1ms);
    }
  }

  // Sums the processors' counts into `report`.
  void collect(RunReport& report) const {
    std::vector<loadgen_stats> each(cpus_);
    const __u32 key = 0;
    if (bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.stats), &key, each.data()) != 0) return;
    report.counter = {};
    report.latency = {};
    for (const loadgen_stats& cpu : each) {
      for (std::size_t index = 0; index < report.counter.size(); ++index)
        report.counter[index] += cpu.counter[index];
      for (std::uint32_t bucket = 0; bucket < LOADGEN_BUCKETS; ++bucket)
        report.latency.add_bucket(bucket, cpu.latency[bucket]);
    }
    report.sent = sent();
    report.stalled = skeleton_->bss->pace.stalled;
  }

  KernelOptions options_;
  Skeleton skeleton_;
  MappedArray<loadgen_slot> slots_;
  int ifindex_;
  std::size_t cpus_;
  bpf_link* link_ = nullptr;
  std::uint32_t window_ = 0;
};

}  // namespace

Result<std::unique_ptr<KernelTransport>> KernelTransport::create(const KernelOptions& options,
                                                                 const Workload& workload) {
  if (auto valid = check_options(options); !valid) return valid.error();
  const unsigned ifindex = ::if_nametoindex(options.interface.c_str());
  if (ifindex == 0) return errno_error("no interface " + options.interface);
  Result<Skeleton> skeleton = load(options, workload);
  if (!skeleton) return skeleton.error();
  const std::vector<loadgen_alias>& alias = workload.alias_table();
  if (!alias.empty()) {
    auto table = MappedArray<loadgen_alias>::map(bpf_map__fd((*skeleton)->maps.alias));
    if (!table) return table.error();
    std::memcpy(static_cast<void*>(&(*table)[0]), alias.data(), alias.size() * sizeof alias[0]);
  }
  auto slots = MappedArray<loadgen_slot>::map(bpf_map__fd((*skeleton)->maps.slots));
  if (!slots) return slots.error();
  auto transport = std::make_unique<Generator>(options, *std::move(skeleton), *std::move(slots),
                                               static_cast<int>(ifindex));
  if (auto attached = transport->attach(); !attached) return attached.error();
  return std::unique_ptr<KernelTransport>(std::move(transport));
}

}  // namespace bmc::loadgen
