// SPDX-License-Identifier: Apache-2.0
// Whole clusters of cores in memory for the unit tests: messages arrive at once and in order, disks are fast,
// unless a test says otherwise. The simulator (apps/paxos/sim) is the place for everything random.
#ifndef BMC_PAXOS_CORE_TESTS_TEST_CLUSTER_H
#define BMC_PAXOS_CORE_TESTS_TEST_CLUSTER_H

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/paxos/core/bodies.pb.h"
#include "apps/paxos/core/replica_core.h"

namespace bmc::paxos {

// Remembers every operation; the reply is how many there were. A read gives all of them.
class ListMachine : public StateMachine {
 public:
  std::string apply(std::string_view operation, std::uint64_t time_us) override;
  std::string read(std::string_view query, std::uint64_t time_us) const override;
  std::string snapshot_save() const override;
  bool snapshot_load(std::string_view snapshot) override;

  std::vector<std::string> operations;
  std::vector<std::uint64_t> times;
};

// What of a replica survives its process.
struct TestDisk {
  DurableState state;
  bool log_is_whole = true;
  Op log_begin = 0;
  std::vector<LogEntry> entries;
  std::shared_ptr<const std::string> checkpoint;
  Op checkpoint_op = 0;

  void write(const Store& store);
};

struct InFlight {
  ReplicaIndex to;
  Message message;
};

class TestCluster {
 public:
  explicit TestCluster(CoreOptions options, MutantSet mutants = {});

  // Delivers and stores all there is, again and again, until nothing moves; time stands still.
  void settle();
  // Lets time pass, settling at every deadline on the way.
  void run_for(Micros us);
  // Until `done`; false if it is not within 60 seconds of the cluster's time.
  bool run_until(const std::function<bool()>& done);

  // The process ends: what was not stored is lost, and in Durability::kMemory everything but the state.
  void crash(ReplicaIndex index);
  void restart(ReplicaIndex index);
  bool is_up(ReplicaIndex index) const { return nodes_[index].core != nullptr; }

  ReplicaCore& core(ReplicaIndex index) { return *nodes_[index].core; }
  CoreView look(ReplicaIndex index) { return core(index).look(); }
  ListMachine& machine(ReplicaIndex index) { return *nodes_[index].machine; }
  TestDisk& disk(ReplicaIndex index) { return nodes_[index].disk; }
  std::uint64_t ignored(ReplicaIndex index, Ignored reason) {
    return core(index).ignored()[static_cast<std::size_t>(reason)];
  }
  // The serving leader of the highest view, if there is one.
  std::optional<ReplicaIndex> leader();

  // Sends a request to the replica and settles.
  void request(ReplicaIndex to, const body::Request& request);
  // Registers the client with the leader and returns the session.
  std::uint64_t open_session(std::uint64_t client);
  // The client's next operation, to the leader; does not wait.
  void apply(std::uint64_t client, const std::string& operation);
  // Registers if need be, applies and lets time pass until the reply is there. True if it was OK.
  bool apply_and_wait(std::uint64_t client, const std::string& operation);
  void read(ReplicaIndex at, const std::string& query, body::Request::Kind kind = body::Request::READ);
  std::optional<body::Reply> last_reply() const;

  // Hands a message to the core at once.
  void deliver(ReplicaIndex to, const Message& message);
  // A message as `from` would send it now.
  Message message_from(ReplicaIndex from, MessageType type);

  // Return true to lose the message.
  std::function<bool(ReplicaIndex from, ReplicaIndex to, const Message&)> loses;
  bool disks_are_slow = false;  // stores wait until this is false again

  Micros now = 1'000'000;
  Micros wall_us = 1'700'000'000'000'000;
  std::vector<body::Reply> replies;
  std::vector<InFlight> sent;  // everything that was ever sent, if `records`
  bool records = false;

 private:
  struct Node {
    CoreOptions options;
    TestDisk disk;
    std::unique_ptr<ListMachine> machine;
    std::unique_ptr<ReplicaCore> core;
    std::deque<Store> stores;
  };
  struct Client {
    std::uint64_t session = 0;
    std::uint64_t number = 0;
  };
  void start(ReplicaIndex index);
  void collect(ReplicaIndex index);
  bool store_all();

  MutantSet mutants_;
  std::vector<Node> nodes_;
  std::deque<InFlight> network_;
  std::map<std::uint64_t, Client> clients_;
};

CoreOptions test_options(std::uint8_t replicas, Durability durability);

}  // namespace bmc::paxos

#endif
