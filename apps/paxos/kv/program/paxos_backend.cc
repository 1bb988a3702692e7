// SPDX-License-Identifier: Apache-2.0
// The library's client as the server's backend; see paxos_backend.h.
#include "apps/paxos/kv/program/paxos_backend.h"

#include <boost/asio/use_awaitable.hpp>

namespace bmc::kv {

using boost::asio::awaitable;
using boost::asio::use_awaitable;

awaitable<Backend::Reply> PaxosBackend::call(std::string operation) {
  return client_.async_call(std::move(operation), use_awaitable);
}

awaitable<Backend::Reply> PaxosBackend::read(std::string query) {
  if (reads_are_stale_) return client_.async_read_stale(std::move(query), use_awaitable);
  return client_.async_read(std::move(query), use_awaitable);
}

}  // namespace bmc::kv
