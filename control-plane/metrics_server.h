// SPDX-License-Identifier: Apache-2.0
// MetricsServer: Prometheus' scrapes over HTTP, on the program's loop.
// Owned by Daemon and by paxos-kv.
#ifndef BMC_CONTROL_PLANE_METRICS_SERVER_H
#define BMC_CONTROL_PLANE_METRICS_SERVER_H

#include <prometheus/metric_family.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "control-plane/endpoint.h"
#include "control-plane/result.h"

namespace bmc {

// Fills in the metrics as they are now.
using MetricsCollector = std::function<void(std::vector<prometheus::MetricFamily>&)>;

// prometheus-cpp makes and formats the metrics; its Exposer is not used, because it answers on threads of its
// own, which would need a lock around the application or a copy each second, and which take two seconds to
// join: too long for a restart. Here everything happens on the loop: a scrape collects, formats, and is sent.
// A peer can cost no more than kSessionsMax collections between two other handlers of the loop.
class MetricsServer {
 public:
  static constexpr std::size_t kSessionsMax = 16;
  // Of silence, in the middle of a request or between two; above Prometheus' usual interval of a minute.
  static constexpr std::chrono::seconds kIdleLimit{90};
  static constexpr std::size_t kRequestBytesMax = 8192;

  MetricsServer(boost::asio::io_context& loop, MetricsCollector collector);
  ~MetricsServer();
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;

  // Answers GET /metrics there. EADDRINUSE and the like.
  Result<void> listen(const Endpoint& endpoint);

  // Closes everything at once. Idempotent.
  void stop();

 private:
  class Session;

  void accept();
  std::string scrape();

  boost::asio::io_context& loop_;
  MetricsCollector collector_;
  boost::asio::ip::tcp::acceptor acceptor_;
  std::set<std::shared_ptr<Session>> sessions_;
};

}  // namespace bmc

#endif
