// SPDX-License-Identifier: Apache-2.0
// What the user of the library writes: a deterministic state machine.
#ifndef BMC_PAXOS_STATE_MACHINE_H
#define BMC_PAXOS_STATE_MACHINE_H

#include <cstdint>
#include <string>
#include <string_view>

namespace bmc::paxos {

// Every replica calls apply() with the same operations and the same times in the same order, so the result
// must depend on nothing else: no clock, no random number, no address, no order of an unordered container.
// All functions are called by one thread at a time, never while another of them runs.
class StateMachine {
 public:
  virtual ~StateMachine() = default;

  // Carries `operation` out and returns the reply. `time_us` is the leader's clock (microseconds since 1970)
  // when it proposed the operation; it never goes back from one operation to the next, whichever replica
  // leads.
  virtual std::string apply(std::string_view operation, std::uint64_t time_us) = 0;

  // Answers a read without changing anything. `time_us` is that of the last operation applied.
  virtual std::string read(std::string_view query, std::uint64_t time_us) const = 0;

  // The whole state; equal states give equal bytes.
  virtual std::string snapshot_save() const = 0;

  // Replaces the whole state. False: the bytes are no snapshot; the state must then be as before.
  virtual bool snapshot_load(std::string_view snapshot) = 0;
};

}  // namespace bmc::paxos

#endif
