// SPDX-License-Identifier: Apache-2.0
// ServerTable: which memcached is served under which slot of map `servers`, from the first handshake to the
// last; raises and clears the holds. Owned by CacheApp; Audit tells it when a boot hold may end.
#ifndef BMC_CACHE_DAEMON_SERVER_TABLE_H
#define BMC_CACHE_DAEMON_SERVER_TABLE_H

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "apps/memcached-cache/daemon/cache_memory.h"
#include "apps/memcached-cache/daemon/control_table.h"
#include "apps/memcached-cache/daemon/delayed_flush.h"
#include "apps/memcached-cache/daemon/drain_watch.h"
#include "apps/memcached-cache/daemon/server_link.h"
#include "apps/memcached-cache/daemon/serving_plan.h"
#include "apps/memcached-cache/daemon/sock_diag.h"
#include "apps/memcached-cache/daemon/sweeper.h"
#include "apps/memcached-cache/daemon/ttl_probe.h"
#include "apps/memcached-cache/daemon/udp_barrier.h"
#include "apps/memcached-cache/daemon/unfinished_values.h"
#include "control-plane/config.h"
#include "control-plane/lifetime.h"
#include "control-plane/result.h"

namespace bmc::cache {

// One memcached that bmcd was told of, or looks for.
struct Server {
  enum class Phase {
    kSearching,   // nothing answers there
    kRefused,     // may not be served; `why` says it
    kIdle,        // nothing to serve: UDP is off; `why` says it
    kAlias,       // the same process as another Server; only its address counts
    kConfirming,  // watched; everything is held until it has answered once more
    kBooting,     // everything is held until what it received before is executed
    kServing,
    kResting,  // not watched, so everything is held
    kDown,     // its process ended; watched and held
  };

  std::unique_ptr<ServerLink> link;
  std::unique_ptr<UdpBarrier> barrier;
  std::unique_ptr<TtlProbe> probe;
  std::unique_ptr<DelayedFlush> flush;
  std::unique_ptr<UnfinishedValues> unfinished;
  bool given = false;  // by the administrator
  Phase phase = Phase::kSearching;
  std::string why;
  std::optional<std::uint32_t> slot;  // index into map `servers`; set from kConfirming on
  ServingPlan plan;                   // as published; only with a slot
  DrainAll boot;                      // runs while kBooting; Audit's
  DrainAll untracked;                 // for holds without an owner's record; Audit's
  std::uint32_t untracked_holds = 0;  // as counted when `untracked` began; Audit's

  bool is_active() const { return slot.has_value(); }
};

const char* to_string(Server::Phase phase);

class ServerTable {
 public:
  struct Parts {
    boost::asio::io_context& loop;
    CacheMemory& memory;
    Sweeper& sweeper;
    SockDiag& sockets;
    const Config& config;
    // The programs that see the packets of the host's sockets, attached or not. They are when ServerTable
    // begins.
    std::function<Result<void>(bool)> observe_packets;
  };

  explicit ServerTable(Parts parts);

  // `adopted`: maps, and programs that watched all the while, are those of an earlier bmcd; what they hold of
  // a memcached that is still the same process stays. Otherwise every server begins with a boot hold.
  void start(bool adopted);
  // Talks to no memcached any more. The holds stay as they are.
  void stop();

  // Addresses of the served interfaces as they are now.
  void set_interface_addresses(std::vector<boost::asio::ip::address> addresses);
  // Looks at every server's sockets and addresses again.
  void replan();

  // The release program has closed a server: held and bumped already.
  void closed(std::uint32_t slot);
  // Audit: everything from before is executed, but for values over UDP that have not ended. May be told
  // again.
  void all_read(Server& server);
  // A program has set SERVER_FLUSH_UNSEEN.
  void flush_unseen(std::uint32_t slot);

  // What is served is not watched any more, and all that was known of it forgotten, until wake(): which is as
  // if bmcd had just started beside it. Where nothing else is served the programs are not even attached.
  void rest();
  void wake();

  const std::vector<std::unique_ptr<Server>>& servers() const { return servers_; }
  // Null where nobody owns the slot.
  Server* find(std::uint32_t slot) const;

 private:
  void add(const Endpoint& endpoint, bool given);
  void known(Server& server);
  void lost(Server& server, const Error& error);
  void polled(Server& server);
  void plan(Server& server);
  bool take_over(Server& server, const ServingPlan& plan);
  void serve(Server& server, ServingPlan plan);
  void confirmed(Server& server);
  void start_serving(Server& server);
  void end_boot(Server& server);
  Result<void> observe_packets();
  void ignore_packets();
  void withdraw(Server& server, Server::Phase phase, const std::string& why);
  void set_phase(Server& server, Server::Phase phase, const std::string& why = {});
  Result<ServingPlan> make_plan_of(const Server& server);
  std::optional<std::uint32_t> choose_slot(const ServingPlan& plan) const;
  bool are_registered(const Server& server, const std::vector<std::uint64_t>& sockets) const;
  Result<void> register_sockets(const Server& server);
  Result<void> publish_ports();
  void publish_addresses();
  std::uint32_t deadline_cap(const Server& server) const;
  void kill_all(Server& server);
  bool apply_deadline(const Server& server, const TtlTarget& target, std::uint32_t deadline);
  server_state& state_of(const Server& server) { return parts_.memory.servers[*server.slot]; }
  void replan_later();

  Parts parts_;
  ControlTable table_;
  boost::asio::steady_timer timer_;
  std::array<bool, CACHE_SERVERS_MAX> trusted_ = {};  // by slot: watched without a gap so far
  bool observes_ = true;                              // packets; else every slot with a server is held
  std::set<WatchedPort> heirlooms_;                   // watched by an earlier bmcd, not yet claimed
  int replans_ = 0;
  std::vector<boost::asio::ip::address> interface_addresses_;
  std::vector<std::unique_ptr<Server>> servers_;
  Lifetime run_;
};

}  // namespace bmc::cache

#endif
