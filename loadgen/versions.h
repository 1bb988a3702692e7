// SPDX-License-Identifier: Apache-2.0
// VersionTable: which version of each key may be read, exactly, for all threads of one generator. Used by the
// exchanges of the socket transports.
//
// Writes of a key are numbered 1, 2, ... in the order they begin, and one of them is on its way at most: so
// the server applies them in this order, and a get that leaves after write n was acknowledged must not return
// an older one. A write that is never acknowledged may be applied at any time, or never: from then on the
// order of its key is not known any more, and what may be read is not narrowed further.
#ifndef BMC_LOADGEN_VERSIONS_H
#define BMC_LOADGEN_VERSIONS_H

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

namespace bmc::loadgen {

class VersionTable {
 public:
  // For keys 0 .. count - 1; 0: nothing is ever written.
  explicit VersionTable(std::uint32_t count)
      : count_(count), keys_(new std::atomic<std::uint64_t>[count]()) {}

  std::uint32_t size() const { return count_; }

  // The number of a new write, or nothing while another is on its way.
  std::optional<std::uint32_t> begin_write(std::uint32_t key);
  // The write on its way was applied.
  void acknowledge(std::uint32_t key);
  // Nobody will ever know.
  void abandon(std::uint32_t key);

  // The oldest write that a get leaving now may return; 0: none was acknowledged yet.
  std::uint32_t oldest(std::uint32_t key) const;
  // The newest that an answer arriving now may hold; 0: none has begun.
  std::uint32_t newest(std::uint32_t key) const;

  // Keys whose order was lost. Not while writes are on their way.
  std::uint64_t unordered() const;

 private:
  std::uint32_t count_;
  std::unique_ptr<std::atomic<std::uint64_t>[]> keys_;
};

}  // namespace bmc::loadgen

#endif
