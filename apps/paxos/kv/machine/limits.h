// SPDX-License-Identifier: Apache-2.0
// The limits of keys, values and messages of paxos-kv, each once.
#ifndef BMC_KV_MACHINE_LIMITS_H
#define BMC_KV_MACHINE_LIMITS_H

#include <cstddef>
#include <cstdint>

namespace bmc::kv {

constexpr std::size_t kKeyBytesMax = 250;         // memcached's
constexpr std::size_t kValueBytesMax = 1u << 20;  // memcached's, without its header of an item

// Of an operation, a query or a result, as the library carries them: one value of the largest size with its
// key, its numbers and what stands around them.
constexpr std::size_t kMessageBytesMax = kValueBytesMax + 4096;

// What one item costs beside its key and value: nodes of the table and of the index of deadlines, and what
// the allocator adds.
constexpr std::uint64_t kItemOverheadBytes = 256;

// The table must fit into a checkpoint, which the library holds as one protobuf message (2 GiB).
constexpr std::uint64_t kMemoryBytesMax = 1ull << 30;
constexpr std::uint64_t kMemoryBytesMin = 4ull << 20;

}  // namespace bmc::kv

#endif
