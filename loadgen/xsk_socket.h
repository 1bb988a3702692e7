// SPDX-License-Identifier: Apache-2.0
// XskSocket: one AF_XDP socket on one queue of an interface, with memory of its own: frames out, frames in.
// Used by the AF_XDP transport.
#ifndef BMC_LOADGEN_XSK_SOCKET_H
#define BMC_LOADGEN_XSK_SOCKET_H

#include <xdp/xsk.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "control-plane/result.h"

namespace bmc::loadgen {

class XskSocket {
 public:
  static constexpr std::uint32_t kFrameBytes = 2048;

  // EINVAL where the interface has no such queue. Zero copy where the driver has it.
  static Result<std::unique_ptr<XskSocket>> open(const std::string& interface, std::uint32_t queue);
  ~XskSocket();
  XskSocket(const XskSocket&) = delete;
  XskSocket& operator=(const XskSocket&) = delete;

  int fd() const { return xsk_socket__fd(socket_); }

  // Memory for a frame of kFrameBytes, to be given to send(); null while all are on their way.
  std::uint8_t* take_frame();
  // The frame last taken, `size` bytes of it. It leaves with flush().
  void send(std::uint32_t size);
  Result<void> flush();

  // Gives every frame that is there to `take`; the view ends with the call.
  void receive(const std::function<void(std::span<const std::uint8_t>)>& take);

 private:
  XskSocket();
  void reclaim();
  void lend_to_kernel(std::uint64_t address);

  std::unique_ptr<std::uint8_t, void (*)(void*)> memory_;  // page-aligned
  xsk_umem* umem_ = nullptr;
  xsk_socket* socket_ = nullptr;
  xsk_ring_prod fill_ = {};
  xsk_ring_cons done_ = {};
  xsk_ring_cons in_ = {};
  xsk_ring_prod out_ = {};
  std::vector<std::uint64_t> free_;  // addresses for sending
  std::uint32_t queued_ = 0;         // sent since the last flush()
};

}  // namespace bmc::loadgen

#endif
