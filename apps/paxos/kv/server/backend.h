// SPDX-License-Identifier: Apache-2.0
// What the server needs of a replicated machine: the library's client, or in tests the machine itself.
#ifndef BMC_KV_SERVER_BACKEND_H
#define BMC_KV_SERVER_BACKEND_H

#include <string>

#include "apps/paxos/include/bmc/paxos/error.h"
#include "apps/paxos/kv/server/awaitable.h"

namespace bmc::kv {

class Backend {
 public:
  using Reply = paxos::Result<std::string>;

  virtual ~Backend() = default;

  // KvMachine::apply() and KvMachine::read(). Awaited on the server's loop; the backend outlives it.
  virtual boost::asio::awaitable<Reply> call(std::string operation) = 0;
  virtual boost::asio::awaitable<Reply> read(std::string query) = 0;
};

}  // namespace bmc::kv

#endif
