// SPDX-License-Identifier: Apache-2.0
// ConnectionReader: reads the maps `connections` and `udp_writes` a slice at a time, so that no turn of the
// loop is long however many there are. Used by Audit.
#ifndef BMC_CACHE_DAEMON_CONNECTION_READER_H
#define BMC_CACHE_DAEMON_CONNECTION_READER_H

#include <cstdint>
#include <vector>

#include "apps/memcached-cache/coherence/connection_abi.h"
#include "control-plane/result.h"

namespace bmc::cache {

// What the audit needs of a struct connection, read without a lock: a moment later it may be different.
struct ConnectionView {
  std::uint64_t cookie = 0;
  std::uint32_t server = 0;
  std::uint32_t state = 0;  // CONNECTION_*
  bool pending = false;     // requests whose writes have not ended
  bool suspect = false;
  std::uint32_t lost_reason = 0;
  std::uint64_t last_ns = 0;
  std::uint32_t remote_be[4] = {};
  std::uint16_t remote_port = 0;
  std::uint16_t local_port = 0;
};

// Walks a hash map with bpf_map_lookup_batch. Elements that come or go meanwhile may be missed.
class HashWalk {
 public:
  HashWalk(int map_fd, std::size_t key_bytes, std::size_t value_bytes, std::uint32_t slice);

  void rewind() { begun_ = false; }
  // Reads the next slice into keys() and values(); returns how many. 0: the walk is over, and begins anew
  // with the next call.
  Result<std::uint32_t> next();

  const std::uint8_t* key(std::uint32_t i) const { return keys_.data() + i * key_bytes_; }
  const std::uint8_t* value(std::uint32_t i) const { return values_.data() + i * value_bytes_; }

 private:
  void grow();

  int map_fd_;
  std::size_t key_bytes_;
  std::size_t value_bytes_;
  std::uint32_t slice_;
  std::uint32_t place_ = 0;  // the kernel's own
  bool begun_ = false;
  bool over_ = false;
  std::vector<std::uint8_t> keys_;
  std::vector<std::uint8_t> values_;
};

class ConnectionReader {
 public:
  explicit ConnectionReader(int connections_fd)
      : walk_(connections_fd, sizeof(__u64), sizeof(connection), 128) {}

  // Appends some connections; false: there were no more.
  Result<bool> next(std::vector<ConnectionView>& connections);

 private:
  HashWalk walk_;
};

// All UDP writes whose replies have not left; few (map `udp_writes` is small).
Result<std::vector<udp_write>> read_udp_writes(int udp_writes_fd);

}  // namespace bmc::cache

#endif
