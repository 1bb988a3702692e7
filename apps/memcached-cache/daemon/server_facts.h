// SPDX-License-Identifier: Apache-2.0
// ServerFacts: what a memcached tells of itself, and whether bmcd may stand in front of it.
// Made by ServerLink at each handshake; no I/O.
#ifndef BMC_CACHE_DAEMON_SERVER_FACTS_H
#define BMC_CACHE_DAEMON_SERVER_FACTS_H

#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/memcached-cache/daemon/memcached_session.h"
#include "apps/memcached-cache/daemon/reply_reader.h"
#include "control-plane/config.h"
#include "control-plane/result.h"

namespace bmc::cache {

// One item of memcached's option -l, as `stats settings` tells it in `inter`.
struct ListenSpec {
  std::optional<boost::asio::ip::address> address;  // nothing: every address
  std::uint16_t port = 0;                           // 0: the port of -p, or of -U for UDP
};

struct ServerFacts {
  std::string version;
  std::int64_t pid = 0;             // in memcached's own pid namespace
  std::int64_t start_identity = 0;  // `time` - `uptime`: fixed for the life of the process
  std::uint16_t tcp_port = 0;
  std::uint16_t udp_port = 0;  // 0: UDP is off
  std::vector<ListenSpec> listens;
  std::vector<std::string> names;  // of `inter` that are no addresses
  std::string unix_socket;         // empty: none
  bool tls = false;
  bool sasl = false;
  bool auth_file = false;
  bool proxy = false;

  bool same_process(const ServerFacts& other) const {
    return pid == other.pid && start_identity == other.start_identity && tcp_port == other.tcp_port;
  }
};

// From `stats settings` and `stats`. Fails with EPROTO where what must be there is not, or makes no sense.
Result<ServerFacts> read_facts(const Stats& settings, const Stats& stats);

// Why bmcd must not serve this memcached: a sentence for the log, with the remedy. Empty: it may.
std::string refusal(const ServerFacts& facts, const Endpoint& server);

// The same where the handshake did not come to an end: `failed` is what became of `stats settings` (an error,
// or a line instead of statistics). Empty: no reason to think that it will ever be different.
std::string handshake_refusal(const Result<Answer>& failed, const Endpoint& server);

// The handshake's poll for ServerClock. Fails with EPROTO as read_facts().
struct ClockReading {
  std::uint64_t uptime_s = 0;
  std::int64_t time_s = 0;
};
Result<ClockReading> read_clock(const Stats& stats);

}  // namespace bmc::cache

#endif
