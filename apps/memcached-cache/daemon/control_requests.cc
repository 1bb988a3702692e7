// SPDX-License-Identifier: Apache-2.0
// Answers for bmcctl.
#include "apps/memcached-cache/daemon/control_requests.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "apps/memcached-cache/coherence/guard.h"
#include "apps/memcached-cache/daemon/monotonic_time.h"
#include "control-plane/status_reply.h"

namespace bmc::cache {
namespace {

std::string mebibytes(std::uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f MiB", static_cast<double>(bytes) / (1 << 20));
  return text;
}

std::string percent(std::uint64_t part, std::uint64_t whole) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f %%",
                whole == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole));
  return text;
}

std::string name_of(const Server& server) { return to_string(server.link->server()); }

// "a, b and 3 more"
std::string list(const std::vector<Endpoint>& endpoints) {
  std::string text;
  for (std::size_t i = 0; i < endpoints.size(); i++) {
    if (i == 8) return text + " and " + std::to_string(endpoints.size() - i) + " more";
    text += (i == 0 ? "" : ", ") + to_string(endpoints[i]);
  }
  return text;
}

void describe_attachments(const CacheView& cache, control::StatusReply& status) {
  for (const auto& [index, xdp] : cache.loader.xdp())
    add_attachment(status, "xdp", xdp.interface().name, xdp.how(), xdp.program_id());
  for (const auto& [index, tc] : cache.loader.tc())
    add_attachment(status, "tc egress", tc.interface().name, "clsact", tc.program_id());
  for (const auto& [name, each] : cache.loader.cgroup())
    add_attachment(status, "cgroup", each.cgroup(), name, each.program_id());
}

// Splits "VALUE <key> <flags> <bytes>\r\n<data>\r\n" behind its key.
bool split_text(const StoredEntry& stored, control::Entry& entry) {
  std::string_view rest = std::string_view(stored.text).substr(6 + stored.key.size());
  const std::size_t end = rest.find("\r\n");
  if (!rest.starts_with(' ') || end == std::string_view::npos) return false;
  const std::string_view line = rest.substr(1, end - 1);
  const std::optional<std::int64_t> flags = parse_number(line.substr(0, line.find(' ')));
  rest.remove_prefix(end + 2);
  if (!flags || rest.size() < 2) return false;
  entry.set_flags(static_cast<std::uint32_t>(*flags));
  entry.set_value(std::string(rest.substr(0, rest.size() - 2)));
  return true;
}

void add_finding(control::AuditReply& audit, control::Finding::Weight weight, const std::string& text,
                 const std::string& remedy = {}) {
  control::Finding& finding = *audit.add_findings();
  finding.set_weight(weight);
  finding.set_text(text);
  finding.set_remedy(remedy);
}

void describe_sources(const CacheView& cache, const std::string& addresses, control::AuditReply& audit) {
  if (cache.config.allow.empty())
    add_finding(audit, control::Finding::CAUTION,
                "every host that can send to " + addresses +
                    " is answered. UDP's sender address can be forged, and a reply can be " +
                    std::to_string(CACHE_REPLY_MAX / 20) +
                    " times as long as its request: an attacker can make this host "
                    "flood another one",
                "allow = [\"10.0.0.0/8\"] with your clients' networks, or --allow");
  else
    add_finding(audit, control::Finding::NOTE,
                std::to_string(cache.config.allow.size()) +
                    " network(s) are answered from the kernel; others are "
                    "passed to memcached, which answers them itself");
  if (cache.config.rate_limit_pps == 0)
    add_finding(audit, control::Finding::CAUTION, "a single source may ask for as many replies as it likes",
                "rate-limit = 100000, or what your busiest client needs");
}

