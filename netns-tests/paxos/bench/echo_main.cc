// SPDX-License-Identifier: Apache-2.0
// paxos-echo: one replica of a state machine that gives back what it gets, so that a measurement shows the
// library and nothing else. Started by bmc-paxos-bench; ends on SIGTERM with one line of JSON about itself.
#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "apps/paxos/include/bmc/paxos/replica.h"

namespace bmc::bench {
namespace {

class EchoMachine final : public paxos::StateMachine {
 public:
  std::string apply(std::string_view operation, std::uint64_t) override {
    ++applied_;
    return std::string(operation);
  }
  std::string read(std::string_view query, std::uint64_t) const override { return std::string(query); }
  std::string snapshot_save() const override { return std::to_string(applied_); }
  bool snapshot_load(std::string_view snapshot) override {
    char* end = nullptr;
    const std::string text(snapshot);
    applied_ = std::strtoull(text.c_str(), &end, 10);
    return *end == '\0';
  }

 private:
  std::uint64_t applied_ = 0;
};

int complain(const paxos::Error& error) {
  std::fprintf(stderr, "paxos-echo: %s\n", error.what.c_str());
  return 1;
}

void tell(const paxos::Replica& replica) {
  const auto status = replica.status();
  nlohmann::json counters = nlohmann::json::object();
  for (const paxos::Counter& counter : replica.counters()) {
    std::string name(counter.name);
    if (!counter.label.empty()) name += "{" + std::string(counter.label) + "}";
    if (counter.value != 0) counters[name] = counter.value;
  }
  const nlohmann::json line{{"role", paxos::name_of(status.role)},
                            {"view", status.view},
                            {"op", status.op},
                            {"applied", status.applied},
                            {"counters", counters}};
  std::printf("%s\n", line.dump().c_str());
}

int main_program(int argc, char** argv) {
  paxos::Options options;
  std::string durability = "memory";
  unsigned index = 0;
  CLI::App app("One replica of an echo service, for bmc-paxos-bench.");
  app.add_option("--replica", options.replicas, "address of each replica")->required();
  app.add_option("--index", index)->required();
  app.add_option("--data-dir", options.data_directory)->required();
  app.add_option("--durability", durability)->check(CLI::IsMember({"memory", "wal"}));
  app.add_option("--batch-requests", options.batch_requests_max);
  app.add_option("--busy-poll-us", options.busy_poll_us);
  app.add_option("--kernel-socket", options.kernel.socket);
  app.add_flag("--kernel-ack", options.kernel.acknowledge);
  app.add_flag("--kernel-quorum", options.kernel.quorum);
  app.add_flag("--kernel-broadcast", options.kernel.broadcast);
  CLI11_PARSE(app, argc, argv);
  options.cluster_id = 1;
  options.replica_index = static_cast<std::uint8_t>(index);
  options.durability =
      durability == "wal" ? paxos::Options::Durability::wal : paxos::Options::Durability::memory;

  if (const auto formatted = paxos::format(options); !formatted) return complain(formatted.error());
  boost::asio::io_context loop(1);
  EchoMachine machine;
  auto replica = paxos::Replica::start(loop.get_executor(), options, machine);
  if (!replica) return complain(replica.error());
  boost::asio::signal_set signals(loop, SIGTERM, SIGINT);
  signals.async_wait([&](const boost::system::error_code&, int) {
    tell(**replica);
    loop.stop();
  });
  std::printf("ready\n");
  std::fflush(stdout);
  loop.run();
  (*replica)->shutdown();
  return 0;
}

}  // namespace
}  // namespace bmc::bench

int main(int argc, char** argv) {
  try {
    return bmc::bench::main_program(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "paxos-echo: %s\n", error.what());
    return 2;
  }
}
