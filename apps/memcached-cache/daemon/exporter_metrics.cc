// SPDX-License-Identifier: Apache-2.0
// The metrics under memcached_, named as prometheus/memcached_exporter names them.
#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "apps/memcached-cache/daemon/cache_metrics.h"
#include "apps/memcached-cache/daemon/reply_reader.h"
#include "control-plane/metric_builder.h"

namespace bmc::cache {
namespace {

using Families = std::vector<prometheus::MetricFamily>;
using prometheus::MetricType;

// Sums of memcached's own statistics over the servers that answer.
class Sums {
 public:
  explicit Sums(const ServerTable& table) {
    for (const auto& server : table.servers()) {
      if (server->phase == Server::Phase::kAlias) continue;
      if (server->given || server->link->is_known()) expected_++;
      if (server->link->is_known()) known_.push_back(&server->link->stats());
    }
  }

  bool up() const { return !known_.empty() && known_.size() == expected_; }
  const std::vector<const Stats*>& known() const { return known_; }

  double sum(std::string_view name) const {
    double total = 0;
    for (const Stats* stats : known_) total += number(*stats, name).value_or(0);
    return total;
  }
  double least(std::string_view name) const {
    std::optional<double> found;
    for (const Stats* stats : known_)
      if (const auto value = number(*stats, name)) found = std::min(found.value_or(*value), *value);
    return found.value_or(0);
  }

  // Fractions too ("rusage_user"); hostile text is no number.
  static std::optional<double> number(const Stats& stats, std::string_view name) {
    const auto found = stats.find(name);
    if (found == stats.end() || found->second.size() > 32) return std::nullopt;
    if (found->second.find_first_not_of("0123456789.-") != std::string::npos) return std::nullopt;
    return std::strtod(found->second.c_str(), nullptr);
  }

 private:
  std::vector<const Stats*> known_;
  std::size_t expected_ = 0;
};

struct Simple {
  const char* metric;
  const char* help;
  MetricType type;
  const char* statistic;
};

constexpr Simple kSimple[] = {
    {"memcached_read_bytes_total", "Bytes read from the network", MetricType::Counter, "bytes_read"},
    {"memcached_written_bytes_total", "Bytes sent to the network", MetricType::Counter, "bytes_written"},
    {"memcached_current_connections", "Open connections", MetricType::Gauge, "curr_connections"},
    {"memcached_connections_total", "Connections since the start", MetricType::Counter, "total_connections"},
    {"memcached_connections_rejected_total", "Connections refused", MetricType::Counter,
     "rejected_connections"},
    {"memcached_connections_yielded_total", "Connections put off", MetricType::Counter, "conn_yields"},
    {"memcached_connections_listener_disabled_total", "Times the connection limit was reached",
     MetricType::Counter, "listen_disabled_num"},
    {"memcached_max_connections", "Connections allowed", MetricType::Gauge, "max_connections"},
    {"memcached_current_bytes", "Bytes of the items", MetricType::Gauge, "bytes"},
    {"memcached_limit_bytes", "Bytes the items may have", MetricType::Gauge, "limit_maxbytes"},
    {"memcached_current_items", "Items stored", MetricType::Gauge, "curr_items"},
    {"memcached_items_total", "Items stored since the start", MetricType::Counter, "total_items"},
    {"memcached_items_evicted_total", "Items removed to make room", MetricType::Counter, "evictions"},
    {"memcached_items_reclaimed_total", "Expired items whose room was used again", MetricType::Counter,
     "reclaimed"},
    {"memcached_threads", "Worker threads", MetricType::Gauge, "threads"},
    {"memcached_process_user_cpu_seconds_total", "CPU time in user space", MetricType::Counter,
     "rusage_user"},
    {"memcached_process_system_cpu_seconds_total", "CPU time in the kernel", MetricType::Counter,
     "rusage_system"},
};

void collect_commands(const Sums& sums, std::uint64_t kernel_hits, Families& families) {
  FamilyBuilder commands(families, "memcached_commands_total",
                         "Commands by status; gets answered by the kernel are counted as hits",
                         MetricType::Counter);
  commands.add(sums.sum("get_hits") + static_cast<double>(kernel_hits),
               {{"command", "get"}, {"status", "hit"}});
  commands.add(sums.sum("get_misses"), {{"command", "get"}, {"status", "miss"}});
  for (const std::string command : {"delete", "incr", "decr", "cas", "touch"}) {
    commands.add(sums.sum(command + "_hits"), {{"command", command}, {"status", "hit"}});
    commands.add(sums.sum(command + "_misses"), {{"command", command}, {"status", "miss"}});
  }
  commands.add(sums.sum("cas_badval"), {{"command", "cas"}, {"status", "badval"}});
  // memcached counts a cas as a set too.
  const double cas = sums.sum("cas_hits") + sums.sum("cas_misses") + sums.sum("cas_badval");
  commands.add(std::max(sums.sum("cmd_set") - cas, 0.0), {{"command", "set"}, {"status", "hit"}});
  commands.add(sums.sum("cmd_flush"), {{"command", "flush"}, {"status", "hit"}});
}

}  // namespace

void collect_memcached(const CacheView& cache, Families& families) {
  const Sums sums(cache.servers);
  FamilyBuilder(families, "memcached_up", "1 while every memcached answers", MetricType::Gauge)
      .add(sums.up() ? 1 : 0);
  if (sums.known().empty()) return;
  FamilyBuilder(families, "memcached_uptime_seconds", "Seconds since the youngest server started",
                MetricType::Gauge)
      .add(sums.least("uptime"));
  FamilyBuilder(families, "memcached_time_seconds", "The server's own clock", MetricType::Gauge)
      .add(sums.least("time"));
  FamilyBuilder version(families, "memcached_version", "1 for each version that runs", MetricType::Gauge);
  std::vector<std::string> seen;
  for (const auto& server : cache.servers.servers()) {
    if (!server->link->is_known()) continue;
    const std::string& text = server->link->facts().version;
    if (std::ranges::find(seen, text) != seen.end()) continue;
    seen.push_back(text);
    version.add(1, {{"version", text}});
  }
  for (const Simple& simple : kSimple)
    FamilyBuilder(families, simple.metric, simple.help, simple.type).add(sums.sum(simple.statistic));
  collect_commands(sums, cache.counters.counters().hits(), families);
}

}  // namespace bmc::cache
