// SPDX-License-Identifier: Apache-2.0
// XskRedirect: the XDP program that hands replies to AF_XDP sockets, on its interface while this lives.
// Through libxdp, beside other programs, where the kernel can have several. Used by XskDevice.
#ifndef BMC_LOADGEN_XSK_REDIRECT_H
#define BMC_LOADGEN_XSK_REDIRECT_H

#include <memory>
#include <string>

#include "control-plane/result.h"
#include "loadgen/frame.h"

struct xdp_program;
struct xsk_redirect_bpf;

namespace bmc::loadgen {

class XskRedirect {
 public:
  // In the calling thread's network namespace; natively, or generic where the driver has no XDP.
  static Result<std::unique_ptr<XskRedirect>> attach(const std::string& interface, int ifindex,
                                                     const Link& link);
  ~XskRedirect();
  XskRedirect(const XskRedirect&) = delete;
  XskRedirect& operator=(const XskRedirect&) = delete;

  // Of the map from queue to socket. Lent.
  int sockets_fd() const;

 private:
  explicit XskRedirect(int ifindex) : ifindex_(ifindex) {}
  Result<void> open(const Link& link);
  int attach_through_libxdp(bool native);

  int ifindex_;
  bool native_ = false;
  xsk_redirect_bpf* skeleton_ = nullptr;
  xdp_program* program_ = nullptr;
};

}  // namespace bmc::loadgen

#endif
