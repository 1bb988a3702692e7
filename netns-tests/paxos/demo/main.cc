// SPDX-License-Identifier: Apache-2.0
// bmc-paxos-demo, behind `./bmc demo paxos`: three paxos-kv in namespaces lose their leader under load. Exit
// status: 0 all right, 1 something acknowledged was lost, 2 it could not run, 130 interrupted.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "control-plane/signal_stop.h"
#include "netns-tests/lib/lab_error.h"
#include "netns-tests/paxos/demo/writers.h"

namespace bmc::demo {
namespace {

constexpr std::int64_t kLimitMs = 20'000;  // for each thing that is waited for

struct Options {
  double seconds = 6;
  std::size_t replicas = 3;
  std::string durability = "wal";
  std::size_t clients = 16;
  bool json = false;
};

struct Interrupted {};

// What happened, for people and for programs.
struct Summary {
  std::size_t killed = 0, successor = 0;
  double per_second_before = 0, per_second_after = 0;
  double without_service_ms = 0;  // the longest time without an acknowledgement around the kill
  std::uint64_t acknowledged = 0, unknown = 0, lost = 0;
};

cluster::ClusterOptions cluster_options(const Options& options) {
  cluster::ClusterOptions made;
  made.replicas = options.replicas;
  made.durability = options.durability;
  made.disk_megabytes = 0;  // the real disk
  return made;
}

class Demo {
 public:
  Demo(const Options& options, std::stop_token stop)
      : options_(options), stop_(std::move(stop)), cluster_(cluster_options(options)) {}

  Summary run() {
    started_ns_ = lab::now_ns();
    say("replica " + std::to_string(leader()) + " leads; " + std::to_string(options_.clients) +
        " clients write");
    Writers writers(cluster_, options_.clients);
    pass_third();
    lose_the_leader(writers);
    bring_it_back();
    pass_third();
    writers.stop();
    summary_.acknowledged = writers.acknowledged();
    summary_.unknown = writers.unknown();
    read_back(writers);
    return summary_;
  }

 private:
  void lose_the_leader(const Writers& writers) {
    summary_.killed = leader();
    const std::int64_t killed_ns = lab::now_ns();
    cluster_.replica(summary_.killed).kill();
    summary_.per_second_before = rate(writers, started_ns_, killed_ns);
    say(std::to_string(static_cast<int>(summary_.per_second_before)) +
        " writes/s; kill -9 of the leader, replica " + std::to_string(summary_.killed));
    require(writers.wait_for_service(lab::Deadline::in_ms(kLimitMs)),
            "nobody serves after the leader's death");
    summary_.without_service_ms = longest_gap_ms(writers, killed_ns);
    summary_.successor = leader();
    say("replica " + std::to_string(summary_.successor) + " leads; " +
        std::to_string(static_cast<int>(summary_.without_service_ms)) + " ms without service");
    pass_third();
    summary_.per_second_after = rate(writers, killed_ns, lab::now_ns());
  }

  void bring_it_back() {
    say(std::to_string(static_cast<int>(summary_.per_second_after)) + " writes/s; replica " +
        std::to_string(summary_.killed) + " is started again");
    cluster_.replica(summary_.killed).start_again();
    require(cluster_.wait_following(lab::Deadline::in_ms(kLimitMs)), "the replica does not come back");
    say("replica " + std::to_string(summary_.killed) + " follows again");
  }

  void read_back(const Writers& writers) {
    require(cluster_.wait_settled(lab::Deadline::in_ms(kLimitMs)).has_value(),
            "the replicas do not come to one state");
    for (std::size_t i = 0; i < cluster_.size(); ++i) {
      if (stop_.stop_requested()) throw Interrupted{};
      const auto lost = writers.lost(i);
      summary_.lost += lost.size();
      say("replica " + std::to_string(i) + ": " + std::to_string(summary_.acknowledged - lost.size()) +
          " of " + std::to_string(summary_.acknowledged) + " acknowledged writes read back");
    }
  }

  std::size_t leader() {
    std::optional<std::size_t> found;
    require(lab::eventually(lab::Deadline::in_ms(kLimitMs),
                            [&] { return (found = cluster_.leader()).has_value(); }),
            "nobody leads");
    return *found;
  }

