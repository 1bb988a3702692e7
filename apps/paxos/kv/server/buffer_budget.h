// SPDX-License-Identifier: Apache-2.0
// What all connections together hold in buffers beyond their base, and may hold. Used by the server's thread
// only.
#ifndef BMC_KV_SERVER_BUFFER_BUDGET_H
#define BMC_KV_SERVER_BUFFER_BUDGET_H

#include <cstddef>

namespace bmc::kv {

class BufferBudget {
 public:
  explicit BufferBudget(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  std::size_t used() const { return used_; }
  bool is_full() const { return used_ >= bytes_max_; }

 private:
  friend class BufferLease;
  std::size_t bytes_max_;
  std::size_t used_ = 0;
};

// The share of one buffer; given back when it goes. The budget must outlive it.
class BufferLease {
 public:
  explicit BufferLease(BufferBudget& budget) : budget_(budget) {}
  BufferLease(const BufferLease&) = delete;
  BufferLease& operator=(const BufferLease&) = delete;
  ~BufferLease() { budget_.used_ -= bytes_; }

  // Holds `bytes` instead of what it held. False, and nothing has changed: more than it held, and there is no
  // room.
  [[nodiscard]] bool try_resize(std::size_t bytes) {
    if (bytes > bytes_ && budget_.used_ - bytes_ + bytes > budget_.bytes_max_) return false;
    resize(bytes);
    return true;
  }

  // The same for what is there already, room or not.
  void resize(std::size_t bytes) {
    budget_.used_ = budget_.used_ - bytes_ + bytes;
    bytes_ = bytes;
  }

 private:
  BufferBudget& budget_;
  std::size_t bytes_ = 0;
};

}  // namespace bmc::kv

#endif