void describe_servers(const CacheView& cache, control::AuditReply& audit) {
  for (const auto& server : cache.servers.servers()) {
    if (server->phase == Server::Phase::kRefused || server->phase == Server::Phase::kIdle)
      add_finding(audit, control::Finding::NOTE, server->why);
    if (!server->is_active()) continue;
    if (!server->link->facts().unix_socket.empty())
      add_finding(
          audit, control::Finding::NOTE,
          "memcached at " + name_of(*server) + " has the unix socket " + server->link->facts().unix_socket +
              ": what is written there bmcd cannot see, so an answer may be old by up to max-staleness");
    if (server->phase == Server::Phase::kResting)
      add_finding(
          audit, control::Finding::NOTE,
          "memcached at " + name_of(*server) +
              " is not watched: next to nothing could be answered for it. It is again when gets come over "
              "UDP that may be hits (option rest-after)");
    if (server->phase == Server::Phase::kBooting)
      add_finding(audit, control::Finding::NOTE,
                  "memcached at " + name_of(*server) +
                      " is not served yet: what it received before bmcd came must be "
                      "executed first; " +
                      std::to_string(server->boot.waiting_for().size()) + " connection(s) hold that up");
  }
}

void describe_connections(const CacheView& cache, control::AuditReply& audit) {
  const AuditCounters& counters = cache.audit.counters();
  if (counters.holding == 0) return;
  std::string text =
      std::to_string(counters.holding) +
      " connection(s) are out of step and busy: nothing is answered from the kernel until each of them has "
      "made two exchanges of one request and one reply";
  for (const ConnectionView& each : cache.audit.lost_connections()) {
    if ((each.state & CONNECTION_HOLD) == 0) continue;
    const auto reason = std::min<std::size_t>(each.lost_reason, CACHE_COUNTER_COUNT - 1);
    text += "; client port " + std::to_string(each.remote_port) + ": " + counter_texts()[reason].text;
    if (text.size() > 600) break;
  }
  add_finding(audit, control::Finding::CAUTION, text,
              "let these clients connect anew, or have bmcd see to it: reset-stuck-connections = \"10s\"");
}

}  // namespace

control::Mode mode_of(std::uint32_t cache_mode) {
  switch (cache_mode) {
    case CACHE_MODE_SERVE:
      return control::MODE_SERVE;
    case CACHE_MODE_SHADOW:
      return control::MODE_SHADOW;
    default:
      return control::MODE_BYPASS;
  }
}

Result<std::uint32_t> cache_mode_of(control::Mode mode) {
  switch (mode) {
    case control::MODE_SERVE:
      return std::uint32_t{CACHE_MODE_SERVE};
    case control::MODE_SHADOW:
      return std::uint32_t{CACHE_MODE_SHADOW};
    case control::MODE_BYPASS:
      return std::uint32_t{CACHE_MODE_BYPASS};
    default:
      return Error{EINVAL, "the mode must be serve, shadow or bypass"};
  }
}

void describe_status(const CacheView& cache, control::StatusReply& status) {
  status.set_mode(mode_of(observe(cache.memory.control().mode)));
  describe_attachments(cache, status);
  for (const auto& server : cache.servers.servers()) {
    if (!server->given && server->phase == Server::Phase::kSearching && cache.servers.servers().size() > 1)
      continue;
    control::Server& reply = *status.add_servers();
    reply.set_address(name_of(*server));
    reply.set_state(std::string(to_string(server->phase)) + (server->why.empty() ? "" : ": " + server->why));
    if (!server->link->is_known()) continue;
    reply.set_version(server->link->facts().version);
    reply.set_pid(static_cast<std::uint32_t>(server->link->facts().pid));
    if (server->is_active())
      add_field(status, "answered for " + name_of(*server), list(server->plan.addresses));
  }
  const StoreTotals& totals = cache.scan.totals();
  const CounterSnapshot counters = cache.counters.counters();
  const AuditCounters& audit = cache.audit.counters();
  add_field(status, "memory", mebibytes(cache.loader.store_bytes()));
  add_field(status, "entries",
            std::to_string(totals.entries) + ", " + std::to_string(totals.servable) + " servable, " +
                mebibytes(totals.bytes) + " of replies");
  add_field(status, "gets answered",
            std::to_string(counters.hits()) + " (" +
                percent(counters.hits(), counters.hits() + counters.misses()) + " of the gets seen)");
  add_field(status, "connections",
            std::to_string(audit.tracked) + ", " + std::to_string(audit.lost) + " out of step, " +
                std::to_string(audit.holding) + " of them holding");
  add_field(status, "mismatches", std::to_string(counters[CACHE_COMPARE_MISMATCH]));
}