  void pass_third() {
    const auto third_ns = static_cast<std::int64_t>(options_.seconds / 3 * 1e9);
    const lab::Deadline end = lab::Deadline::at_ns(lab::now_ns() + third_ns);
    while (!end.passed() && !stop_.stop_requested())
      lab::wait_until_ns(std::min(end.when_ns(), lab::now_ns() + 20 * lab::kMillisecond));
    if (stop_.stop_requested()) throw Interrupted{};
  }

  void require(bool happened, const char* complaint) {
    if (stop_.stop_requested()) throw Interrupted{};
    if (!happened) throw lab::LabError(std::string(complaint) + ":\n" + cluster_.describe());
  }

  static double rate(const Writers& writers, std::int64_t from_ns, std::int64_t to_ns) {
    return static_cast<double>(writers.acknowledgements(from_ns, to_ns).size()) * 1e9 /
           static_cast<double>(to_ns - from_ns);
  }

  // From the last acknowledgement of the old leader to the first of the new one.
  static double longest_gap_ms(const Writers& writers, std::int64_t killed_ns) {
    const auto times = writers.acknowledgements(killed_ns - lab::kSecond, lab::now_ns());
    std::int64_t longest = 0;
    for (std::size_t i = 1; i < times.size(); ++i) longest = std::max(longest, times[i] - times[i - 1]);
    return static_cast<double>(longest) / 1e6;
  }

  void say(const std::string& what) const {
    std::fprintf(stderr, "%6.2f s  %s\n", static_cast<double>(lab::now_ns() - started_ns_) / 1e9,
                 what.c_str());
  }

  const Options& options_;
  std::stop_token stop_;
  cluster::KvCluster cluster_;
  std::int64_t started_ns_ = 0;
  Summary summary_;
};

void print(const Options& options, const Summary& summary) {
  std::printf(
      "%zu replicas, %s: %llu writes acknowledged, %llu of unknown outcome, %llu lost; %.0f ms without "
      "service\n",
      options.replicas, options.durability.c_str(), static_cast<unsigned long long>(summary.acknowledged),
      static_cast<unsigned long long>(summary.unknown), static_cast<unsigned long long>(summary.lost),
      summary.without_service_ms);
  if (!options.json) return;
  const nlohmann::json line{{"replicas", options.replicas},
                            {"durability", options.durability},
                            {"killed", summary.killed},
                            {"successor", summary.successor},
                            {"per_second_before", summary.per_second_before},
                            {"per_second_after", summary.per_second_after},
                            {"without_service_ms", summary.without_service_ms},
                            {"acknowledged", summary.acknowledged},
                            {"unknown", summary.unknown},
                            {"lost", summary.lost}};
  std::printf("%s\n", line.dump().c_str());
}

int run(const Options& options) {
  const SignalStop signals;
  try {
    Summary summary;
    {
      Demo demo(options, signals.token());
      summary = demo.run();
    }
    print(options, summary);
    return summary.lost > 0 ? 1 : 0;
  } catch (const Interrupted&) {
    std::fprintf(stderr, "bmc-paxos-demo: interrupted; everything it made is removed\n");
    return 130;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bmc-paxos-demo: %s\n", error.what());
    return 2;
  }
}

int main_program(int argc, char** argv) {
  Options options;
  CLI::App app("Three replicas of paxos-kv lose their leader under load; shows what the clients notice.");
  app.add_option("--seconds", options.seconds, "of load")
      ->check(CLI::Range(0.6, 3600.0))
      ->capture_default_str();
  app.add_option("--replicas", options.replicas)->check(CLI::IsMember({3, 5, 7, 9}))->capture_default_str();
  app.add_option("--durability", options.durability)
      ->check(CLI::IsMember({"wal", "memory"}))
      ->capture_default_str();
  app.add_option("--clients", options.clients)->check(CLI::Range(1, 256))->capture_default_str();
  app.add_flag("--json", options.json, "one JSON object as the last line");
  CLI11_PARSE(app, argc, argv);
  if (::geteuid() == 0) return run(options);
  std::fprintf(stderr, "bmc-paxos-demo: it makes network namespaces: run it as root\n");
  return 2;
}

}  // namespace
}  // namespace bmc::demo

int main(int argc, char** argv) {
  try {
    return bmc::demo::main_program(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bmc-paxos-demo: %s\n", error.what());
    return 2;
  }
}
