// SPDX-License-Identifier: Apache-2.0
// The replicated state machine of paxos-kv: memcached's commands on a table of items. Called by the library's
// replica; docs/paxos-kv.md tells where it differs from memcached.
#ifndef BMC_KV_MACHINE_KV_MACHINE_H
#define BMC_KV_MACHINE_KV_MACHINE_H

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "apps/paxos/include/bmc/paxos/state_machine.h"
#include "apps/paxos/kv/machine/answer.h"
#include "apps/paxos/kv/machine/command.h"
#include "apps/paxos/kv/machine/item_table.h"

namespace bmc::kv {

// The point of time a client's expiration time means, in microseconds since 1970, if it is said at `now_us`:
// 0 never; up to 30 days from now; else seconds since 1970; negative: it is over, and the result is 1.
std::uint64_t deadline_of(std::int64_t exptime, std::uint64_t now_us);

// What the table holds, for statistics; read by other threads while the machine works.
struct Gauges {
  std::atomic<std::uint64_t> items = 0;  // those included whose time is over but that were not removed yet
  std::atomic<std::uint64_t> bytes = 0;
  std::atomic<std::uint64_t> stores = 0;   // of items, since the cluster began
  std::atomic<std::uint64_t> time_us = 0;  // of the last operation
};

class KvMachine final : public paxos::StateMachine {
 public:
  // Of those whose time is over, after each operation: bounds how long one operation can take.
  static constexpr std::size_t kExpiredPerOperation = 64;
  // Of an operation's result, if it is more than one answer: the library keeps the last result of every
  // session, and writes them all into the checkpoints.
  static constexpr std::size_t kOperationResultBytes = 64 * 1024;

  std::string apply(std::string_view operation, std::uint64_t time_us) override;
  std::string read(std::string_view query, std::uint64_t time_us) const override;
  std::string snapshot_save() const override;
  bool snapshot_load(std::string_view snapshot) override;

  // From any thread.
  const Gauges& gauges() const { return gauges_; }

 private:
  // Of one apply().
  struct Context {
    std::uint64_t now_us;
    std::uint64_t memory_bytes_max;
    ByteWriter& out;
  };

  // False: the result is full, and nothing was done.
  bool carry_out(const Command& command, Context& context);
  bool retrieve(const Command& command, Context& context);
  Outcome store(const Command& command, const Context& context);
  Outcome extend(const Command& command, const Item& old, const Context& context);
  void count(const Command& command, Context& context);
  Outcome remove(const Command& command, const Context& context);
  Outcome touch(const Command& command, const Context& context);
  Outcome flush_all(const Command& command, const Context& context);

  Outcome put(std::string_view key, Item item, const Context& context);
  void update_gauges();

  ItemTable table_;
  std::uint64_t cas_ = 0;          // the last unique given away
  std::uint64_t flush_at_us_ = 0;  // everything goes with the first operation from then on; 0: not planned
  Gauges gauges_;
};

}  // namespace bmc::kv

#endif
