// SPDX-License-Identifier: Apache-2.0
// One connection to a replicated store that speaks memcached's ASCII protocol: every call is an operation of
// a history, with its times and what is known of its outcome. Used by the workload, the final reads and the
// demo.
#ifndef BMC_NETNS_TESTS_PAXOS_NEMESIS_KV_CONNECTION_H
#define BMC_NETNS_TESTS_PAXOS_NEMESIS_KV_CONNECTION_H

#include <optional>
#include <string>

#include "netns-tests/lib/endpoint.h"
#include "netns-tests/lib/netns.h"
#include "netns-tests/lib/tcp_client.h"
#include "netns-tests/paxos/linearizability/operation.h"

namespace bmc::nemesis {

using linearizability::Action;
using linearizability::Operation;
using linearizability::Outcome;

// A value and the number that a cas of it needs.
struct Versioned {
  std::string value;
  std::string cas_unique;
};

// One thread at a time. After an operation of unknown outcome it is closed: a late answer must not be taken
// for that of the next operation.
class KvConnection {
 public:
  // Nothing if nobody answers within `timeout_ms`, which is also the limit of each operation.
  static std::optional<KvConnection> open(const lab::Netns& netns, const lab::Endpoint& server,
                                          std::int64_t timeout_ms);

  bool usable() const { return usable_; }

  // Carries `operation` (client, action, key, value; kCas: expected) out and fills in the rest. For kCas
  // `unique` is that of the expected value. False: certainly nothing was done, so it is no part of the
  // history.
  bool carry_out(Operation& operation, const std::string& unique = {});

  // A kGet with the number for a cas, which is empty where nothing was found. False as above.
  bool gets(Operation& operation, std::optional<Versioned>& found);

 private:
  enum class Answer { kDone, kRefused, kNothingDone, kLost };

  KvConnection(lab::TcpClient socket, std::int64_t timeout_ms)
      : socket_(std::move(socket)), timeout_ms_(timeout_ms) {}

  bool retrieve(Operation& operation, std::string& cas_unique);
  bool write(Operation& operation, const std::string& unique);
  Answer append(const Operation& operation);
  Answer store(const std::string& line, const std::string& value, const std::string& suffix = {});
  Answer command(const std::string& line);
  // Fills in the outcome; false: nothing was done.
  bool conclude(Operation& operation, Answer answer);

  lab::TcpClient socket_;
  std::int64_t timeout_ms_;
  lab::Deadline deadline_ = lab::Deadline::at_ns(0);
  bool usable_ = true;
};

}  // namespace bmc::nemesis

#endif
