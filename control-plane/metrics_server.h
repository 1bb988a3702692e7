// SPDX-License-Identifier: Apache-2.0
// MetricsServer: Prometheus' scrapes over HTTP, answered by the loop's thread.
// Owned by Daemon.
#ifndef BMC_CONTROL_PLANE_METRICS_SERVER_H
#define BMC_CONTROL_PLANE_METRICS_SERVER_H

#include <prometheus/collectable.h>
#include <prometheus/exposer.h>
#include <prometheus/metric_family.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "control-plane/config.h"
#include "control-plane/result.h"

namespace bmc {

// Fills in the metrics as they are now; runs on the loop's thread only.
using MetricsCollector = std::function<void(std::vector<prometheus::MetricFamily>&)>;

// prometheus-cpp answers scrapes on threads of its own. Those threads never touch the application: they leave
// a wish, the loop fulfils it, and they wait for that at most kWaitLimit. Wishes that come meanwhile share
// one answer, so that many scrapers cost the loop one collection at a time.
//
// Invariant: everything below `mutex_` is touched with it held, by scrape threads and by the loop; all else,
// and the collector, by the loop's thread alone. The loop never waits for a scrape thread while one may be
// waiting for the loop: stop() first wakes them all.
class MetricsServer {
 public:
  static constexpr std::chrono::seconds kWaitLimit{2};

  MetricsServer(boost::asio::io_context& loop, MetricsCollector collector);
  ~MetricsServer();
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;

  // Starts the threads; call once the process has the capabilities they shall have. EADDRINUSE and the like.
  Result<void> listen(const Endpoint& endpoint);

  // Joins the threads. Idempotent; from the loop's thread.
  void stop();

 private:
  class Wish : public prometheus::Collectable {
   public:
    explicit Wish(MetricsServer& server) : server_(server) {}
    std::vector<prometheus::MetricFamily> Collect() const override { return server_.wait_for_snapshot(); }

   private:
    MetricsServer& server_;
  };

  std::vector<prometheus::MetricFamily> wait_for_snapshot();
  void fulfil();

  boost::asio::io_context& loop_;
  const MetricsCollector collector_;
  std::shared_ptr<Wish> wish_;  // the exposer keeps only a weak pointer
  std::unique_ptr<prometheus::Exposer> exposer_;

  std::mutex mutex_;
  std::condition_variable changed_;                 // ended_ or stopping_
  bool wished_ = false;                             // a fulfil() is on its way and has not begun
  bool stopping_ = false;                           // nobody waits any more
  std::uint64_t begun_ = 0, ended_ = 0;             // collections; only the loop counts
  std::vector<prometheus::MetricFamily> snapshot_;  // of collection ended_
};

}  // namespace bmc

#endif
