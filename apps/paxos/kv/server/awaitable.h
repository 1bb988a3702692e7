// SPDX-License-Identifier: Apache-2.0
// Asio's coroutines. Boost 1.74's awaitable.hpp uses std::exchange and does not include what has it.
#ifndef BMC_KV_SERVER_AWAITABLE_H
#define BMC_KV_SERVER_AWAITABLE_H

// clang-format off
#include <utility>
#include <boost/asio/awaitable.hpp>
// clang-format on

#endif
