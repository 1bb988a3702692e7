// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/sim/runner.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include "apps/paxos/sim/cluster.h"

namespace bmc::paxos::sim {
namespace {

// Of one run; beyond it hangs. Processor time: a run only computes, and one that was stopped, or had to wait
// for a processor, does not hang.
constexpr int kSecondsMax = 120;

// What a worker tells, in memory shared with the one who started it.
struct Page {
  std::uint64_t seed;  // under way
  Totals totals;
  bool has_failed;
  char invariant[120];
  char what[1600];
};

void copy(char* to, std::size_t bytes, const std::string& text) {
  std::snprintf(to, bytes, "%s", text.c_str());
}

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::exit(1);
}

void add(FaultCounts& sum, const FaultCounts& part) {
  sum.processes_ended += part.processes_ended;
  sum.machines_ended += part.machines_ended;
  sum.starts_failed += part.starts_failed;
  sum.syncs_failed += part.syncs_failed;
  sum.disks_remade += part.disks_remade;
  sum.recoveries += part.recoveries;
  sum.packets_refused += part.packets_refused;
  sum.view_changes += part.view_changes;
  sum.switches += part.switches;
  sum.kernel_acked += part.kernel_acked;
  sum.kernel_absorbed += part.kernel_absorbed;
  sum.kernel_counted += part.kernel_counted;
}

void add(Totals& sum, const Totals& part) {
  sum.seeds += part.seeds;
  sum.packets += part.packets;
  sum.committed += part.committed;
  sum.answered += part.answered;
  sum.stale_answers += part.stale_answers;
  sum.simulated_us += part.simulated_us;
  add(sum.faults, part.faults);
}

Totals totals_of(const RunResult& result) {
  return {1,
          result.packets,
          result.committed,
          result.answered,
          result.stale_answers,
          result.simulated_us,
          result.faults};
}

class Worker {
 public:
  // Does every `stride`-th seed from `first` on, before `end`.
  Worker(SimOptions options, std::uint64_t first, std::uint64_t end, std::uint64_t stride)
      : options_(options), next_(first), end_(end), stride_(stride) {
    void* page = mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) give_up("mmap");
    page_ = new (page) Page{};
    errors_ = memfd_create("paxos-sim-stderr", MFD_CLOEXEC);
    if (errors_ < 0) give_up("memfd_create");
  }
  ~Worker() {
    munmap(page_, sizeof(Page));
    close(errors_);
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // False if nothing is left to do.
  bool start() {
    if (next_ >= end_) return false;
    page_->has_failed = false;
    if (ftruncate(errors_, 0) != 0) give_up("ftruncate");
    std::fflush(nullptr);
    process_ = fork();
    if (process_ < 0) give_up("fork");
    if (process_ == 0) work();
    return true;
  }

  pid_t process() const { return process_; }
  const Totals& totals() const { return page_->totals; }

  // The process has ended. True if a run failed; the next start() goes on behind it.
  bool on_end(int status, Failure& failure) {
    process_ = -1;
    next_ = page_->seed + stride_;
    failure.seed = page_->seed;
    if (page_->has_failed) {
      failure.invariant = page_->invariant;
      failure.what = page_->what;
      return true;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return false;
    ++page_->totals.seeds;
    failure.invariant = WIFSIGNALED(status) && WTERMSIG(status) == SIGPROF ? "no hang" : "no abort";
    failure.what =
        std::string(WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "exit") + ": " + last_words();
    return true;
  }

  void stop() {
    if (process_ <= 0) return;
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
    process_ = -1;
  }

 private:
  [[noreturn]] void work() {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(errors_, STDERR_FILENO);
    for (std::uint64_t seed = next_; seed < end_; seed += stride_) {
      page_->seed = seed;
      const itimerval limit{.it_interval = {}, .it_value = {.tv_sec = kSecondsMax, .tv_usec = 0}};
      setitimer(ITIMER_PROF, &limit, nullptr);
      options_.seed = seed;
      const RunResult result = Cluster(options_).run();
      add(page_->totals, totals_of(result));
      if (!result.failed()) continue;
      copy(page_->invariant, sizeof(page_->invariant), result.invariant);
      copy(page_->what, sizeof(page_->what), result.what);
      page_->has_failed = true;
      break;
    }
    _exit(0);
  }

  // The end of what the process wrote on stderr.
  std::string last_words() const {
    std::string words(4096, '\0');
    const ssize_t bytes = pread(errors_, words.data(), words.size(), 0);
    words.resize(bytes > 0 ? static_cast<std::size_t>(bytes) : 0);
    while (!words.empty() && words.back() == '\n') words.pop_back();
    return words.empty() ? "it said nothing" : words;
  }

  SimOptions options_;
  std::uint64_t next_;
  std::uint64_t end_;
  std::uint64_t stride_;
  Page* page_ = nullptr;
  int errors_ = -1;
  pid_t process_ = -1;
};

}  // namespace

Report run_seeds(const SimOptions& options, std::uint64_t count, unsigned jobs, std::size_t failures_max,
                 const std::function<void(const Failure&)>& on_failure) {
  Report report;
  std::vector<std::unique_ptr<Worker>> workers;
  std::size_t running = 0;
  for (unsigned job = 0; job < jobs; ++job) {
    workers.push_back(std::make_unique<Worker>(options, options.seed + job, options.seed + count, jobs));
    running += workers.back()->start();
  }
  while (running > 0) {
    int status = 0;
    const pid_t ended = waitpid(-1, &status, 0);
    const auto worker = std::find_if(workers.begin(), workers.end(),
                                     [ended](const auto& one) { return one->process() == ended; });
    if (worker == workers.end()) continue;
    --running;
    Failure failure;
    if (!(*worker)->on_end(status, failure)) continue;
    on_failure(failure);
    report.failures.push_back(std::move(failure));
    if (report.failures.size() >= failures_max) {
      for (const auto& one : workers) one->stop();
      break;
    }
    running += (*worker)->start();
  }
  for (const auto& worker : workers) add(report.totals, worker->totals());
  std::sort(report.failures.begin(), report.failures.end(),
            [](const Failure& a, const Failure& b) { return a.seed < b.seed; });
  return report;
}

std::string replay_arguments(const SimOptions& options, std::uint64_t seed) {
  std::string arguments = "--seed " + std::to_string(seed);
  if (options.ticks) arguments += " --ticks " + std::to_string(*options.ticks);
  if (options.replica_count) arguments += " --replicas " + std::to_string(*options.replica_count);
  if (options.durability) {
    arguments += *options.durability == Durability::kMemory ? " --durability memory" : " --durability wal";
  }
  if (options.accelerators) arguments += std::string(" --accelerators ") + name_of(*options.accelerators);
  if (options.cpus) arguments += " --cpus " + std::to_string(*options.cpus);
  if (!(options.faults == FaultSet::all())) arguments += " --faults " + options.faults.names();
  for (std::size_t index = 0; index < kMutants; ++index) {
    const Mutant mutant = static_cast<Mutant>(index);
    if (options.mutants.has(mutant)) arguments += std::string(" --mutant ") + bmc::paxos::name_of(mutant);
  }
  if (options.fast_mutant != FAST_MUTANT_NONE) {
    arguments += std::string(" --mutant ") + name_of(options.fast_mutant);
  }
  return arguments;
}

}  // namespace bmc::paxos::sim
