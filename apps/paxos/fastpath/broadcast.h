// SPDX-License-Identifier: Apache-2.0
// Broadcast: one datagram to many replicas by one system call, where the kernel's broadcast program makes the
// copies. Owns the group's entry in the shared maps, unless bmcd does. Used by UdpTransport; needs no libbpf,
// since somebody else loaded the program.
//
// It resolves nothing: whom the program cannot reach is the caller's to send to in the ordinary way, by which
// the kernel finds neighbours and smaller paths. That a copy left says nothing about its arrival, as with any
// datagram.
#ifndef BMC_PAXOS_FASTPATH_BROADCAST_H
#define BMC_PAXOS_FASTPATH_BROADCAST_H

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "apps/paxos/abi/broadcast_abi.h"
#include "apps/paxos/include/bmc/paxos/error.h"
#include "apps/paxos/include/bmc/paxos/options.h"
#include "apps/paxos/runtime/endpoint.h"

namespace bmc::paxos::fastpath {

struct BroadcastCounters {
  std::uint64_t broadcasts = 0;   // datagrams to many that the program took
  std::uint64_t copies = 0;       // that it made of them
  std::uint64_t undelivered = 0;  // recipients that it could not reach
  std::uint64_t unanswered = 0;   // the program did not see the datagram
  std::uint64_t refused = 0;      // the kernel did not take the datagram

  BroadcastCounters operator+(const BroadcastCounters& other) const {
    return {broadcasts + other.broadcasts, copies + other.copies, undelivered + other.undelivered,
            unanswered + other.unanswered, refused + other.refused};
  }
};

class Broadcast {
 public:
  // `socket` is the replica's own, bound to its address, and outlives this; `peers` are all replicas by their
  // index, itself included. The descriptors in `offload` may be closed afterwards. Errors: configuration, io.
  static Result<Broadcast> open(const BroadcastOffload& offload, int socket,
                                const std::vector<runtime::Endpoint>& peers);
  Broadcast(Broadcast&& other) noexcept;
  Broadcast& operator=(Broadcast&&) = delete;
  ~Broadcast();  // disables the group, if it wrote it

  struct Sent {
    ReplicaSet left = 0;  // who is still to be sent to
    int error = 0;  // EAGAIN: nothing was sent, and is to be tried again when the socket is writable; else 0
  };
  // One caller at a time. `now` of one clock. Now and then a recipient is left though it could be reached: a
  // neighbour that is sent to only past the kernel's neighbour tables would be forgotten by them.
  Sent send(std::string_view datagram, ReplicaSet to, Micros now);

  const runtime::Endpoint& peer(ReplicaIndex index) const { return peers_.at(index); }
  const BroadcastCounters& counters() const { return counters_; }

 private:
  // The elements of an mmapable array of the kernel.
  template <typename T>
  class Shared {
   public:
    static Result<Shared> map(int descriptor, bool writable, const char* name);
    Shared(Shared&& other) noexcept;
    Shared& operator=(Shared&&) = delete;
    ~Shared();
    T& operator[](std::size_t index) const { return elements_[index]; }

   private:
    explicit Shared(T* elements) : elements_(elements) {}
    T* elements_;
  };

  Broadcast(Shared<const broadcast_report> reports, std::uint8_t group, int socket,
            std::vector<runtime::Endpoint> peers);
  Result<void> write_group(int descriptor, std::uint16_t source_port);
  ReplicaSet due(ReplicaSet to, Micros now) const;
  Sent leave(ReplicaSet left, Micros now);
  Sent give_up(ReplicaSet to, Micros now);
  int send_to_group(std::string_view datagram, ReplicaSet to);

  std::optional<Shared<broadcast_group>> groups_;  // none: somebody else's
  Shared<const broadcast_report> reports_;
  std::uint8_t group_;
  int socket_;
  std::vector<runtime::Endpoint> peers_;
  bool is_v6_ = false;
  std::uint16_t token_ = 0;                               // of the last broadcast; never 0
  std::array<Micros, BROADCAST_PEERS_MAX> refresh_at_{};  // when each is next left to the caller
  Micros paused_until_ = 0;
  BroadcastCounters counters_;
};

}  // namespace bmc::paxos::fastpath

#endif
