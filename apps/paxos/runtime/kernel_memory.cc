// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/runtime/kernel_memory.h"

#include <linux/bpf.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace bmc::paxos::runtime {
namespace {

// A ring buffer, as the kernel lays it out: the consumer's page, the producer's page, the records.
constexpr std::size_t kPage = 4096;
constexpr std::size_t kRecords = kPage;  // in the mapping that begins with the producer's page

}  // namespace

Result<Mapping> Mapping::map(int descriptor, std::size_t offset, std::size_t bytes, bool writable,
                             const char* name) {
  struct stat about {};
  if (fstat(descriptor, &about) != 0)
    return Error{ErrorCode::io, std::string("cannot look at the ") + name + ": " + std::strerror(errno)};
  // A map of the kernel's says itself that it is too small.
  if (S_ISREG(about.st_mode) && static_cast<std::size_t>(about.st_size) < offset + bytes)
    return Error{ErrorCode::configuration, std::string("the ") + name + " is too small"};
  void* const memory = mmap(nullptr, bytes, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, descriptor,
                            static_cast<off_t>(offset));
  if (memory == MAP_FAILED)
    return Error{ErrorCode::io, std::string("cannot map the ") + name + ": " + std::strerror(errno)};
  return Mapping(static_cast<std::byte*>(memory), bytes);
}

Mapping::Mapping(Mapping&& other) noexcept
    : memory_(std::exchange(other.memory_, nullptr)), bytes_(other.bytes_) {}

Mapping::~Mapping() {
  if (memory_ != nullptr) munmap(memory_, bytes_);
}

Result<std::unique_ptr<KernelMemory>> KernelMemory::map(int group, int doorbell) {
  auto cells = Mapping::map(group, 0, sizeof(paxos_group), true, "memory of the group");
  if (!cells) return cells.error();
  auto consumer = Mapping::map(doorbell, 0, kPage, true, "doorbell");
  if (!consumer) return consumer.error();
  auto producer = Mapping::map(doorbell, kPage, kPage + PAXOS_DOORBELL_BYTES, false, "doorbell's records");
  if (!producer) return producer.error();
  return std::unique_ptr<KernelMemory>(
      new KernelMemory(*std::move(cells), *std::move(consumer), *std::move(producer)));
}

KernelMemory::KernelMemory(Mapping group, Mapping consumer, Mapping producer)
    : group_(std::move(group)), consumer_(std::move(consumer)), producer_(std::move(producer)) {
  auto* const memory = group_.at<paxos_group>(0);
  world_.cells = &memory->cells;
  world_.slots = memory->slot;
  world_.slot_count = PAXOS_SLOTS;
}

// The records say nothing that the cells do not, but one that is still being written must not be passed over:
// the kernel finds the ring by its header.
void KernelMemory::silence() {
  __u64* const consumed = consumer_.at<__u64>(0);
  const __u64 produced = shared_load(producer_.at<const __u64>(0));
  __u64 at = *consumed;
  while (at < produced && produced - at <= PAXOS_DOORBELL_BYTES) {
    const auto* header = producer_.at<const __u32>(kRecords + (at & (PAXOS_DOORBELL_BYTES - 1)));
    const __u32 length = shared_load_u32(header);
    if (length & BPF_RINGBUF_BUSY_BIT) break;
    at += (BPF_RINGBUF_HDR_SZ + (length & ~BPF_RINGBUF_DISCARD_BIT) + 7) & ~__u64{7};
  }
  shared_store(consumed, at);
}

}  // namespace bmc::paxos::runtime
