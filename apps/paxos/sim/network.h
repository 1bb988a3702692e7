// SPDX-License-Identifier: Apache-2.0
// The network between replicas and clients: every packet on its own, lost, late, twice, in another order,
// damaged or cut off, as the profile and the nemesis say.
#ifndef BMC_PAXOS_SIM_NETWORK_H
#define BMC_PAXOS_SIM_NETWORK_H

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "apps/paxos/core/types.h"
#include "apps/paxos/sim/agenda.h"
#include "apps/paxos/sim/profile.h"

namespace bmc::paxos::sim {

// Replica i is endpoint i, client i is endpoint replica_count + i.
using Endpoint = std::uint32_t;

struct Packet {
  Endpoint from = 0;
  Endpoint to = 0;
  std::shared_ptr<const std::string> bytes;
  bool damaged = false;                               // not what was sent: nobody may take it for a message
  std::shared_ptr<const std::string> sent = nullptr;  // only valid when damaged
};

class Network {
 public:
  using Deliver = std::function<void(const Packet&)>;

  Network(Agenda& agenda, Random random, const Profile& profile, Deliver deliver);

  void send(Endpoint from, Endpoint to, MessageType type, std::shared_ptr<const std::string> bytes);

  std::uint32_t endpoints() const { return endpoints_; }
  std::uint64_t packets() const { return packets_; }

  // What is sent from `from` to `to` from now on is lost, until join().
  void cut(Endpoint from, Endpoint to) { ++link(from, to).cuts; }
  void join(Endpoint from, Endpoint to);
  // The same for one type of message only.
  void filter(Endpoint from, Endpoint to, MessageType type) { link(from, to).filtered |= bit(type); }
  void unfilter(Endpoint from, Endpoint to, MessageType type) { link(from, to).filtered &= ~bit(type); }

  // From now on no packet is lost, repeated or damaged, and no link is cut or filtered. What is under way
  // still comes.
  void heal();

 private:
  struct Link {
    std::uint32_t cuts = 0;
    std::uint32_t filtered = 0;
  };

  static std::uint32_t bit(MessageType type) { return std::uint32_t{1} << static_cast<unsigned>(type); }
  Link& link(Endpoint from, Endpoint to) { return links_[from * endpoints_ + to]; }
  std::shared_ptr<const std::string> damaged(const std::string& bytes);
  void put(Micros delay, Packet packet);

  Agenda& agenda_;
  Random random_;
  std::uint32_t endpoints_;
  double loss_;
  double duplicate_;
  double damage_;
  Micros delay_min_us_;
  Micros delay_mean_us_;
  Micros replay_mean_us_;
  Deliver deliver_;
  std::vector<Link> links_;
  std::uint64_t packets_ = 0;
};

}  // namespace bmc::paxos::sim

#endif