void describe_stats(const CacheView& cache, control::StatsReply& stats) {
  const auto add = [&](const std::string& name, std::uint64_t value) {
    control::Field& field = *stats.add_stats();
    field.set_name(name);
    field.set_value(std::to_string(value));
  };
  const CounterSnapshot counters = cache.counters.counters();
  const StoreTotals& totals = cache.scan.totals();
  const AuditCounters& audit = cache.audit.counters();
  add("kernel_hits", counters.hits());
  add("kernel_misses", counters.misses());
  add("kernel_fills", counters[CACHE_FILL_OK]);
  add("kernel_invalidations", counters.invalidations());
  add("curr_items", totals.entries);
  add("servable_items", totals.servable);
  add("bytes", totals.bytes);
  add("limit_maxbytes", cache.config.memory_bytes);
  add("guards_in_flight", totals.guards_in_flight);
  add("connections_tracked", audit.tracked);
  add("connections_out_of_step", audit.lost);
  add("audit_released", audit.released);
  for (const auto& server : cache.servers.servers())
    if (server->is_active())
      add("epoch_" + std::to_string(*server->slot),
          GUARD_GENERATION(observe(cache.memory.servers[*server->slot].global)));
  const auto& texts = counter_texts();
  for (std::size_t i = 0; i < texts.size(); i++)
    add(std::string(texts[i].where) + "_" + texts[i].verdict + "_" + texts[i].reason, counters.value[i]);
}

void describe_exposure(const CacheView& cache, control::AuditReply& audit) {
  std::vector<Endpoint> exposed;
  for (const auto& server : cache.servers.servers())
    if (server->is_active())
      exposed.insert(exposed.end(), server->plan.addresses.begin(), server->plan.addresses.end());
  describe_servers(cache, audit);
  if (exposed.empty()) {
    add_finding(audit, control::Finding::NOTE, "nothing is answered from the kernel");
  } else {
    describe_sources(cache, list(exposed), audit);
    add_finding(audit, control::Finding::NOTE,
                "memcached's own ports are open beside bmcd and ask nobody for a password: who may reach " +
                    list(exposed) + " by TCP or UDP may read and write every item");
  }
  describe_connections(cache, audit);
  if (cache.memory.control().netns_cookie == 0)
    add_finding(audit, control::Finding::NOTE,
                "this kernel does not tell the programs the network namespace of a socket (6.13 does): a "
                "memcached in a "
                "container on the same port costs hits, never correctness");
  if (const std::uint64_t mismatches = cache.counters.counters()[CACHE_COMPARE_MISMATCH]; mismatches != 0)
    add_finding(audit, control::Finding::DANGER,
                std::to_string(mismatches) +
                    " entries differed from memcached's own reply: something writes where bmcd "
                    "does not see it, or bmcd is wrong",
                "bmcctl mode shadow, and report it");
}

Result<control::GetReply> get_key(const CacheView& cache, const control::GetRequest& request) {
  const std::string& key = request.key();
  if (key.empty() || key.size() > CACHE_KEY_MAX) return Error{EINVAL, "a key has 1 to 250 bytes"};
  control::GetReply reply;
  const std::uint64_t now = monotonic_ns();
  for (const auto& server : cache.servers.servers()) {
    if (!server->is_active()) continue;
    const std::optional<StoredEntry> stored = find_entry(cache.memory, *server->slot, key);
    if (!stored) continue;
    control::Entry& entry = *reply.add_entries();
    entry.set_server(name_of(*server));
    entry.set_state(judge_entry(cache.memory, *stored, now).text);
    if (!split_text(*stored, entry)) entry.set_state("garbled");
    if (stored->deadline == CACHE_DEADLINE_UNKNOWN || stored->deadline == CACHE_DEADLINE_NEVER) continue;
    const std::uint64_t deadline = static_cast<std::uint64_t>(stored->deadline) << CACHE_DEADLINE_SHIFT;
    entry.set_expires(true);
    entry.set_expires_in_s(static_cast<double>(static_cast<std::int64_t>(deadline - now)) / 1e9);
  }
  return reply;
}

