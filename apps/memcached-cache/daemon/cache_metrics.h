// SPDX-License-Identifier: Apache-2.0
// The cache's Prometheus metrics. Called by CacheApp::collect() with everything they are made of.
#ifndef BMC_CACHE_DAEMON_CACHE_METRICS_H
#define BMC_CACHE_DAEMON_CACHE_METRICS_H

#include <prometheus/metric_family.h>

#include <vector>

#include "apps/memcached-cache/daemon/admission.h"
#include "apps/memcached-cache/daemon/audit.h"
#include "apps/memcached-cache/daemon/counters.h"
#include "apps/memcached-cache/daemon/loader.h"
#include "apps/memcached-cache/daemon/server_table.h"
#include "apps/memcached-cache/daemon/store_scan.h"

namespace bmc::cache {

// The parts of a running cache, lent to those who describe it.
struct CacheView {
  const Config& config;
  Loader& loader;
  CacheMemory& memory;
  ServerTable& servers;
  Audit& audit;
  StoreScan& scan;
  CounterReader& counters;
  Sweeper& sweeper;
  Admission& admission;
};

// bmcd_*: no key of an item is ever a label.
void collect_cache(const CacheView& cache, std::vector<prometheus::MetricFamily>& families);

// memcached_*: what prometheus/memcached_exporter would tell, of all servers together, with the gets answered
// by the kernel counted in, so that dashboards stay true.
void collect_memcached(const CacheView& cache, std::vector<prometheus::MetricFamily>& families);

}  // namespace bmc::cache

#endif
