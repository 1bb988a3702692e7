// SPDX-License-Identifier: Apache-2.0
// Audit: ends what sockets left behind (writes nobody will answer, holds nobody will release) once it is
// proven that memcached has executed it or never will. Owned by CacheApp; runs on the loop.
#ifndef BMC_CACHE_DAEMON_AUDIT_H
#define BMC_CACHE_DAEMON_AUDIT_H

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "apps/memcached-cache/daemon/cache_memory.h"
#include "apps/memcached-cache/daemon/connection_reader.h"
#include "apps/memcached-cache/daemon/drain_watch.h"
#include "apps/memcached-cache/daemon/server_table.h"
#include "apps/memcached-cache/daemon/sock_diag.h"
#include "apps/memcached-cache/daemon/sweeper.h"
#include "control-plane/config.h"
#include "control-plane/lifetime.h"

namespace bmc::cache {

// As of the last round.
struct AuditCounters {
  std::uint64_t rounds = 0;
  std::uint64_t released = 0;   // guards and holds released by the audit, since the start
  std::uint64_t destroyed = 0;  // connections reset because they were out of step too long, since the start
  std::uint64_t tracked = 0;    // connections observed
  std::uint64_t lost = 0;       // of them, with unknown position
  std::uint64_t holding = 0;    // of them, holding the global guard
};

// Rounds follow each other every two seconds, or four times a second while something waits. In a round:
//
//   1. the connections the programs know are read, slice by slice;
//   2. then the kernel lists the sockets: what was read in 1 and is not here had closed in between, or
//   before;
//   3. what is proven is swept.
//
// A connection's bytes are proven to be executed up to a moment d when every list since d showed its socket
// drained, and the TCP quarantine (ServerLink::settled_ns) has passed d. A UDP datagram is when the server's
// UDP barrier has passed its arrival.
class Audit {
 public:
  struct Parts {
    boost::asio::io_context& loop;
    CacheMemory& memory;
    Sweeper& sweeper;
    SockDiag& sockets;
    ServerTable& servers;
    const Config& config;
  };

  explicit Audit(Parts parts);

  void start();
  void stop();
  // Something waits now: the next round is soon.
  void hurry();

  const AuditCounters& counters() const { return counters_; }
  // Connections out of step at the last round, for the log and `bmcctl audit`.
  const std::vector<ConnectionView>& lost_connections() const { return lost_; }

 private:
  void wait(std::uint64_t ns);
  void read_connections();
  void judge();
  void judge_connection(const ConnectionView& connection, std::uint64_t listed_ns);
  void judge_absent(const ConnectionView& connection, std::uint64_t listed_ns);
  void reset_if_stuck(const ConnectionView& connection, std::uint64_t now_ns);
  void judge_server(Server& server, std::uint64_t listed_ns);
  void judge_boot(Server& server);
  void judge_untracked(Server& server);
  void judge_flush(Server& server);
  void judge_udp_writes();
  std::uint32_t sweep(sweep_call call);
  Result<void> list_sockets();
  // memcached's end of a connection of bmcd's own?
  bool is_own(const SocketInfo& socket) const;

  Parts parts_;
  boost::asio::steady_timer timer_;
  ConnectionReader reader_;
  std::vector<ConnectionView> connections_;  // of this round
  std::vector<ConnectionView> lost_;
  std::vector<SocketInfo> tcp_;            // of this round
  std::unordered_set<std::uint64_t> own_;  // cookies of those that are bmcd's
  DrainWatch drain_;
  std::unordered_map<std::uint64_t, std::uint64_t>
      absent_since_;  // cookie -> begin of the first list without it
  std::unordered_map<std::uint64_t, std::uint64_t> holding_since_;  // cookie -> first seen holding
  bool waiting_ = false;                                            // something waits for a proof
  bool reading_ = false;
  std::uint64_t told_ns_ = 0;  // when the log last named what a boot waits for
  AuditCounters counters_;
  Lifetime run_;
};

}  // namespace bmc::cache

#endif
