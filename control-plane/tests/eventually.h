// SPDX-License-Identifier: Apache-2.0
// Waiting, in tests, for what the kernel or another process brings about without telling us.
#ifndef BMC_CONTROL_PLANE_TESTS_EVENTUALLY_H
#define BMC_CONTROL_PLANE_TESTS_EVENTUALLY_H

#include <poll.h>

#include <chrono>
#include <functional>

namespace bmc::test {

// Asks again and again until it is true; false after `limit`.
inline bool eventually(const std::function<bool()>& condition,
                       std::chrono::milliseconds limit = std::chrono::seconds(20)) {
  const auto give_up = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= give_up) return false;
    ::poll(nullptr, 0, 5);  // there is nothing to wait for
  }
  return true;
}

}  // namespace bmc::test

#endif
