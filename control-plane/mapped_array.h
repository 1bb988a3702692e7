// SPDX-License-Identifier: Apache-2.0
// MappedArray<T>: the values of a BPF array map as plain memory, shared with the programs that run.
// Used by applications for what they read or write every second; the map needs BPF_F_MMAPABLE.
#ifndef BMC_CONTROL_PLANE_MAPPED_ARRAY_H
#define BMC_CONTROL_PLANE_MAPPED_ARRAY_H

#include <bpf/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <type_traits>
#include <utility>

#include "control-plane/result.h"

namespace bmc {

// T is the ABI type of the map's value. The kernel lays values out at a stride of sizeof(T) rounded up to
// 8 bytes (kernel/bpf/arraymap.c), so elements are reached by operator[] and never by pointer arithmetic.
// Other processors write here: whoever reads a field that a program writes uses __atomic_* or
// std::atomic_ref. Owns the mapping, not the map's descriptor, which may be closed after map() returns.
template <typename T>
class MappedArray {
  static_assert(std::is_trivially_copyable_v<T>, "shared with the kernel");

 public:
  static constexpr std::size_t kStride = (sizeof(T) + 7) / 8 * 8;

  MappedArray() = default;
  MappedArray(MappedArray&& other) noexcept
      : base_(std::exchange(other.base_, nullptr)),
        bytes_(std::exchange(other.bytes_, 0)),
        size_(std::exchange(other.size_, 0)) {}
  MappedArray& operator=(MappedArray&& other) noexcept {
    std::swap(base_, other.base_);
    std::swap(bytes_, other.bytes_);
    std::swap(size_, other.size_);
    return *this;
  }
  MappedArray(const MappedArray&) = delete;
  MappedArray& operator=(const MappedArray&) = delete;
  ~MappedArray() {
    if (base_ != nullptr) ::munmap(base_, bytes_);
  }

  // Maps the whole array; `writable` false gives memory that must only be read. Fails with EINVAL when the
  // map is no mmapable array or its value is not a T.
  static Result<MappedArray> map(int map_fd, bool writable = true) {
    bpf_map_info info = {};
    __u32 info_bytes = sizeof info;
    if (const int failed = bpf_obj_get_info_by_fd(map_fd, &info, &info_bytes); failed != 0)
      return errno_error("cannot read the shape of a BPF map", failed);
    const std::string name = info.name;
    if (info.type != BPF_MAP_TYPE_ARRAY || (info.map_flags & BPF_F_MMAPABLE) == 0)
      return Error{EINVAL, "BPF map " + name + " is no array with BPF_F_MMAPABLE"};
    if (info.value_size != sizeof(T))
      return Error{EINVAL, "BPF map " + name + " has values of " + std::to_string(info.value_size) +
                               " bytes where " + std::to_string(sizeof(T)) + " were expected"};
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const std::size_t bytes = (kStride * info.max_entries + page - 1) / page * page;
    void* base = ::mmap(nullptr, bytes, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, map_fd, 0);
    if (base == MAP_FAILED) return errno_error("cannot map the memory of BPF map " + name);
    return MappedArray(static_cast<std::byte*>(base), bytes, info.max_entries);
  }

  std::uint32_t size() const { return size_; }
  explicit operator bool() const { return base_ != nullptr; }

  // `index` < size(); anything else is a programmer's error and aborts.
  T& operator[](std::uint32_t index) { return *at(index); }
  const T& operator[](std::uint32_t index) const { return *at(index); }

 private:
  MappedArray(std::byte* base, std::size_t bytes, std::uint32_t size)
      : base_(base), bytes_(bytes), size_(size) {}

  T* at(std::uint32_t index) const {
    if (index >= size_) std::abort();
    return reinterpret_cast<T*>(base_ + kStride * index);
  }

  std::byte* base_ = nullptr;
  std::size_t bytes_ = 0;
  std::uint32_t size_ = 0;
};

}  // namespace bmc

#endif
