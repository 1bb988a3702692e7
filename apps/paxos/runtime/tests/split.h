// SPDX-License-Identifier: Apache-2.0
// All fragments of a message at once.
#ifndef BMC_PAXOS_RUNTIME_TESTS_SPLIT_H
#define BMC_PAXOS_RUNTIME_TESTS_SPLIT_H

#include <string>
#include <string_view>
#include <vector>

#include "apps/paxos/runtime/fragment.h"

namespace bmc::paxos::runtime {

inline std::vector<std::string> split(std::string_view message, std::size_t datagram_bytes) {
  std::vector<std::string> fragments;
  for (std::size_t i = 0; i < fragment_count(message.size(), datagram_bytes); i++) {
    fragments.push_back(fragment_of(message, datagram_bytes, i));
  }
  return fragments;
}

}  // namespace bmc::paxos::runtime

#endif
