// SPDX-License-Identifier: Apache-2.0
// The server's backend: the library's client. Made by run().
#ifndef BMC_KV_PROGRAM_PAXOS_BACKEND_H
#define BMC_KV_PROGRAM_PAXOS_BACKEND_H

#include <string>

#include "apps/paxos/include/bmc/paxos/client.h"
#include "apps/paxos/kv/server/backend.h"

namespace bmc::kv {

class PaxosBackend final : public Backend {
 public:
  // The client must outlive the backend.
  PaxosBackend(paxos::Client& client, bool reads_are_stale)
      : client_(client), reads_are_stale_(reads_are_stale) {}

  boost::asio::awaitable<Reply> call(std::string operation) override;
  boost::asio::awaitable<Reply> read(std::string query) override;

 private:
  paxos::Client& client_;
  bool reads_are_stale_;
};

}  // namespace bmc::kv

#endif
