// SPDX-License-Identifier: Apache-2.0
// What a replica and a client must be told. Everything has a default but who and where; units are at the end
// of the names.
#ifndef BMC_PAXOS_OPTIONS_H
#define BMC_PAXOS_OPTIONS_H

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace bmc::paxos {

// The kernel's broadcast program, loaded and attached by somebody who may (docs/paxos-library.md): messages
// to several replicas leave with one system call. Descriptors may be closed once the replica has started.
struct BroadcastOffload {
  int reports = -1;  // of the map broadcast_reports, to be read; -1: no offload
  int groups = -1;   // of the map broadcast_groups; -1: who gave the others has written the replicas there
  std::uint8_t group = 0;  // of this replica, and of no other on its host: 0 … 15
  std::string interface =
      {};  // where the program is attached: "eth0"; empty: the one with the replica's address
};

// The help of the kernel programs that bmcd has loaded (docs/paxos-library.md). What bmcd does not give, or
// takes away, the replica does itself.
struct KernelOffloads {
  std::string socket = {};   // where bmcd is asked: "/run/bmcd/paxos.sock"; empty: nobody is
  bool acknowledge = false;  // accept entries; Durability::memory: and acknowledge them
  bool quorum = false;       // count the others' acknowledgements
  bool broadcast = false;    // copy messages to many
};

// Of one replica. What is marked [cluster] must be the same on every replica.
struct Options {
  enum class Durability : std::uint8_t {
    memory,  // acknowledged: in the memory of a majority. A restarted replica recovers from the others, so
             // the data is lost if a majority ends at once.
    wal,     // acknowledged: written and synced by a majority
  };

  std::string data_directory;    // of this replica alone; made by format() or recover()
  std::uint64_t cluster_id = 0;  // [cluster] any number but 0; messages with another one are dropped
  std::vector<std::string>
      replicas;                    // [cluster] "10.0.0.1:7400" or "[fd00::1]:7400"; 1, 3, 5, 7 or 9 of them
  std::uint8_t replica_index = 0;  // which of them this is
  std::string listen = {};         // if not at replicas[replica_index]: "0.0.0.0:7400"; UDP and TCP
  Durability durability = Durability::wal;  // [cluster]

  // Requests are batched while an earlier batch is in flight; a lone request never waits.
  std::uint32_t batch_requests_max = 64;  // 1: no batching
  std::uint32_t batch_bytes_max = 1280;   // a larger request is a batch of its own
  std::uint32_t batch_delay_us = 1000;

  std::uint32_t request_bytes_max = 256 * 1024;  // [cluster] of an operation, a query and a reply
  std::uint32_t pipeline_batches_max = 128;      // proposed and not yet committed
  std::uint32_t requests_waiting_max = 4096;     // beyond it clients are told `busy`; as many reads again
  std::uint32_t sessions_max = 4096;             // [cluster] beyond it the one idle for longest is forgotten
  std::uint32_t client_routes_max = 16384;       // addresses of clients kept to send replies to

  std::uint32_t checkpoint_interval_batches = 4096;  // [cluster] a snapshot is taken each time
  std::uint32_t log_kept_batches = 4096;             // before the checkpoint, for replicas that lag
  std::uint32_t chunk_bytes_max = 256 * 1024;        // of log or checkpoint, sent at a time

  std::uint32_t heartbeat_ms = 20;
  std::uint32_t leader_timeout_ms = 150;  // without a heartbeat for 1 … 2 times this: a new leader
  std::uint32_t quorum_timeout_ms = 300;  // a leader that heard no majority for this long stops serving
  std::uint32_t retransmit_ms = 30;

  std::uint32_t datagram_bytes_max = 1452;  // of UDP payload; lowered by itself where the path takes less
  std::uint32_t socket_buffer_bytes = 4u << 20;  // asked of the kernel, which may give less
  // For so long after a datagram the socket is polled without sleeping, on the executor, which does its other
  // work in between: spares the time to be woken, and costs processor time. 0: never.
  std::uint32_t busy_poll_us = 0;
  std::uint32_t bulk_queue_bytes_max = 16u << 20;  // per replica, waiting to be sent over TCP
  std::uint32_t reassembly_bytes_max = 16u << 20;  // of messages of which fragments are missing
  KernelOffloads kernel = {};                      // off
  BroadcastOffload broadcast_offload = {};         // off; for a host without bmcd

  // One sentence, without a newline, for the operator's log: became leader, lost a connection, … Called by
  // the executor's threads, one call at a time; must not block nor call the replica. Empty: nothing is told.
  std::function<void(std::string_view)> log = {};

  // One sentence for each thing that is wrong, what to do included; empty: none is.
  std::vector<std::string> validate() const;
};

// Of one client.
struct ClientOptions {
  std::uint64_t cluster_id = 0;
  std::vector<std::string> replicas;  // as in Options, in the same order

  // How many calls are under way at once, each in a session of its own; further ones wait. Opened when
  // needed.
  std::uint32_t sessions_max = 64;
  std::uint32_t calls_waiting_max = 4096;  // beyond it a call fails at once: `busy`

  // An operation or a read that has no answer by then fails: `timed_out` if nothing can have been done,
  // `unknown_outcome` otherwise.
  std::uint32_t deadline_ms = 5000;
  // A request is sent again after this, then after twice this, …, at most retransmit_ms_max.
  std::uint32_t retransmit_ms = 40;
  std::uint32_t retransmit_ms_max = 640;

  // Whom reads are sent to first: -1, the leader; else the replica of this index (such as the one on the same
  // host), which asks the leader how far it must be before it answers. Equally linearizable.
  int read_replica = -1;

  std::uint32_t request_bytes_max = 256 * 1024;  // of the cluster
  std::uint32_t datagram_bytes_max = 1452;
  std::uint32_t socket_buffer_bytes = 1u << 20;
  std::uint32_t busy_poll_us = 0;  // as of Options
  std::uint32_t reassembly_bytes_max = 16u << 20;

  // As of Options.
  std::vector<std::string> validate() const;
};

}  // namespace bmc::paxos

#endif
