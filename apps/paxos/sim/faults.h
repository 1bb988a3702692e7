// SPDX-License-Identifier: Apache-2.0
// The kinds of fault that a run may be given, by name (`paxos-sim --faults loss,kill`).
#ifndef BMC_PAXOS_SIM_FAULTS_H
#define BMC_PAXOS_SIM_FAULTS_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "control-plane/result.h"

namespace bmc::paxos::sim {

#define PAXOS_SIM_FAULTS(X)                                                              \
  X(loss, "a packet is lost")                                                            \
  X(duplicate, "a packet comes again, perhaps much later")                               \
  X(reorder, "delays differ widely from packet to packet")                               \
  X(damage, "bits of a packet flip, its end is cut off, or it is another cluster's")     \
  X(partition, "groups of replicas and clients do not reach each other")                 \
  X(oneway, "some links work in one direction only")                                     \
  X(filter, "one type of message is lost on some links")                                 \
  X(kill, "a process ends; what it wrote stays, synced or not")                          \
  X(crash, "a machine ends; unsynced writes and directory changes may be lost, or torn") \
  X(blackout, "all machines end at once")                                                \
  X(pause, "a process stands still")                                                     \
  X(clock, "a host's clock jumps")                                                       \
  X(storm, "a process ends again and again, also while it starts")                       \
  X(rot, "a bit flips in what was synced")                                               \
  X(lost_disk, "a machine comes back with an empty disk")                                \
  X(slow_disk, "fsync takes long")                                                       \
  X(failing_disk, "fsync fails, so the process ends")

enum class Fault : std::uint8_t {
#define X(name, text) name,
  PAXOS_SIM_FAULTS(X)
#undef X
};

inline constexpr std::size_t kFaults = 0
#define X(name, text) +1
    PAXOS_SIM_FAULTS(X)
#undef X
    ;

class FaultSet {
 public:
  constexpr FaultSet() = default;
  static constexpr FaultSet all() {
    FaultSet set;
    set.bits_ = (std::uint32_t{1} << kFaults) - 1;
    return set;
  }
  // "all", "none" or names with commas between. EINVAL names the one that is unknown.
  static bmc::Result<FaultSet> parse(std::string_view list);

  constexpr bool has(Fault fault) const { return bits_ >> static_cast<unsigned>(fault) & 1; }
  constexpr void add(Fault fault) { bits_ |= std::uint32_t{1} << static_cast<unsigned>(fault); }
  constexpr void remove(Fault fault) { bits_ &= ~(std::uint32_t{1} << static_cast<unsigned>(fault)); }
  constexpr bool empty() const { return bits_ == 0; }
  // As parse() takes it.
  std::string names() const;

  bool operator==(const FaultSet&) const = default;

 private:
  std::uint32_t bits_ = 0;
};

const char* name_of(Fault fault);
const char* text_of(Fault fault);

}  // namespace bmc::paxos::sim

#endif
