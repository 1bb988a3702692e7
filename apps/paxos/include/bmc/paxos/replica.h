// SPDX-License-Identifier: Apache-2.0
// One replica of a replicated state machine: what a server embeds. docs/paxos-library.md is the guide.
#ifndef BMC_PAXOS_REPLICA_H
#define BMC_PAXOS_REPLICA_H

#include <bmc/paxos/error.h>
#include <bmc/paxos/options.h>
#include <bmc/paxos/state_machine.h>

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace bmc::paxos {

// What the kernel programs do for a replica now.
struct KernelHelp {
  bool is_joined = false;  // bmcd is there
  bool acknowledge = false;
  bool quorum = false;
  bool broadcast = false;
};

// What a replica is doing now. Ops count batches: the first of the log is 1.
struct ReplicaStatus {
  enum class Role : std::uint8_t {
    leader,       // serves; hears a majority
    cut_off,      // leads its view, but hears no majority: serves nothing
    backup,       // follows `leader`
    view_change,  // between two leaders
    recovering,   // lost what it knew and is taking it from the others; counts for nothing until it has
  };

  Role role = Role::recovering;
  std::uint64_t view = 0;
  std::uint8_t leader = 0;        // of `view`
  std::uint32_t incarnation = 0;  // starts of this replica
  std::uint64_t log_begin = 0;    // batches after it are in the log
  std::uint64_t op = 0;           // end of the log
  std::uint64_t stored = 0;       // of it on disk (Durability::wal)
  std::uint64_t commit = 0;
  std::uint64_t applied = 0;
  std::uint64_t checkpoint = 0;
  std::size_t sessions = 0;
  std::size_t requests_waiting = 0;
  std::size_t reads_waiting = 0;
  KernelHelp kernel;
};

// "leader", "cut_off", …
std::string_view name_of(ReplicaStatus::Role role);

// Counts since the start. `label` is empty, or tells the reason or direction: for Prometheus,
// <name>_total{reason="<label>"}. The texts live as long as the program.
struct Counter {
  std::string_view name;
  std::string_view label;
  std::string_view help;
  std::uint64_t value = 0;
};

// Makes options.data_directory the disk of a new replica of a NEW cluster: once, for each replica, before the
// first start. Never to replace a lost disk, which recover() does. Blocks. Errors: configuration,
// already_formatted, io.
Result<void> format(const Options& options);

// Makes the data directory anew for a replica of an EXISTING cluster that lost its disk or finds it damaged:
// at its start it takes everything from the others and acknowledges nothing until then. What can be read of
// its view is kept. Not for a cluster of one, which has no others. Blocks. Returns a sentence for the
// operator: what was kept. Errors: configuration, io.
Result<std::string> recover(const Options& options);

class Replica {
 public:
  // Reads the data directory (blocks), opens the sockets and takes part. `machine` must be in its initial
  // state and live until shutdown() has returned. All work, calls of `machine` included, is done by the
  // threads that run `executor`, never two at a time; storage has a thread of its own. `machine` must not
  // call the replica. If the disk fails later the process is aborted with a sentence on stderr: nobody knows
  // what is durable then. Errors: configuration, not_formatted, damaged, io.
  static Result<std::unique_ptr<Replica>> start(boost::asio::any_io_executor executor, const Options& options,
                                                StateMachine& machine);

  // shutdown().
  ~Replica();
  Replica(const Replica&) = delete;
  Replica& operator=(const Replica&) = delete;

  // From any thread, at any time; may wait for the batch that is being applied.
  ReplicaStatus status() const;
  std::vector<Counter> counters() const;

  // Takes no more messages, writes and sends what is queued, closes the sockets and joins the storage thread.
  // Blocks; on return `machine` is called no more. Does not need a running executor, so it may be called
  // after its threads have ended, and from one of them. A second call does nothing.
  void shutdown();

 private:
  class Impl;
  explicit Replica(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace bmc::paxos

#endif
