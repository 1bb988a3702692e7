// SPDX-License-Identifier: Apache-2.0
// Rounds, recovery, evidence; see run.h.
#include "netns-tests/paxos/nemesis/run.h"

#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

#include "netns-tests/paxos/linearizability/checker.h"
#include "netns-tests/paxos/linearizability/history_file.h"
#include "netns-tests/paxos/nemesis/kv_connection.h"
#include "netns-tests/paxos/nemesis/workload.h"

namespace bmc::nemesis {
namespace {

using cluster::KvCluster;
using lab::Deadline;
using lab::now_ns;

constexpr std::int64_t kProbeTimeoutMs = 1000;
constexpr std::uint32_t kProbeClient = 1'000;  // in the histories

class Run {
 public:
  Run(const RunOptions& options, const std::function<void(const RoundReport&)>& progress)
      : options_(options),
        progress_(progress),
        nemeses_(
            parse_nemeses(options.nemeses, options.cluster.durability, options.cluster.offloads != "off")),
        random_(options.seed),
        cluster_(with_seed(options)) {
    report_.seed = options.seed;
    report_.durability = options.cluster.durability;
    report_.offloads = options.cluster.offloads;
    report_.replicas = options.cluster.replicas;
  }

  RunReport go() {
    for (std::int64_t spent = 0; spent < options_.seconds && report_.failure.empty();
         spent += options_.round_seconds)
      round();
    return report_;
  }

 private:
  static cluster::ClusterOptions with_seed(const RunOptions& options) {
    cluster::ClusterOptions made = options.cluster;
    made.fault_seed = options.seed;
    return made;
  }

  void round() {
    const std::size_t number = report_.rounds.size();
    RoundReport& round = report_.rounds.emplace_back();
    history_.clear();
    prefix_ = "n" + std::to_string(number) + "-";
    Workload workload(cluster_, {.key_prefix = prefix_, .clients = options_.clients, .seed = random_.next()});
    const auto accepted = accepted_by_kernels();
    do_harm(round);
    const std::int64_t healed_ns = now_ns();
    heal(cluster_);
    const bool recovered =
        wait_recovered(Deadline::at_ns(healed_ns + options_.recovery_seconds * lab::kSecond));
    round.recovery_ns = now_ns() - healed_ns;
    workload.stop();
    const auto history = workload.history();
    history_.insert(history_.end(), history.begin(), history.end());
    round.silence_ns = workload.longest_silence_ns();
    if (!recovered)
      return fail("it did not work again within " + std::to_string(options_.recovery_seconds) +
                  " s after the faults ended:\n" + cluster_.describe());
    note_kernels(accepted);
    keys_ = workload.keys();
    keys_.push_back(prefix_ + "probe");
    read_everywhere();
    judge(round);
    if (progress_ && report_.failure.empty()) progress_(round);
  }

  // By replica, in the life of its present process.
  std::vector<std::uint64_t> accepted_by_kernels() const {
    std::vector<std::uint64_t> all;
    for (std::size_t i = 0; i < cluster_.size(); ++i)
      all.push_back(cluster_.statistic(i, "paxos_kernel_entries").value_or(0));
    return all;
  }

  // At least: what a process had before it was killed is not known.
  void note_kernels(const std::vector<std::uint64_t>& before) {
    if (options_.cluster.offloads == "off") return;
    const auto now = accepted_by_kernels();
    for (std::size_t i = 0; i < now.size(); ++i)
      report_.deeds["entries accepted by kernels"] += now[i] - (now[i] >= before[i] ? before[i] : 0);
  }

  // One nemesis after the other, so that all have their turn; each second time in bad weather too.
  void do_harm(RoundReport& round) {
    const std::size_t number = report_.rounds.size() - 1;
    const Nemesis& main = *nemeses_[number % nemeses_.size()];
    const bool turn = (number + number / nemeses_.size()) % 2 == 1;
    const bool weather = turn && main.act != lose_packets_nemesis().act;
    round.nemeses = main.name;
    if (weather) round.nemeses += std::string("+") + lose_packets_nemesis().name;
    const Deadline until = Deadline::in_ms(options_.round_seconds * 1000);
    lab::Random main_random = random_.fork(1);
    lab::Random weather_random = random_.fork(2);
    Deeds weather_deeds;
    std::thread second;
    if (weather)
      second = std::thread([&] {
        Scene scene{cluster_, weather_random, weather_deeds, until};
        lose_packets_nemesis().act(scene);
      });
    Scene scene{cluster_, main_random, report_.deeds, until};
    main.act(scene);
    if (second.joinable()) second.join();
    for (const auto& [deed, count] : weather_deeds) report_.deeds[deed] += count;
  }

  static const Nemesis& lose_packets_nemesis() {
    static const Nemesis* found = parse_nemeses("loss", "memory").front();
    return *found;
  }

  // Every replica that is asked carries out a write and a read.
  bool wait_recovered(Deadline deadline) {
    for (std::size_t i = 0; i < cluster_.size(); ++i)
      if (!lab::eventually(deadline, [&] { return probe(i); })) return false;
    return cluster_.wait_following(deadline) && cluster_.wait_helped(deadline);
  }

