// SPDX-License-Identifier: Apache-2.0
// EchoServer: the XDP program that answers every datagram with itself, attached while this lives. The limit
// that measurements are compared with. Used by bmc-loadgen --echo-server, the demo and the benchmark.
#ifndef BMC_LOADGEN_ECHO_SERVER_H
#define BMC_LOADGEN_ECHO_SERVER_H

#include <cstdint>
#include <memory>
#include <string>

#include "control-plane/result.h"

struct bpf_link;
struct echo_bpf;

namespace bmc::loadgen {

class EchoServer {
 public:
  // In the calling thread's network namespace. UDP to `port` is sent back, `growth` bytes longer; everything
  // else passes.
  static Result<std::unique_ptr<EchoServer>> attach(const std::string& interface, std::uint16_t port,
                                                    std::uint16_t growth = 0);
  ~EchoServer();
  EchoServer(const EchoServer&) = delete;
  EchoServer& operator=(const EchoServer&) = delete;

 private:
  explicit EchoServer(echo_bpf* skeleton) : skeleton_(skeleton) {}

  echo_bpf* skeleton_;
  bpf_link* link_ = nullptr;
};

}  // namespace bmc::loadgen

#endif
