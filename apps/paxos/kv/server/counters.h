// SPDX-License-Identifier: Apache-2.0
// What the server counts, one line each: for `stats` under memcached's names and for Prometheus. Changed by
// the server's thread only.
#ifndef BMC_KV_SERVER_COUNTERS_H
#define BMC_KV_SERVER_COUNTERS_H

#include <cstdint>

namespace bmc::kv {

// name in `stats`, what it counts.
#define BMC_KV_COUNTERS(X)                                                              \
  X(cmd_get, "Keys asked for by get and gets")                                          \
  X(cmd_set, "Storage commands")                                                        \
  X(cmd_flush, "flush_all commands")                                                    \
  X(cmd_touch, "Keys touched by touch, gat and gats, found or not")                     \
  X(get_hits, "Keys that were found")                                                   \
  X(get_misses, "Keys that were not found")                                             \
  X(delete_hits, "Deletions of an item")                                                \
  X(delete_misses, "Deletions of nothing")                                              \
  X(incr_hits, "Increments")                                                            \
  X(incr_misses, "Increments of nothing")                                               \
  X(decr_hits, "Decrements")                                                            \
  X(decr_misses, "Decrements of nothing")                                               \
  X(cas_hits, "cas commands that stored")                                               \
  X(cas_misses, "cas commands on a key that is not there")                              \
  X(cas_badval, "cas commands with another unique than the item's")                     \
  X(touch_hits, "Touches of an item")                                                   \
  X(touch_misses, "Touches of nothing")                                                 \
  X(store_no_memory, "Commands refused because --memory was full")                      \
  X(total_connections, "Connections opened")                                            \
  X(rejected_connections, "Connections refused because --connections were open")        \
  X(bytes_read, "Bytes received from clients")                                          \
  X(bytes_written, "Bytes sent to clients")                                             \
  X(calls, "Operations sent to the cluster; each may hold many commands")               \
  X(reads, "Queries sent to the cluster; each may hold many commands")                  \
  X(reads_as_calls, "Of them, those sent again as operations because time had to pass") \
  X(outcomes_unknown, "Commands that may or may not have been carried out")             \
  X(commands_failed, "Commands that were certainly not carried out, for lack of replicas")

struct Counters {
#define X(name, text) std::uint64_t name = 0;
  BMC_KV_COUNTERS(X)
#undef X
};

}  // namespace bmc::kv

#endif
