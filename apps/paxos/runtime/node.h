// SPDX-License-Identifier: Apache-2.0
// A replica at work: the core with a clock, sockets and a disk. What Replica is made of.
#ifndef BMC_PAXOS_RUNTIME_NODE_H
#define BMC_PAXOS_RUNTIME_NODE_H

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "apps/paxos/core/codec.h"
#include "apps/paxos/core/replica_core.h"
#include "apps/paxos/include/bmc/paxos/replica.h"
#include "apps/paxos/runtime/bulk_transport.h"
#include "apps/paxos/runtime/client_routes.h"
#include "apps/paxos/runtime/kernel_offload.h"
#include "apps/paxos/runtime/storage_thread.h"
#include "apps/paxos/runtime/udp_transport.h"

namespace bmc::paxos::runtime {

// What storage found, and storage itself.
struct Opened {
  std::unique_ptr<Disk> disk;
  std::unique_ptr<ReplicaStore> store;
  Restored restored;
};

class Node {
 public:
  // `options` are valid. As Replica says.
  Node(boost::asio::any_io_executor executor, const Options& options, Opened opened, StateMachine& machine);
  ~Node();  // shutdown()
  Result<void> open_sockets();

  ReplicaStatus status() const;
  std::vector<Counter> counters() const;
  void shutdown();

 private:
  struct NodeCounters {
    std::uint64_t not_allowed = 0;  // a replica's message from an address that is not its own
    std::uint64_t unroutable = 0;   // replies to clients forgotten
    RefusalCounters refused{};
  };

  Result<void> open_udp();
  Result<void> open_bulk();
  std::unique_ptr<KernelOffload> make_kernel();
  void begin_broadcasts(const BroadcastOffload& offload);
  void on_datagram(const Endpoint& from, std::string_view bytes);
  bool on_bulk(const boost::asio::ip::address& from, std::string_view bytes);
  std::optional<Message> decoded(std::string_view bytes);
  void on_stored(std::uint64_t number);
  void on_timer();
  void take_in_pieces();
  void on_kernel_news();
  void act();
  bool rest();
  bool carry_out();
  void send_to_replicas(const SendToReplicas& send);
  void send_to_client(const SendToClient& send);
  void arm_timer();
  void tell_news();
  ReplicaStatus look() const;
  std::vector<Counter> count() const;

  const boost::asio::any_io_executor executor_;
  const Options options_;
  const CoreOptions core_options_;
  const Peers peers_;
  const std::shared_ptr<Monitor> monitor_ = std::make_shared<Monitor>();

  // Under the monitor's lock; all null once it is closed.
  std::unique_ptr<KernelOffload> kernel_;  // null: bmcd is not asked
  std::unique_ptr<ReplicaCore> core_;
  std::unique_ptr<StorageThread> storage_;
  std::unique_ptr<UdpTransport> udp_;
  std::unique_ptr<BulkTransport> bulk_;
  std::optional<boost::asio::steady_timer> timer_;

  ClientRoutes routes_;
  Micros ticked_at_ = 0;
  Micros armed_for_ = 0;             // 0: the timer is not armed
  std::uint64_t pushed_number_ = 0;  // of the last store handed to storage_
  std::uint64_t stored_number_ = 0;  // that the core was told of
  NodeCounters counters_;
  ReplicaStatus::Role told_role_ = ReplicaStatus::Role::recovering;
  std::uint64_t told_view_ = 0;

  // Only once the monitor is closed.
  ReplicaStatus last_status_;
  std::vector<Counter> last_counters_;
};

}  // namespace bmc::paxos::runtime

#endif
