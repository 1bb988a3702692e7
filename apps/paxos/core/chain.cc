// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/core/chain.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace bmc::paxos {

std::uint64_t hash_of(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

Chain chain_of(Chain before, Op op, View view, std::string_view batch) {
  const std::uint64_t words[] = {before, op, view, hash_of(batch)};
  const Chain chain = XXH3_64bits(words, sizeof words);
  return chain ? chain : 1;
}

}  // namespace bmc::paxos
