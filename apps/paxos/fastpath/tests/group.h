// SPDX-License-Identifier: Apache-2.0
// Group: the maps of one replica, as bmcd makes them, and the process's view of them. Used by tests of loaded
// programs.
#ifndef BMC_PAXOS_FASTPATH_TESTS_GROUP_H
#define BMC_PAXOS_FASTPATH_TESTS_GROUP_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "apps/paxos/fastpath/world.h"

namespace bmc::paxos::test {

inline constexpr std::uint64_t kHour = 3600ull * 1'000'000'000;

inline std::uint64_t monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

// The group, mapped, and the doorbell.
class Group {
 public:
  Group() {
    LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
    fd_ = bpf_map_create(BPF_MAP_TYPE_ARRAY, "bmc_t_group", 4, sizeof(paxos_group), 1, &options);
    ring_fd_ = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "bmc_t_bell", 0, 0, PAXOS_DOORBELL_BYTES, nullptr);
    if (fd_ < 0 || ring_fd_ < 0) throw std::runtime_error(std::string("map: ") + std::strerror(errno));
    void* memory = mmap(nullptr, sizeof(paxos_group), PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
    if (memory == MAP_FAILED) throw std::runtime_error("cannot mmap the group");
    group_ = static_cast<paxos_group*>(memory);
    ring_ = ring_buffer__new(ring_fd_, &Group::heard, &rings_, nullptr);
    if (ring_ == nullptr) throw std::runtime_error("cannot map the doorbell");
    world_.cells = &group_->cells;
    world_.slots = group_->slot;
    world_.slot_count = PAXOS_SLOTS;
  }
  ~Group() {
    ring_buffer__free(ring_);
    munmap(group_, sizeof(paxos_group));
    close(ring_fd_);
    close(fd_);
  }
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  int fd() const { return fd_; }
  int ring_fd() const { return ring_fd_; }
  fast_world& world() { return world_; }
  paxos_cells& cells() { return group_->cells; }
  paxos_slot& slot(std::uint64_t rel) { return group_->slot[rel & (PAXOS_SLOTS - 1)]; }
  paxos_group& memory() { return *group_; }
  void clear() {
    std::memset(group_, 0, sizeof(*group_));
    group_->cells.alive_ns = monotonic_ns();
    rings();
  }
  // Since the last call.
  std::vector<paxos_doorbell> rings() {
    rings_.clear();
    ring_buffer__consume(ring_);
    return rings_;
  }

 private:
  static int heard(void* rings, void* data, std::size_t) {
    static_cast<std::vector<paxos_doorbell>*>(rings)->push_back(*static_cast<paxos_doorbell*>(data));
    return 0;
  }

  int fd_ = -1;
  int ring_fd_ = -1;
  paxos_group* group_ = nullptr;
  ring_buffer* ring_ = nullptr;
  std::vector<paxos_doorbell> rings_;
  fast_world world_{};
};

}  // namespace bmc::paxos::test

#endif
