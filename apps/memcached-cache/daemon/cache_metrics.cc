// SPDX-License-Identifier: Apache-2.0
// The metrics under bmcd_.
#include "apps/memcached-cache/daemon/cache_metrics.h"

#include <cmath>
#include <string_view>

#include "apps/memcached-cache/coherence/guard.h"
#include "control-plane/metric_builder.h"

namespace bmc::cache {
namespace {

using Families = std::vector<prometheus::MetricFamily>;
using prometheus::MetricType;

void collect_traffic(const CounterSnapshot& counters, Families& families) {
  const auto& texts = counter_texts();
  FamilyBuilder packets(families, "bmcd_packets_total",
                        "Every decision of every program, by place, verdict and reason", MetricType::Counter);
  for (std::size_t i = 0; i < texts.size(); i++)
    packets.add(counters.value[i],
                {{"where", texts[i].where}, {"verdict", texts[i].verdict}, {"reason", texts[i].reason}});
  FamilyBuilder(families, "bmcd_cache_hits_total", "Gets answered from the kernel", MetricType::Counter)
      .add(counters.hits());
  FamilyBuilder(families, "bmcd_cache_misses_total",
                "Gets that could have been answered but were not in the cache", MetricType::Counter)
      .add(counters.misses());
  FamilyBuilder(families, "bmcd_fills_total", "Replies of memcached that were stored", MetricType::Counter)
      .add(counters[CACHE_FILL_OK]);
  FamilyBuilder refused(families, "bmcd_fills_refused_total",
                        "Replies of memcached that were not stored, by reason", MetricType::Counter);
  for (std::size_t i = 0; i < texts.size(); i++)
    if (texts[i].verdict == std::string_view("refuse"))
      refused.add(counters.value[i], {{"reason", texts[i].reason}});
  FamilyBuilder(families, "bmcd_invalidations_total", "Writes seen, by what they made worthless",
                MetricType::Counter)
      .add(counters[CACHE_WRITE_KEY], {{"cause", "key"}})
      .add(counters[CACHE_WRITE_GLOBAL], {{"cause", "global"}})
      .add(counters[CACHE_SERVER_CLOSED], {{"cause", "server_closed"}});
  FamilyBuilder(families, "bmcd_mismatch_total",
                "Entries that differed from memcached's own reply: must stay 0", MetricType::Counter)
      .add(counters[CACHE_COMPARE_MISMATCH]);
  FamilyBuilder(families, "bmcd_keepalives_total", "Hits shown to memcached to keep its LRU warm",
                MetricType::Counter)
      .add(counters[CACHE_PASS_KEEPALIVE]);
}

// The kernel counts by powers of two; the sum is made of each bucket's geometric middle.
void collect_miss_path(const MissPathHistogram& histogram, Families& families) {
  prometheus::ClientMetric metric;
  for (std::size_t i = 0; i < histogram.size(); i++) {
    metric.histogram.sample_count += histogram[i];
    metric.histogram.sample_sum +=
        static_cast<double>(histogram[i]) * std::ldexp(std::sqrt(2.0), static_cast<int>(i)) / 1e9;
    const bool last = i + 1 == histogram.size();
    const double bound = last ? INFINITY : std::ldexp(1.0, static_cast<int>(i) + 1) / 1e9;
    metric.histogram.bucket.push_back({metric.histogram.sample_count, bound});
  }
  FamilyBuilder(families, "bmcd_miss_path_seconds",
                "From a get's arrival to memcached's reply on its way out; the sum is an estimate",
                MetricType::Histogram)
      .add(std::move(metric));
}

void collect_store(const CacheView& cache, Families& families) {
  const StoreTotals& totals = cache.scan.totals();
  FamilyBuilder(families, "bmcd_entries", "Entries the index leads to, as counted in the background",
                MetricType::Gauge)
      .add(totals.entries);
  FamilyBuilder(families, "bmcd_entries_servable", "Of them, those that would be answered now",
                MetricType::Gauge)
      .add(totals.servable);
  FamilyBuilder(families, "bmcd_entry_bytes", "Bytes of the replies stored", MetricType::Gauge)
      .add(totals.bytes);
  FamilyBuilder(families, "bmcd_memory_bytes", "Kernel memory of the store's arrays", MetricType::Gauge)
      .add(cache.loader.store_bytes());
  FamilyBuilder(families, "bmcd_guards_in_flight",
                "Guards with a write in flight, as counted in the background", MetricType::Gauge)
      .add(totals.guards_in_flight);
  FamilyBuilder(families, "bmcd_log_recycled_total", "Segments of the log begun anew, first uses included",
                MetricType::Counter)
      .add(observe(cache.memory.log_head[0].recycled));
  FamilyBuilder(families, "bmcd_admit_from",
                "Samples from which on a key is stored; 0: everything, the log has room", MetricType::Gauge)
      .add(cache.admission.choice().admit_from);
}

void collect_state(const CacheView& cache, Families& families) {
  const std::uint32_t mode = observe(cache.memory.control().mode);
  FamilyBuilder(families, "bmcd_mode", "1 for the mode in force", MetricType::Gauge)
      .add(mode == CACHE_MODE_SERVE ? 1 : 0, {{"mode", "serve"}})
      .add(mode == CACHE_MODE_SHADOW ? 1 : 0, {{"mode", "shadow"}})
      .add(mode == CACHE_MODE_BYPASS ? 1 : 0, {{"mode", "bypass"}});
  FamilyBuilder attached(families, "bmcd_attach_info", "How the XDP program sits on each interface",
                         MetricType::Gauge);
  for (const auto& [index, xdp] : cache.loader.xdp())
    attached.add(1, {{"interface", xdp.interface().name},
                     {"mode", xdp.placement().native ? "native" : "generic"},
                     {"dispatcher", xdp.placement().dispatcher ? "yes" : "no"}});
  const AuditCounters& audit = cache.audit.counters();
  FamilyBuilder(families, "bmcd_connections", "TCP connections of memcached's ports", MetricType::Gauge)
      .add(audit.tracked, {{"state", "tracked"}})
      .add(audit.lost, {{"state", "out_of_step"}})
      .add(audit.holding, {{"state", "holding"}});
  FamilyBuilder(families, "bmcd_audit_released_total", "Guards and holds the audit ended",
                MetricType::Counter)
      .add(audit.released);
  FamilyBuilder(families, "bmcd_connections_reset_total", "Connections reset because they stayed out of step",
                MetricType::Counter)
      .add(audit.destroyed);
}

void collect_servers(const CacheView& cache, Families& families) {
  FamilyBuilder epoch(families, "bmcd_epoch", "Generation of a server's global guard", MetricType::Gauge);
  for (const auto& server : cache.servers.servers())
    if (server->is_active())
      epoch.add(GUARD_GENERATION(observe(cache.memory.servers[*server->slot].global)),
                {{"server", to_string(server->link->server())}});
  FamilyBuilder held(families, "bmcd_server_held", "1 while nothing is answered for a server",
                     MetricType::Gauge);
  for (const auto& server : cache.servers.servers())
    if (server->is_active())
      held.add(load_hold(cache.memory.servers[*server->slot]) != 0 ? 1 : 0,
               {{"server", to_string(server->link->server())}});
  FamilyBuilder resting(families, "bmcd_server_resting", "1 while a server is not watched, for want of hits",
                        MetricType::Gauge);
  for (const auto& server : cache.servers.servers())
    if (server->is_active())
      resting.add(server->phase == Server::Phase::kResting ? 1 : 0,
                  {{"server", to_string(server->link->server())}});
  TtlProbeCounters probes;
  std::uint64_t sent = 0;
  std::uint64_t answered = 0;
  for (const auto& server : cache.servers.servers()) {
    const TtlProbeCounters& each = server->probe->counters();
    probes.asked += each.asked;
    probes.applied += each.applied;
    probes.moved += each.moved;
    probes.missing += each.missing;
    probes.dropped += each.dropped;
    probes.refused += each.refused;
    probes.failed += each.failed;
    sent += server->barrier->sent();
    answered += server->barrier->answered();
  }
  FamilyBuilder(families, "bmcd_ttl_probes_total", "Questions to memcached for an entry's expiry, by outcome",
                MetricType::Counter)
      .add(probes.asked, {{"outcome", "asked"}})
      .add(probes.applied, {{"outcome", "applied"}})
      .add(probes.moved, {{"outcome", "moved"}})
      .add(probes.missing, {{"outcome", "missing"}})
      .add(probes.dropped, {{"outcome", "dropped"}})
      .add(probes.refused, {{"outcome", "refused"}})
      .add(probes.failed, {{"outcome", "failed"}});
  FamilyBuilder(families, "bmcd_udp_barriers_total", "Datagrams of bmcd's own behind the clients'",
                MetricType::Counter)
      .add(sent, {{"outcome", "sent"}})
      .add(answered, {{"outcome", "answered"}});
}

}  // namespace

void collect_cache(const CacheView& cache, Families& families) {
  collect_traffic(cache.counters.counters(), families);
  collect_miss_path(cache.counters.miss_path(), families);
  collect_store(cache, families);
  collect_state(cache, families);
  collect_servers(cache, families);
}

}  // namespace bmc::cache