  bool probe(std::size_t replica) {
    auto connection =
        KvConnection::open(cluster_.mesh().clients(), cluster_.client_endpoint(replica), kProbeTimeoutMs);
    if (!connection) return false;
    Operation write;
    write.client = kProbeClient;
    write.action = Action::kSet;
    write.key = prefix_ + "probe";
    write.value = std::to_string(probes_++);
    if (connection->carry_out(write)) history_.push_back(write);
    return connection->usable() && read(*connection, write.key);
  }

  bool read(KvConnection& connection, const std::string& key) {
    Operation get;
    get.client = kProbeClient;
    get.key = key;
    if (!connection.carry_out(get)) return false;
    history_.push_back(get);
    return true;
  }

  // Every replica must tell every key's value, at the latest when everything must work again.
  void read_everywhere() {
    const auto deadline = Deadline::in_ms(options_.recovery_seconds * 1000);
    for (std::size_t i = 0; i < cluster_.size(); ++i) {
      std::optional<KvConnection> connection;
      for (const std::string& key : keys_) {
        const bool answered = lab::eventually(deadline, [&] {
          if (!connection || !connection->usable())
            connection =
                KvConnection::open(cluster_.mesh().clients(), cluster_.client_endpoint(i), kProbeTimeoutMs);
          return connection && read(*connection, key);
        });
        if (!answered)
          return fail("replica " + std::to_string(i) + " does not answer the final reads:\n" +
                      cluster_.describe());
      }
    }
  }

  void judge(RoundReport& round) {
    const auto finding = linearizability::check(history_);
    round.operations = finding.operations;
    round.unknown = finding.unknown;
    round.keys = finding.keys;
    if (!report_.failure.empty()) return;
    for (std::size_t i = 0; i < cluster_.size(); ++i)
      if (cluster_.replica(i).collapses() > 0)
        return fail("replica " + std::to_string(i) + " ended by itself");
    for (const auto& wrong : finding.wrong)
      return fail("the history of key " + wrong.key + " is not linearizable: " + wrong.explanation);
    compare_states();
  }

  // States that differ prove something only if no operation came between the one look and the other.
  void compare_states() {
    const auto deadline = Deadline::in_ms(options_.recovery_seconds * 1000);
    for (;;) {
      const auto before = cluster_.wait_settled(deadline);
      if (!before) return fail("the replicas do not come to one state:\n" + cluster_.describe());
      const auto difference = cluster_.difference_of_states(keys_);
      if (difference.empty()) return;
      if (cluster_.wait_settled(deadline) == before)
        return fail("the replicas' states differ at op " + std::to_string(*before) + ": " + difference);
    }
  }

  void fail(const std::string& what) {
    const std::string base = options_.evidence_directory + "/paxos-nemesis-" + std::to_string(options_.seed) +
                             "-" + std::to_string(report_.rounds.size() - 1);
    std::string text = "round " + std::to_string(report_.rounds.size() - 1) + " (" +
                       report_.rounds.back().nemeses + "): " + what + "\n";
    const std::string path = base + ".history";
    const auto written = linearizability::write_history(path, history_);
    text += written ? "its history: " + path + "; to judge it again: paxos-nemesis --check " + path + "\n"
                    : written.error().what + "\n";
    for (std::size_t i = 0; i < cluster_.size(); ++i)
      std::ofstream(base + ".replica" + std::to_string(i) + ".log") << cluster_.replica(i).output();
    for (std::size_t i = 0; i < cluster_.size(); ++i)
      if (lab::Bmcd* bmcd = cluster_.bmcd(i))
        std::ofstream(base + ".bmcd" + std::to_string(i) + ".log") << bmcd->process().output();
    text += "what the replicas said: " + base + ".replica*.log\n" + "to try again: paxos-nemesis --seed " +
            std::to_string(options_.seed) + " --durability " + options_.cluster.durability + " --replicas " +
            std::to_string(options_.cluster.replicas) + " --seconds " + std::to_string(options_.seconds) +
            " --nemesis " + options_.nemeses + " --clients " + std::to_string(options_.clients) +
            " --round-seconds " + std::to_string(options_.round_seconds) + " --reads-at " +
            options_.cluster.reads_at + " --offloads " + options_.cluster.offloads + "\n";
    report_.failure = std::move(text);
  }

  const RunOptions& options_;
  const std::function<void(const RoundReport&)>& progress_;
  const std::vector<const Nemesis*> nemeses_;
  lab::Random random_;
  KvCluster cluster_;
  RunReport report_;
  std::string prefix_;
  std::uint64_t probes_ = 0;
  std::vector<std::string> keys_;     // of the round
  linearizability::History history_;  // of the round
};

}  // namespace

RunReport run(const RunOptions& options, const std::function<void(const RoundReport&)>& progress) {
  return Run(options, progress).go();
}

}  // namespace bmc::nemesis
