// SPDX-License-Identifier: Apache-2.0
// A leader and two backups, each a namespace with paxos_fast on its interfaces and a replica's memory of its
// own; no replica runs: the test arms, sends and looks. Used by three_replicas_test.cc.
//
//   backup (eth0) ── (eth0) leader (eth1) ── (eth0) backup
#ifndef BMC_NETNS_TESTS_PAXOS_FAST_STAR_H
#define BMC_NETNS_TESTS_PAXOS_FAST_STAR_H

#include <netinet/in.h>  // before <linux/in.h>, which then leaves out what both have

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/paxos/fastpath/tests/fixture.h"
#include "apps/paxos/fastpath/tests/group.h"
#include "netns-tests/lib/clock.h"
#include "netns-tests/lib/fd.h"
#include "netns-tests/lib/netns.h"

struct bpf_link;
struct paxos_fast;

namespace bmc::fast {

// One replica's host: program, memory, and the UDP socket that gets what the program passes. Replica i is
// 192.0.2.(1 + i), port 7000, as in the fast path's fixture.
class Host {
 public:
  explicit Host(paxos::ReplicaIndex self);
  ~Host();
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  // Once its interfaces are there: the program on each, and the socket.
  void start(const std::vector<std::string>& devices);

  const lab::Netns& netns() const { return netns_; }
  paxos::BackupGate& backup() { return backup_; }
  paxos::LeaderGate& leader() { return leader_; }
  std::uint64_t counter(paxos_fast_counter counter) const;
  void send(const std::string& payload, paxos::ReplicaIndex to);
  std::optional<std::string> receive(lab::Deadline deadline);

 private:
  paxos::ReplicaIndex self_;
  lab::Netns netns_;
  paxos::test::Group group_;
  paxos::BackupGate backup_{group_.world()};
  paxos::LeaderGate leader_{group_.world()};
  paxos_fast* program_;
  std::vector<bpf_link*> links_;
  lab::Fd socket_;
};

class Star {
 public:
  Star();

  Host& leader() { return *hosts_.at(paxos::test::kLeader); }
  Host& host(paxos::ReplicaIndex replica) { return *hosts_.at(replica); }

 private:
  void connect(paxos::ReplicaIndex backup, const std::string& leader_device);

  std::vector<std::unique_ptr<Host>> hosts_;
};

std::string address_of(paxos::ReplicaIndex replica);

}  // namespace bmc::fast

#endif
