// SPDX-License-Identifier: Apache-2.0
// Reading of `stats settings` (memcached.c, process_stat_settings()) and of the option -l in it
// (server_sockets()).
#include "apps/memcached-cache/daemon/server_facts.h"

#include <limits>
#include <utility>

namespace bmc::cache {
namespace {

Result<std::int64_t> number(const Stats& stats, std::string_view name, std::int64_t least,
                            std::int64_t most) {
  const auto found = stats.find(name);
  if (found == stats.end()) return Error{EPROTO, "memcached does not tell its `" + std::string(name) + "`"};
  const std::optional<std::int64_t> value = parse_number(found->second);
  if (!value || *value < least || *value > most)
    return Error{EPROTO, "memcached tells an impossible `" + std::string(name) + "`"};
  return *value;
}

std::string_view text(const Stats& stats, std::string_view name) {
  const auto found = stats.find(name);
  return found == stats.end() ? std::string_view() : std::string_view(found->second);
}

bool is_on(const Stats& stats, std::string_view name) { return text(stats, name) == "yes"; }

// A bare IPv6 address has several colons; with a port it stands in brackets.
void read_listen(std::string_view item, ServerFacts& facts) {
  if (item.starts_with("notls:")) item.remove_prefix(6);
  if (item.empty()) return;
  ListenSpec spec;
  std::string_view host = item;
  std::string_view port;
  if (item.front() == '[') {
    const std::size_t end = item.find(']');
    host = item.substr(1, end == std::string_view::npos ? end : end - 1);
    if (end != std::string_view::npos && item.substr(end + 1).starts_with(':')) port = item.substr(end + 2);
  } else if (const std::size_t colon = item.find(':');
             colon != std::string_view::npos && item.find(':', colon + 1) == std::string_view::npos) {
    host = item.substr(0, colon);
    port = item.substr(colon + 1);
  }
  const std::optional<std::int64_t> parsed = parse_number(port);
  if (parsed && *parsed > 0 && *parsed <= 0xffff) spec.port = static_cast<std::uint16_t>(*parsed);
  boost::system::error_code failed;
  const auto address = boost::asio::ip::make_address(std::string(host), failed);
  if (!failed && !address.is_unspecified()) spec.address = address;
  if (failed && host == "localhost") {
    spec.address = boost::asio::ip::make_address("127.0.0.1");
    facts.listens.push_back(spec);
    spec.address = boost::asio::ip::make_address("::1");
  } else if (failed && host != "*") {
    facts.names.emplace_back(host.substr(0, 255));
    return;
  }
  facts.listens.push_back(spec);
}

void read_listens(std::string_view inter, ServerFacts& facts) {
  if (inter == "NULL" || inter.empty()) {
    facts.listens.push_back({});
    return;
  }
  while (!inter.empty()) {
    const std::size_t end = inter.find_first_of(",;");
    read_listen(inter.substr(0, end), facts);
    inter.remove_prefix(end == std::string_view::npos ? inter.size() : end + 1);
  }
}

}  // namespace

Result<ClockReading> read_clock(const Stats& stats) {
  const auto uptime = number(stats, "uptime", 0, std::numeric_limits<std::uint32_t>::max());
  const auto time = number(stats, "time", 0, 1ll << 40);
  if (!uptime) return uptime.error();
  if (!time) return time.error();
  return ClockReading{static_cast<std::uint64_t>(*uptime), *time};
}

Result<ServerFacts> read_facts(const Stats& settings, const Stats& stats) {
  ServerFacts facts;
  const auto pid = number(stats, "pid", 1, std::numeric_limits<std::int32_t>::max());
  const auto tcp_port = number(settings, "tcpport", 0, 0xffff);
  const auto udp_port = number(settings, "udpport", 0, 0xffff);
  const Result<ClockReading> clock = read_clock(stats);
  if (!pid) return pid.error();
  if (!tcp_port) return tcp_port.error();
  if (!udp_port) return udp_port.error();
  if (!clock) return clock.error();
  facts.pid = *pid;
  facts.tcp_port = static_cast<std::uint16_t>(*tcp_port);
  facts.udp_port = static_cast<std::uint16_t>(*udp_port);
  facts.start_identity = clock->time_s - static_cast<std::int64_t>(clock->uptime_s);
  facts.version = text(stats, "version").substr(0, 64);
  read_listens(text(settings, "inter"), facts);
  if (const std::string_view path = text(settings, "domain_socket"); path != "NULL") facts.unix_socket = path;
  facts.tls = is_on(settings, "ssl_enabled");
  facts.sasl = is_on(settings, "auth_enabled_sasl");
  const std::string_view auth_file = text(settings, "auth_enabled_ascii");
  facts.auth_file = !auth_file.empty() && auth_file != "no";
  facts.proxy = is_on(settings, "proxy_enabled");
  return facts;
}

std::string refusal(const ServerFacts& facts, const Endpoint& server) {
  const std::string who = "memcached at " + to_string(server);
  if (facts.tls)
    return who +
           " uses TLS (-Z): its writes cannot be seen, so nothing could be answered from the kernel without "
           "the risk of old values; run it without TLS on the networks bmcd serves";
  if (facts.sasl)
    return who +
           " asks its clients for SASL authentication (-S): the kernel would answer those who have none; run "
           "it "
           "without, or do not give it to bmcd";
  if (facts.auth_file)
    return who +
           " asks its clients for a password (-Y): the kernel would answer those who have none; run it "
           "without, or do not give it to bmcd";
  if (facts.proxy)
    return who +
           " is a proxy (-o proxy_config): the items are elsewhere, where bmcd cannot see them change; run "
           "bmcd "
           "beside the servers behind it";
  if (!facts.names.empty())
    return who + " was told to listen on a name (-l " + facts.names.front() +
           "): bmcd needs to know the addresses; start memcached with numbers";
  return {};
}

std::string handshake_refusal(const Result<Answer>& failed, const Endpoint& server) {
  const std::string who = "memcached at " + to_string(server);
  if (failed) {
    if (failed->reply.line.find("unauthenticated") != std::string::npos)
      return who +
             " asks its clients for a password (-Y): the kernel would answer those who have none; run it "
             "without, or do not give it to bmcd";
    return {};
  }
  switch (failed.error().code) {
    case ECONNRESET:
    case EPIPE:
      return who +
             " closes the connection when it is asked in plain text: it uses TLS (-Z) or SASL (-S), which "
             "bmcd "
             "does not serve, or is no memcached";
    case ETIMEDOUT:
      return who +
             " does not answer `stats settings`: it speaks only the binary protocol (-B binary), which bmcd "
             "cannot ask, or is stopped";
    case EPROTO:
    case EMSGSIZE:
      return "what listens at " + to_string(server) + " is no memcached: " + failed.error().what;
    default:
      return {};
  }
}

}  // namespace bmc::cache
