// SPDX-License-Identifier: Apache-2.0
// paxos-sim: simulated clusters from seeds. Ends with 1 if an invariant was violated, and tells the command
// that does the same run again.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <optional>
#include <sstream>

#include "apps/paxos/sim/cluster.h"
#include "apps/paxos/sim/runner.h"

namespace bmc::paxos::sim {
namespace {

struct Arguments {
  std::uint64_t seed = 1;
  std::uint64_t seeds = 1;
  std::optional<std::uint64_t> ticks;
  std::optional<unsigned> replicas;
  std::string durability = "both";
  std::string faults = "all";
  std::string accelerators = "any";
  std::optional<unsigned> cpus;
  std::string mutant;
  std::string corpus;
  unsigned jobs = 1;
  std::size_t failures = 10;
  bool list_mutants = false;
  bool list_faults = false;
  bool verbose = false;
};

void describe(CLI::App& app, Arguments& arguments) {
  app.add_option("--seed", arguments.seed, "the (first) seed")->capture_default_str();
  app.add_option("--seeds", arguments.seeds, "how many, one after the other")->capture_default_str();
  app.add_option("--ticks", arguments.ticks, "milliseconds of simulated time with faults");
  app.add_option("--replicas", arguments.replicas, "instead of what the seed says")
      ->check(CLI::IsMember({1, 3, 5, 7, 9}));
  app.add_option("--durability", arguments.durability, "memory, wal, or both: as the seed says")
      ->check(CLI::IsMember({"memory", "wal", "both"}))
      ->capture_default_str();
  app.add_option("--faults", arguments.faults, "names with commas between, all, or none")
      ->capture_default_str();
  app.add_option("--accelerators", arguments.accelerators, "off, on, mixed, or any: as the seed says")
      ->check(CLI::IsMember({"off", "on", "mixed", "any"}))
      ->capture_default_str();
  app.add_option("--cpus", arguments.cpus, "of each kernel, instead of what the seed says")
      ->check(CLI::Range(1, 8));
  app.add_option("--mutant", arguments.mutant, "a bug to be switched on");
  app.add_option("--corpus", arguments.corpus, "a file with the options of one run in each line");
  app.add_option("--jobs", arguments.jobs, "processes at a time")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_option("--failures", arguments.failures, "stop after so many")->capture_default_str();
  app.add_flag("--list-mutants", arguments.list_mutants, "say which there are");
  app.add_flag("--list-faults", arguments.list_faults, "say which there are");
  app.add_flag("--verbose", arguments.verbose, "every step of one run");
}

std::optional<Mutant> mutant_of(const std::string& name) {
  for (std::size_t index = 0; index < kMutants; ++index) {
    if (name == bmc::paxos::name_of(static_cast<Mutant>(index))) return static_cast<Mutant>(index);
  }
  return std::nullopt;
}

std::optional<fast_mutant> fast_mutant_of(const std::string& name) {
  for (unsigned index = 1; index < FAST_MUTANT_COUNT; ++index) {
    const auto mutant = static_cast<fast_mutant>(index);
    if (name == name_of(mutant)) return mutant;
  }
  return std::nullopt;
}

bmc::Result<SimOptions> options_of(const Arguments& arguments) {
  SimOptions options;
  options.seed = arguments.seed;
  options.ticks = arguments.ticks;
  if (arguments.replicas) options.replica_count = static_cast<std::uint8_t>(*arguments.replicas);
  if (arguments.durability == "memory") options.durability = Durability::kMemory;
  if (arguments.durability == "wal") options.durability = Durability::kWal;
  const bmc::Result<FaultSet> faults = FaultSet::parse(arguments.faults);
  if (!faults) return faults.error();
  options.faults = *faults;
  for (const Accelerators each : {Accelerators::kOff, Accelerators::kOn, Accelerators::kMixed}) {
    if (arguments.accelerators == name_of(each)) options.accelerators = each;
  }
  options.cpus = arguments.cpus;
  options.verbose = arguments.verbose;
  if (arguments.mutant.empty()) return options;
  const std::optional<Mutant> mutant = mutant_of(arguments.mutant);
  const std::optional<fast_mutant> fast = fast_mutant_of(arguments.mutant);
  if (fast) options.fast_mutant = *fast;
  if (fast) return options;
  if (!mutant) return bmc::Error{EINVAL, "unknown mutant '" + arguments.mutant + "'; see --list-mutants"};
  options.mutants = MutantSet(*mutant);
  return options;
}

void tell(const SimOptions& options, const Failure& failure) {
  std::printf("FAILED seed %llu: %s: %s\n  again: paxos-sim %s --verbose\n",
              static_cast<unsigned long long>(failure.seed), failure.invariant.c_str(), failure.what.c_str(),
              replay_arguments(options, failure.seed).c_str());
  std::fflush(stdout);
}

void tell(const Report& report, double seconds) {
  const auto number = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
  const Totals& totals = report.totals;
  const FaultCounts& faults = totals.faults;
  std::printf("%llu seeds in %.1f s: %zu failed\n", number(totals.seeds), seconds, report.failures.size());
  std::printf(
      "%.0f s simulated, %llu packets, %llu ops committed, %llu requests answered, %llu view changes, %llu "
      "old "
      "answers to READ_STALE\n",
      static_cast<double>(totals.simulated_us) / 1e6, number(totals.packets), number(totals.committed),
      number(totals.answered), number(faults.view_changes), number(totals.stale_answers));
  std::printf(
      "%llu processes and %llu machines ended, %llu starts and %llu syncs failed, %llu disks remade, "
      "%llu recoveries, %llu damaged packets refused\n",
      number(faults.processes_ended), number(faults.machines_ended), number(faults.starts_failed),
      number(faults.syncs_failed), number(faults.disks_remade), number(faults.recoveries),
      number(faults.packets_refused));
  std::printf(
      "in kernels: %llu PREPAREs acknowledged, %llu absorbed, %llu acknowledgements counted; given and taken "
      "away %llu times\n",
      number(faults.kernel_acked), number(faults.kernel_absorbed), number(faults.kernel_counted),
      number(faults.switches));
}

// In this process, so that a debugger sees it.
int run_one(const SimOptions& options) {
  const RunResult result = Cluster(options).run();
  std::printf(
      "seed %llu: %.1f ms simulated, %llu packets, %llu ops committed, %llu requests answered, "
      "%llu view changes, trace %016llx\n",
      static_cast<unsigned long long>(options.seed), static_cast<double>(result.simulated_us) / 1000.0,
      static_cast<unsigned long long>(result.packets), static_cast<unsigned long long>(result.committed),
      static_cast<unsigned long long>(result.answered),
      static_cast<unsigned long long>(result.faults.view_changes),
      static_cast<unsigned long long>(result.trace_hash));
  if (!result.failed()) return 0;
  tell(options, {options.seed, result.invariant, result.what});
  return 1;
}

int run_many(const SimOptions& options, const Arguments& arguments) {
  const auto start = std::chrono::steady_clock::now();
  const Report report = run_seeds(options, arguments.seeds, arguments.jobs, arguments.failures,
                                  [&](const Failure& failure) { tell(options, failure); });
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  tell(report, seconds);
  return report.failures.empty() ? 0 : 1;
}

int run_corpus(const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    std::fprintf(stderr, "paxos-sim: %s cannot be read\n", path.c_str());
    return 2;
  }
  std::size_t runs = 0;
  int worst = 0;
  for (std::string line; std::getline(file, line);) {
    line = line.substr(0, line.find('#'));
    if (line.find_first_not_of(' ') == std::string::npos) continue;
    Arguments arguments;
    CLI::App app;
    describe(app, arguments);
    app.parse(line);
    const bmc::Result<SimOptions> options = options_of(arguments);
    if (!options) {
      std::fprintf(stderr, "paxos-sim: %s: %s\n", path.c_str(), options.error().what.c_str());
      return 2;
    }
    const Report report =
        run_seeds(*options, 1, 1, 1, [&](const Failure& failure) { tell(*options, failure); });
    worst = std::max(worst, report.failures.empty() ? 0 : 1);
    ++runs;
  }
  std::printf("%zu runs of the corpus\n", runs);
  return worst;
}

int list_mutants() {
  for (std::size_t index = 0; index < kMutants; ++index) {
    const Mutant mutant = static_cast<Mutant>(index);
    std::printf("%-32s %s\n", bmc::paxos::name_of(mutant), bmc::paxos::text_of(mutant));
  }
  for (unsigned index = 1; index < FAST_MUTANT_COUNT; ++index) {
    const auto mutant = static_cast<fast_mutant>(index);
    std::printf("%-32s %s\n", name_of(mutant), text_of(mutant));
  }
  return 0;
}

int list_faults() {
  for (std::size_t index = 0; index < kFaults; ++index) {
    const Fault fault = static_cast<Fault>(index);
    std::printf("%-16s %s\n", name_of(fault), text_of(fault));
  }
  return 0;
}

int run(int argc, char** argv) {
  CLI::App app("Simulated clusters of Paxos replicas, with faults, from seeds");
  Arguments arguments;
  describe(app, arguments);
  CLI11_PARSE(app, argc, argv);
  if (arguments.list_mutants) return list_mutants();
  if (arguments.list_faults) return list_faults();
  if (!arguments.corpus.empty()) return run_corpus(arguments.corpus);
  const bmc::Result<SimOptions> options = options_of(arguments);
  if (!options) {
    std::fprintf(stderr, "paxos-sim: %s\n", options.error().what.c_str());
    return 2;
  }
  if (arguments.seeds == 1) return run_one(*options);
  return run_many(*options, arguments);
}

}  // namespace
}  // namespace bmc::paxos::sim

int main(int argc, char** argv) { return bmc::paxos::sim::run(argc, argv); }
