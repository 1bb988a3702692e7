// SPDX-License-Identifier: Apache-2.0
// Admission: whether a process that asks may have the kernel's help for the address it names. Owned by
// PaxosApp, asked by JoinServer.
#ifndef BMC_PAXOS_HOST_ADMISSION_H
#define BMC_PAXOS_HOST_ADMISSION_H

#include <sys/types.h>

#include <boost/asio/ip/address.hpp>
#include <functional>
#include <vector>

#include "apps/paxos/abi/join_abi.h"
#include "control-plane/port_grant.h"
#include "control-plane/result.h"

namespace bmc::paxos::host {

// Every error is a sentence for the person who runs the replica.
class Admission {
 public:
  using IsLocal = std::function<bool(const boost::asio::ip::address&)>;

  // `allow` outlives it. `is_local`: whether this host has the address.
  Admission(const std::vector<PortGrant>& allow, IsLocal is_local)
      : allow_(allow), is_local_(std::move(is_local)) {}

  // Whether anything at all is allowed to this user.
  bool knows(uid_t uid) const;

  // Whether the request makes sense, its user may have the port, and `socket` is a UDP socket of this network
  // namespace that is bound to the address of replica[self], or to any address where that one is of this
  // host.
  Result<void> check(uid_t uid, const paxos_join_request& request, int socket) const;

 private:
  const std::vector<PortGrant>& allow_;
  IsLocal is_local_;
};

}  // namespace bmc::paxos::host

#endif
