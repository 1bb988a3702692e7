// SPDX-License-Identifier: Apache-2.0
// The process's side of fast acknowledgement (accept.h): freezing, taking what was accepted, arming.
// Everything it knows is in the cells, so it may be made anew at any time. Used by a replica's fence.
#ifndef BMC_PAXOS_FASTPATH_BACKUP_GATE_H
#define BMC_PAXOS_FASTPATH_BACKUP_GATE_H

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/paxos/core/types.h"
#include "apps/paxos/fastpath/world.h"

namespace bmc::paxos {

// One term of office of the program.
struct BackupTerm {
  View view = 0;
  Op base = 0;  // the log's end
  std::uint64_t cluster_id = 0;
  std::uint64_t lease_ns = 0;
  std::uint32_t epoch = 0;
  std::uint32_t leader_incarnation = 0;
  std::uint32_t own_incarnation = 0;
  ReplicaIndex self = 0;
  ReplicaIndex leader = 0;
  std::uint8_t ack_level = PAXOS_ACK_NONE;  // MEMORY: the program acknowledges; DURABLE: it absorbs
  paxos_address leader_address{};
};

// What ends a sleep: any news; or only what cannot wait: half of the slots in use, or the leader asks again.
enum class Sleep : std::uint8_t { kLight, kDeep };

class BackupGate {
 public:
  // The memory of `world` outlives it.
  explicit BackupGate(const fast_world& world) : world_(world) {}

  bool is_armed() const;

  // From now on the program accepts. Only while frozen. False if there are no generations left: it stays
  // frozen.
  bool arm(const BackupTerm& term);

  // Of one PREPARE, header and body; valid during the call.
  using Sink = std::function<void(std::string_view)>;

  // PREPAREs accepted since the last take, in the order of op; the first so many. Their place may be used
  // again.
  void take(const Sink& each, std::uint64_t at_most = PAXOS_REL_MAX);
  std::vector<std::string> take();

  // Stops the program at once: what it has not accepted by now it never will. Returns what was not taken yet;
  // with what was taken before, that is everything this term ever acknowledged.
  void freeze(const Sink& each);
  std::vector<std::string> freeze();

  // The same, and what was not taken is forgotten: the promises of another life, or of nobody.
  void discard();

  // The lease begins anew.
  void show_alive(std::uint64_t now_ns);

  // Whether something was accepted since the last take, and how many.
  bool has_news() const { return waiting() != 0; }
  std::uint64_t waiting() const;
  // Up to where it was taken.
  std::uint64_t taken() const;

  // Before sleeping on the doorbell. False: there is news that this sleep does not last over, do not sleep.
  bool may_sleep(Sleep sleep = Sleep::kLight);

  // How often the leader asked again for what was absorbed; grows.
  std::uint64_t asked_again() const;
  // Of the leader, as far as it was heard here in this term; not beyond the log.
  Op commit_hint() const;
  std::uint64_t last_heard_ns() const;

 private:
  void take_up_to(__u64 gate, const Sink& each, std::uint64_t at_most = PAXOS_REL_MAX);

  const fast_world& world_;
};

}  // namespace bmc::paxos

#endif
