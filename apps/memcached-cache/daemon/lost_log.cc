// SPDX-License-Identifier: Apache-2.0
// Log lines for connections that are out of step.
#include "apps/memcached-cache/daemon/lost_log.h"

#include <bpf/bpf.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/ip/address_v6.hpp>
#include <cstring>
#include <string>

#include "apps/memcached-cache/coherence/connection_abi.h"
#include "apps/memcached-cache/daemon/counters.h"
#include "apps/memcached-cache/daemon/monotonic_time.h"

namespace bmc::cache {
namespace {

constexpr std::uint32_t kLinesPerMinute = 10;

boost::asio::ip::address address_of(const __u32 addr_be[4]) {
  boost::asio::ip::address_v6::bytes_type bytes;
  std::memcpy(bytes.data(), addr_be, bytes.size());
  const boost::asio::ip::address_v6 address(bytes);
  if (!address.is_v4_mapped()) return address;
  return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, address);
}

}  // namespace

void LostLog::lost(const cache_event& event) {
  const std::uint64_t now = monotonic_ns();
  if (now - minute_ns_ > 60 * kSecondNs) {
    if (untold_ != 0) spdlog::info("{} more connections went out of step in the last minute", untold_);
    minute_ns_ = now;
    told_ = untold_ = 0;
  }
  if (told_ >= kLinesPerMinute) {
    untold_++;
    return;
  }
  told_++;
  connection lost = {};
  if (bpf_map_lookup_elem(memory_.connections_fd, &event.connection, &lost) != 0) return;  // closed meanwhile
  for (const auto& each : servers_.servers())
    if (each->link->local_port() == lost.remote_port) return;  // bmcd's own: older than its programs
  const auto reason = std::min<std::size_t>(event.reason, CACHE_COUNTER_COUNT - 1);
  const Server* server = servers_.find(event.server);
  spdlog::info("connection of {} to memcached at {} is out of step: {}",
               to_string(Endpoint{address_of(lost.remote_be), lost.remote_port}),
               server != nullptr ? to_string(server->link->server()) : std::to_string(lost.local_port),
               counter_texts()[reason].text);
}

}  // namespace bmc::cache
