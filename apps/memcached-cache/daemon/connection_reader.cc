// SPDX-License-Identifier: Apache-2.0
// Batched reading of hash maps.
#include "apps/memcached-cache/daemon/connection_reader.h"

#include <bpf/bpf.h>

#include <cstring>
#include <memory>

namespace bmc::cache {

HashWalk::HashWalk(int map_fd, std::size_t key_bytes, std::size_t value_bytes, std::uint32_t slice)
    : map_fd_(map_fd), key_bytes_(key_bytes), value_bytes_(value_bytes), slice_(slice) {
  grow();
}

void HashWalk::grow() {
  keys_.resize(slice_ * key_bytes_);
  values_.resize(slice_ * value_bytes_);
}

Result<std::uint32_t> HashWalk::next() {
  if (std::exchange(over_, false)) {
    begun_ = false;
    return 0u;
  }
  while (true) {
    __u32 count = slice_;
    std::uint32_t after = place_;
    const int failed = bpf_map_lookup_batch(map_fd_, begun_ ? &place_ : nullptr, &after, keys_.data(),
                                            values_.data(), &count, nullptr);
    if (failed == -ENOSPC) {  // one bucket holds more than a slice
      slice_ *= 2;
      grow();
      continue;
    }
    if (failed != 0 && failed != -ENOENT) return errno_error("cannot read a BPF map", failed);
    place_ = after;
    begun_ = true;
    over_ = failed == -ENOENT;
    if (count == 0 && over_) {
      over_ = begun_ = false;
      return 0u;
    }
    if (count != 0) return count;
  }
}

Result<bool> ConnectionReader::next(std::vector<ConnectionView>& connections) {
  const Result<std::uint32_t> count = walk_.next();
  if (!count) return count.error();
  for (std::uint32_t i = 0; i < *count; i++) {
    connection raw;
    std::memcpy(&raw, walk_.value(i), sizeof raw);
    ConnectionView view;
    std::memcpy(&view.cookie, walk_.key(i), sizeof view.cookie);
    view.server = raw.server;
    view.state = raw.state;
    view.pending = raw.head != raw.tail;
    view.suspect = raw.suspect != 0;
    view.lost_reason = raw.lost_reason;
    view.last_ns = raw.last_ns;
    std::memcpy(view.remote_be, raw.remote_be, sizeof view.remote_be);
    view.remote_port = raw.remote_port;
    view.local_port = raw.local_port;
    connections.push_back(view);
  }
  return *count != 0;
}

Result<std::vector<udp_write>> read_udp_writes(int udp_writes_fd) {
  HashWalk walk(udp_writes_fd, sizeof(udp_write_key), sizeof(udp_write), 512);
  std::vector<udp_write> writes;
  while (true) {
    const Result<std::uint32_t> count = walk.next();
    if (!count) return count.error();
    if (*count == 0) return writes;
    for (std::uint32_t i = 0; i < *count; i++) {
      udp_write write;
      std::memcpy(&write, walk.value(i), sizeof write);
      writes.push_back(write);
    }
  }
}

}  // namespace bmc::cache
