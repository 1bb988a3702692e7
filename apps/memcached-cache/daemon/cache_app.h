// SPDX-License-Identifier: Apache-2.0
// CacheApp: the memcached cache as an application of bmcd. Made by bmcd's main through make_cache_app().
#ifndef BMC_CACHE_DAEMON_CACHE_APP_H
#define BMC_CACHE_DAEMON_CACHE_APP_H

#include <cstdint>
#include <memory>

#include "apps/memcached-cache/abi/cache_abi.h"
#include "apps/memcached-cache/daemon/loader.h"
#include "control-plane/app.h"
#include "control-plane/daemon.h"
#include "control-plane/xdp_attachment.h"

namespace bmc::cache {

// For run_daemon(): version of everything pinned, and the factory of the cache by itself.
inline constexpr std::uint32_t kAbiVersion = CACHE_ABI_VERSION;
std::unique_ptr<App> make_cache_app(const AppContext& context);

// See app.h for the life of an application.
class CacheApp final : public App {
 public:
  // `xdp`: see Loader.
  explicit CacheApp(const AppContext& context, XdpImage xdp = cache_get_image());
  ~CacheApp() override;

  Result<void> start() override;
  void stop() override;
  Result<control::Response> control(const control::Request& request) override;
  void collect(std::vector<prometheus::MetricFamily>& families) override;
  std::string status_line() override;

 private:
  class Running;

  AppContext context_;
  XdpImage xdp_;
  std::unique_ptr<Running> running_;  // from a successful load on, until stop()
};

}  // namespace bmc::cache

#endif
