// SPDX-License-Identifier: Apache-2.0
// Closed-loop clients of the library: each sends its next request when the last one is answered. Used by the
// measurement; they live in the network namespace of whoever makes them.
#ifndef BMC_NETNS_TESTS_PAXOS_BENCH_LOAD_H
#define BMC_NETNS_TESTS_PAXOS_BENCH_LOAD_H

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "apps/paxos/include/bmc/paxos/client.h"

namespace bmc::bench {

struct LoadResult {
  std::uint64_t requests = 0;
  std::uint64_t failures = 0;   // no answer, or a wrong one
  std::string first_failure{};  // in words
  double seconds = 0;
  double cpu_seconds = 0;  // of the clients
  std::vector<std::uint32_t> latencies_ns{};

  double per_second() const { return seconds > 0 ? static_cast<double>(requests) / seconds : 0; }
  // `part` of 1; 0 where nothing was measured. Sorts.
  double latency_us(double part);
};

class Load {
 public:
  // `clients` library clients with `outstanding` requests each. Throws lab::LabError.
  Load(const std::vector<std::string>& replicas, std::size_t clients, std::size_t outstanding,
       std::uint32_t busy_poll_us);

  // Runs for `seconds`, then waits for what is under way (which is not counted). May be called again.
  LoadResult run(double seconds);

 private:
  void send(std::size_t client);
  void answered(std::size_t client, std::int64_t sent_ns, const paxos::Result<std::string>& reply);

  boost::asio::io_context loop_{1};
  std::vector<std::unique_ptr<paxos::Client>> clients_;
  std::size_t outstanding_;
  std::size_t under_way_ = 0;
  std::int64_t end_ns_ = 0;
  LoadResult result_;
};

}  // namespace bmc::bench

#endif