Result<control::InvalidateReply> invalidate(const CacheView& cache,
                                            const control::InvalidateRequest& request) {
  control::InvalidateReply reply;
  const std::string& key = request.key();
  if (request.what_case() == control::InvalidateRequest::kKey && (key.empty() || key.size() > CACHE_KEY_MAX))
    return Error{EINVAL, "a key has 1 to 250 bytes"};
  if (request.what_case() == control::InvalidateRequest::WHAT_NOT_SET ||
      (request.what_case() == control::InvalidateRequest::kAll && !request.all()))
    return Error{EINVAL, "say which key, or all"};
  for (const auto& server : cache.servers.servers()) {
    if (!server->is_active()) continue;
    const std::uint32_t slot = *server->slot;
    if (request.what_case() == control::InvalidateRequest::kAll) {
      if (Result<void> done = cache.sweeper.bump(slot); !done) return done.error();
      continue;
    }
    const std::optional<StoredEntry> stored = find_entry(cache.memory, slot, key);
    const bool servable = stored && judge_entry(cache.memory, *stored, monotonic_ns()).servable;
    const std::uint64_t hash = hash_of(key, observe(cache.memory.servers[slot].hash_seed));
    if (Result<void> done = cache.sweeper.bump_key(slot, hash); !done) return done.error();
    reply.set_invalidated(reply.invalidated() + (servable ? 1 : 0));
  }
  // To count them one by one would take longer than to empty the cache: as the last pass counted them.
  if (request.what_case() == control::InvalidateRequest::kAll)
    reply.set_invalidated(cache.scan.totals().servable);
  return reply;
}

namespace {

// Longer windows would keep the programs sampling for somebody who went.
constexpr double kTopSecondsMost = 60;
constexpr std::uint32_t kTopKeysMost = 1000;

void describe_hot_key(const CacheView& cache, const HotKeyReport& report, const HotKey& hot, bool hashed,
                      control::HotKey& reply) {
  if (!hashed) reply.set_key(hot.key);
  reply.set_hash(hot.key_hash);
  if (const Server* server = cache.servers.find(hot.server); server != nullptr)
    reply.set_server(name_of(*server));
  reply.set_requests_per_s(report.rate_of(hot));
  reply.set_kernel_share(static_cast<double>(hot.hits) / static_cast<double>(hot.samples));
  if (hot.server >= CACHE_SERVERS_MAX) return;
  const std::optional<StoredEntry> stored = find_entry(cache.memory, hot.server, hot.key);
  const std::uint64_t now = monotonic_ns();
  control::Entry entry;
  if (!stored || !judge_entry(cache.memory, *stored, now).servable || !split_text(*stored, entry)) return;
  reply.set_cached(true);
  reply.set_bytes(static_cast<std::uint32_t>(entry.value().size()));
  if (stored->deadline == CACHE_DEADLINE_NEVER) return;
  const std::uint64_t deadline = static_cast<std::uint64_t>(stored->deadline) << CACHE_DEADLINE_SHIFT;
  reply.set_expires(true);
  reply.set_expires_in_s(static_cast<double>(static_cast<std::int64_t>(deadline - now)) / 1e9);
}

}  // namespace

Result<control::TopReply> top_keys(const CacheView& cache, HotKeyWatch& watch,
                                   const control::TopRequest& request) {
  if (!(request.seconds() > 0 && request.seconds() <= kTopSecondsMost))
    return Error{EINVAL, "keys are counted for more than 0 and at most 60 seconds"};
  control::TopReply reply;
  reply.set_session(request.session());
  if (request.session() == 0) {
    const Result<std::uint64_t> session = watch.open(request.seconds());
    if (!session) return session.error();
    reply.set_session(*session);
    return reply;
  }
  const Result<HotKeyReport> report =
      watch.take(request.session(), std::min(request.count(), kTopKeysMost), request.seconds());
  if (!report) return report.error();
  reply.set_seconds(report->seconds);
  reply.set_requests_per_s(report->gets_per_s);
  reply.set_samples(report->samples);
  for (const HotKey& each : report->keys)
    describe_hot_key(cache, *report, each, request.hashed(), *reply.add_keys());
  return reply;
}

}  // namespace bmc::cache
