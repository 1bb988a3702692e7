// SPDX-License-Identifier: Apache-2.0
// SocketTransport: threads of connections in user space, whatever the connections are. The UDP, TCP, mixed
// and AF_XDP transports are this with channels of their own.
#ifndef BMC_LOADGEN_SOCKET_TRANSPORT_H
#define BMC_LOADGEN_SOCKET_TRANSPORT_H

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "loadgen/channel.h"
#include "loadgen/frame.h"
#include "loadgen/transport.h"
#include "loadgen/workload.h"

namespace bmc::loadgen {

struct SocketOptions {
  IpAddress server;
  std::uint16_t port = 11211;
  std::uint32_t threads = 1;
  std::uint32_t connections = 1;  // of each thread
  std::uint32_t pipeline = 1;     // requests outstanding on each connection at most, 1..16384
  bool busy_poll = false;         // read without sleeping: no wake-up of this process in the latency
  // Sleeps a moment between two looks at the schedule: there is another generator on this processor.
  bool yielding = false;
  int cpu = -1;  // of all threads; -1: any
  TrafficOptions traffic;
};

class Worker;

class SocketTransport final : public Transport {
 public:
  // Opens all connections. `workload` must outlive it.
  static Result<std::unique_ptr<SocketTransport>> create(const SocketOptions& options,
                                                         const Workload& workload, const ChannelOpener& open);
  ~SocketTransport() override;

  Result<RunReport> run(const WindowPlan& plan, const std::stop_token& stop,
                        const Progress& progress) override;

  // On keys of which a write was never acknowledged, see VersionTable.
  std::string remark() const override;

 private:
  SocketTransport(const SocketOptions& options, const Workload& workload);

  SocketOptions options_;
  Traffic traffic_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace bmc::loadgen

#endif
