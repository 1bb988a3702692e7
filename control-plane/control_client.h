// SPDX-License-Identifier: Apache-2.0
// ControlClient: asks a running bmcd, blocking. Used by bmcctl and by tests.
#ifndef BMC_CONTROL_PLANE_CONTROL_CLIENT_H
#define BMC_CONTROL_PLANE_CONTROL_CLIENT_H

#include <chrono>
#include <string>

#include "control-plane/control.pb.h"
#include "control-plane/fd.h"
#include "control-plane/result.h"

namespace bmc {

class ControlClient {
 public:
  // `timeout` holds for each send and receive. ENOENT or ECONNREFUSED: no bmcd runs; the error says what to
  // do.
  static Result<ControlClient> connect(const std::string& path,
                                       std::chrono::milliseconds timeout = std::chrono::seconds(10));

  // The response as sent: a code other than 0 in it is a Response, not an Error.
  Result<control::Response> ask(const control::Request& request);

 private:
  ControlClient() = default;

  Fd socket_;
};

}  // namespace bmc

#endif
