// SPDX-License-Identifier: Apache-2.0
// UdpClient: one socket, one outstanding request, every reply checked: the latency a single client sees.
// Used by bmc-loadgen --transport udp, the demo and the netns tests.
#ifndef BMC_LOADGEN_UDP_CLIENT_H
#define BMC_LOADGEN_UDP_CLIENT_H

#include <cstdint>
#include <limits>
#include <stop_token>

#include "control-plane/fd.h"
#include "control-plane/result.h"
#include "loadgen/frame.h"
#include "loadgen/report.h"
#include "loadgen/workload.h"

namespace bmc::loadgen {

struct UdpPlan {
  double seconds = 1;
  std::uint64_t requests = std::numeric_limits<std::uint64_t>::max();
  double rps = 0;                             // at most; 0: the next as soon as the last is answered
  std::uint64_t lost_after_ns = 200'000'000;  // then the next request is sent
  bool expect_echo = false;                   // the server sends requests back as they are
};

class UdpClient {
 public:
  // `workload` must outlive the client.
  static Result<UdpClient> create(const IpAddress& server, std::uint16_t port, const Workload& workload);

  // Sends, then reads the socket without sleeping until the reply is there: what is measured is the way
  // to the server and back, not the scheduler's wake-up of this client.
  Result<RunReport> run(const UdpPlan& plan, const std::stop_token& stop, const Progress& progress);

 private:
  UdpClient(Fd socket, const Workload& workload) : socket_(std::move(socket)), workload_(&workload) {}
  Result<void> exchange(RunReport& report, const UdpPlan& plan);

  Fd socket_;
  const Workload* workload_;
  std::uint64_t sequence_ = 0;
  bool gave_up_ = false;  // on some request: its answer may still come
};

}  // namespace bmc::loadgen

#endif
