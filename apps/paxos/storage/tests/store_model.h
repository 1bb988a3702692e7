// SPDX-License-Identifier: Apache-2.0
// What a store must give back: the same changes made in memory, one by one; and changes drawn at random.
#ifndef BMC_PAXOS_STORAGE_TESTS_STORE_MODEL_H
#define BMC_PAXOS_STORAGE_TESTS_STORE_MODEL_H

#include <optional>
#include <random>
#include <string>
#include <vector>

#include "apps/paxos/core/effects.h"
#include "apps/paxos/core/replica_core.h"
#include "apps/paxos/storage/replica_store.h"

namespace bmc::paxos::test {

inline constexpr Identity kIdentity{
    .cluster_id = 0xc1a5, .index = 1, .replica_count = 3, .durability = Durability::kWal};

struct StoreModel {
  DurableState state;  // of the incarnation of the process that runs now
  bool is_whole = true;
  Op checkpoint_op = 0;
  std::shared_ptr<const std::string> checkpoint;
  Op begin = 0;
  std::vector<LogEntry> entries;

  Op end() const { return begin + entries.size(); }

  // What a crash in the midst of write(stores) may leave: this one, then one for each entry and each other
  // store.
  std::vector<StoreModel> states_during(const std::vector<Store>& stores) const;
};

// The first difference in words; empty if `restored` is what open() must tell for `model`.
std::string difference(const Restored& restored, const StoreModel& model);

// An entry whose batch, chain and view depend on `op` and `variant`.
LogEntry make_entry(Op op, std::uint64_t variant = 0, std::size_t batch_bytes = 40);
Store store_entries(const StoreModel& model, std::size_t count, std::uint64_t variant = 0,
                    std::size_t batch_bytes = 40);
Store store_state(const StoreModel& model, View view, View log_view);
Store store_truncation(Op end);
Store store_checkpoint(Op op, Op log_begin);

// One to four stores that a core might ask for in this order.
std::vector<Store> draw_stores(std::mt19937_64& random, const StoreModel& model);

}  // namespace bmc::paxos::test

#endif
