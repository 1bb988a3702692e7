// SPDX-License-Identifier: Apache-2.0
// JoinServer: the socket at which replicas' processes ask for the kernel's help (abi/join_abi.h). Owned by
// PaxosApp, on the daemon's loop.
#ifndef BMC_PAXOS_HOST_JOIN_SERVER_H
#define BMC_PAXOS_HOST_JOIN_SERVER_H

#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "apps/paxos/abi/join_abi.h"
#include "apps/paxos/host/admission.h"
#include "control-plane/lifetime.h"
#include "control-plane/result.h"
#include "control-plane/unix_listener.h"

namespace bmc::paxos::host {

// Who asks, and what; found admissible.
struct Applicant {
  ucred peer = {};
  paxos_join_request request = {};
  int socket = -1;  // the replica's UDP socket; lent

  const paxos_address& address() const { return request.replica[request.self]; }
};

struct Grant {
  paxos_join_reply reply = {};
  std::vector<int> descriptors;  // lent until they are sent
};

// What membership means. An address is a member from a join() that succeeds until its leave().
class Membership {
 public:
  virtual ~Membership() = default;
  virtual Result<Grant> join(const Applicant& applicant) = 0;
  virtual void leave(const paxos_address& address) = 0;
};

// Whatever a peer does costs at most its own connection, and other users nothing: a request of the wrong form
// or none within kAnswerLimit, a second one, not reading what it is told, more connections than a user may
// have.
class JoinServer {
 public:
  static constexpr std::size_t kConnectionsPerUser = 64;
  static constexpr std::size_t kConnectionsOfStrangers =
      16;                                                 // of all users together to whom nothing is allowed
  static constexpr std::chrono::seconds kAnswerLimit{5};  // for a request, and to read a refusal

  // All outlive it.
  JoinServer(boost::asio::io_context& loop, const Admission& admission, Membership& membership,
             std::chrono::milliseconds answer_limit = kAnswerLimit);
  ~JoinServer();
  JoinServer(const JoinServer&) = delete;
  JoinServer& operator=(const JoinServer&) = delete;

  // Everybody may connect: who may have what is decided by the request.
  Result<void> listen(const std::string& path);

  // Ends all memberships and removes the socket. Idempotent.
  void stop();

  // To a member, when what is switched on has changed.
  void tell(const paxos_address& address, std::uint32_t offloads);

  std::uint64_t granted() const { return granted_; }
  std::uint64_t refused() const { return refused_; }

 private:
  class Session;

  void wait();
  void accept_all();
  void accept(Fd socket);
  void told_refusal(const ucred& peer, const std::string& why);

  boost::asio::io_context& loop_;
  const Admission& admission_;
  Membership& membership_;
  const std::chrono::milliseconds answer_limit_;
  UnixListener listener_;
  boost::asio::posix::stream_descriptor acceptor_;
  boost::asio::steady_timer retry_;
  std::set<std::shared_ptr<Session>> sessions_;
  std::uint64_t granted_ = 0;
  std::uint64_t refused_ = 0;
  std::chrono::steady_clock::time_point logged_at_{};  // of the last refusal that the log has
  Lifetime life_;
};

}  // namespace bmc::paxos::host

#endif
