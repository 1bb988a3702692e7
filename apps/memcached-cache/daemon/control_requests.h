// SPDX-License-Identifier: Apache-2.0
// What bmcctl asks of the cache, answered from the parts of a running one. Called by CacheApp::control().
#ifndef BMC_CACHE_DAEMON_CONTROL_REQUESTS_H
#define BMC_CACHE_DAEMON_CONTROL_REQUESTS_H

#include "apps/memcached-cache/daemon/cache_metrics.h"
#include "apps/memcached-cache/daemon/hot_keys.h"
#include "control-plane/control.pb.h"
#include "control-plane/result.h"

namespace bmc::cache {

control::Mode mode_of(std::uint32_t cache_mode);
// Fails with EINVAL for a mode that bmcd does not know.
Result<std::uint32_t> cache_mode_of(control::Mode mode);

void describe_status(const CacheView& cache, control::StatusReply& status);
void describe_stats(const CacheView& cache, control::StatsReply& stats);
// What is exposed, and what keeps the cache from serving: in plain words.
void describe_exposure(const CacheView& cache, control::AuditReply& audit);

Result<control::GetReply> get_key(const CacheView& cache, const control::GetRequest& request);
Result<control::InvalidateReply> invalidate(const CacheView& cache,
                                            const control::InvalidateRequest& request);
Result<control::TopReply> top_keys(const CacheView& cache, HotKeyWatch& watch,
                                   const control::TopRequest& request);

}  // namespace bmc::cache

#endif
