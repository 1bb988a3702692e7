// SPDX-License-Identifier: Apache-2.0
// A replica as bmcd sees one: an unprivileged user's UDP socket that joins at bmcd's socket and gets the
// replica's memory. No protocol runs: the test arms the gates. Used by tests of bmcd's help for replicas.
#ifndef BMC_NETNS_TESTS_PAXOS_FAST_MEMBER_H
#define BMC_NETNS_TESTS_PAXOS_FAST_MEMBER_H

#include <netinet/in.h>  // before <linux/in.h>, which then leaves out what both have

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/paxos/abi/join_abi.h"
#include "apps/paxos/fastpath/backup_gate.h"
#include "netns-tests/lib/clock.h"
#include "netns-tests/lib/endpoint.h"
#include "netns-tests/lib/fd.h"
#include "netns-tests/lib/netns.h"

namespace bmc::fast {

paxos_address to_paxos_address(const lab::Endpoint& endpoint);

class Member {
 public:
  static constexpr uid_t kUser = 65534;  // nobody

  // Binds the socket to replicas[self]; does not join yet.
  Member(const lab::Netns& netns, std::vector<lab::Endpoint> replicas, std::uint8_t self);

  // As kUser, without a capability. Before, the connection of the last time ends. Throws LabError when it is
  // refused.
  void join(const std::string& socket_path, std::uint32_t wanted = PAXOS_OFFLOAD_ACK | PAXOS_OFFLOAD_QUORUM);

  // Only after join(); of the memory that came by it.
  paxos::BackupGate& backup() { return *backup_; }
  const paxos_cells& cells() const { return memory_->cells; }
  const paxos_join_reply& reply() const { return reply_; }

  int fd() const { return socket_.get(); }
  // What the programs left to the process.
  std::optional<std::string> receive(lab::Deadline deadline);

 private:
  void join_as_user(const std::string& socket_path, std::uint32_t wanted);
  void map_memory(int group);

  const lab::Netns& netns_;
  const std::vector<lab::Endpoint> replicas_;
  const std::uint8_t self_;
  lab::Fd socket_;
  lab::Fd connection_;
  paxos_join_reply reply_{};
  std::shared_ptr<paxos_group> memory_;
  fast_world world_{};
  std::optional<paxos::BackupGate> backup_;
};

}  // namespace bmc::fast

#endif
