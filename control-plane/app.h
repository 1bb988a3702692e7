// SPDX-License-Identifier: Apache-2.0
// App: the seam between the generic daemon and an application (the cache, Paxos).
// Implemented under apps/; called by Daemon only, always on its one thread.
#ifndef BMC_CONTROL_PLANE_APP_H
#define BMC_CONTROL_PLANE_APP_H

#include <prometheus/metric_family.h>

#include <boost/asio/io_context.hpp>
#include <functional>
#include <string>
#include <vector>

#include "control-plane/config.h"
#include "control-plane/control.pb.h"
#include "control-plane/result.h"

namespace bmc {

class InterfaceWatch;
class Pins;

// What the daemon lends to an application. Everything outlives the application.
struct AppContext {
  boost::asio::io_context& loop;  // run by one thread; timers and sockets of the application live here
  const Config& config;
  Pins& pins;                  // its own; already opened and locked: no other bmcd uses this directory
  InterfaceWatch& interfaces;  // already filled; changes come through subscribe()
  // Ends the daemon with exit status 1 after an orderly stop; for what cannot be mended while running.
  std::function<void(Error)> fail;
};

// Handlers of its timers and sockets may still be called, with operation_aborted, after it is destroyed: they
// look at their error code before anything else.
//
// Life: constructed -> start() -> {control(), collect(), status_line()}* -> stop() -> destroyed.
// None of these may block longer than a second, but start(), which may wait for the verifier.
class App {
 public:
  virtual ~App() = default;

  // Opens, configures, loads, adopts pinned maps and attaches; starts timers on the loop. When it fails,
  // stop() is called and the daemon ends; what is then attached must pass all traffic.
  virtual Result<void> start() = 0;

  // On return every attached program passes all traffic untouched, and nothing more runs on the loop.
  // Programs, links and maps stay pinned and attached. May be called after a failed start(), and twice.
  virtual void stop() = 0;

  // Answers a request of bmcctl: status, stats, get, invalidate, mode, audit, top, paxos (probe and detach
  // are the daemon's). For `status` the daemon fills in its own fields afterwards. An Error becomes the
  // reply's code and text; use ENOTSUP for a request the application does not know: then the next one is
  // asked. Of status, stats and audit every application tells its part, and the parts are put together.
  virtual Result<control::Response> control(const control::Request& request) = 0;

  // Appends the application's metrics as they are now.
  virtual void collect(std::vector<prometheus::MetricFamily>& families) = 0;

  // One line for `systemctl status`: "serving 2 servers, 98.1 % of 1.2 M/s from the kernel".
  virtual std::string status_line() = 0;
};

}  // namespace bmc

#endif
