// SPDX-License-Identifier: Apache-2.0
// One client: a session, one request at a time, retried under the same number until it is answered. What it
// asks and is told goes into the history.
#ifndef BMC_PAXOS_SIM_CLIENT_H
#define BMC_PAXOS_SIM_CLIENT_H

#include <optional>
#include <string>

#include "apps/paxos/core/bodies.pb.h"
#include "apps/paxos/sim/world.h"

namespace bmc::paxos::sim {

class Client {
 public:
  // `number`: of this client in the cluster.
  Client(World& world, std::uint32_t number, Random random);

  void start();
  // A packet for this client arrives.
  void receive(const Packet& packet);

  // No request after the one that is outstanding; from now on it is not given up.
  void finish() { finishing_ = true; }
  bool is_idle() const { return !is_asking_; }
  // One read of `key`; only where is_idle().
  void read(std::uint8_t key);

  // What it waits for, for a person.
  std::string waits_for() const;

 private:
  void be_somebody_else();
  void plan_next();
  void next();
  void ask(const Command& command, body::Request::Kind kind);
  void register_session();
  void begin(body::Request request);
  void transmit();
  void on_timeout();
  void retry_after(Micros delay);
  void on_reply(const body::Reply& reply);
  void on_done(const body::Reply& reply);
  Command draw_command();

  World& world_;
  const std::uint32_t number_;
  Random random_;
  std::uint64_t client_ = 0;
  std::uint64_t session_ = 0;  // 0: none
  std::uint64_t last_number_ = 0;
  std::uint64_t last_read_ = 0;
  ReplicaIndex target_ = 0;  // where the leader is believed to be
  ReplicaIndex asked_ = 0;   // where the request goes

  bool finishing_ = false;
  bool is_asking_ = false;
  body::Request request_;
  std::optional<Command> after_registration_;
  std::optional<ClientHistory::Number> call_;
  std::uint64_t asked_so_far_ = 0;  // guards old timers
};

}  // namespace bmc::paxos::sim

#endif
