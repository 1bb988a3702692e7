// SPDX-License-Identifier: Apache-2.0
// What bmcd gives a replica of the kernel programs' memory, mapped: its group, which both sides write, and
// its doorbell. Needs no bpf(), which an unprivileged process may not call. Used by KernelOffload.
#ifndef BMC_PAXOS_RUNTIME_KERNEL_MEMORY_H
#define BMC_PAXOS_RUNTIME_KERNEL_MEMORY_H

#include <netinet/in.h>  // before world.h, which takes the kernel's header of the same things

#include <cstddef>
#include <memory>

#include "apps/paxos/fastpath/world.h"
#include "apps/paxos/include/bmc/paxos/error.h"

namespace bmc::paxos::runtime {

// A shared mapping of a descriptor's memory. Ends with it; the descriptor may be closed before.
class Mapping {
 public:
  // Errors: configuration (there is less), io.
  static Result<Mapping> map(int descriptor, std::size_t offset, std::size_t bytes, bool writable,
                             const char* name);
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&&) = delete;
  ~Mapping();

  template <typename T>
  T* at(std::size_t offset) const {
    return reinterpret_cast<T*>(memory_ + offset);
  }

 private:
  Mapping(std::byte* memory, std::size_t bytes) : memory_(memory), bytes_(bytes) {}

  std::byte* memory_;
  std::size_t bytes_;
};

class KernelMemory {
 public:
  // Of the layouts of PAXOS_FAST_ABI_VERSION. Errors: configuration, io.
  static Result<std::unique_ptr<KernelMemory>> map(int group, int doorbell);

  const fast_world& world() const { return world_; }
  // Forgets that the doorbell rang.
  void silence();

 private:
  KernelMemory(Mapping group, Mapping consumer, Mapping producer);

  // Of the doorbell, a ring buffer of the kernel: this process writes the consumer's position and nothing
  // else.
  const Mapping group_, consumer_, producer_;
  fast_world world_{};
};

}  // namespace bmc::paxos::runtime

#endif
