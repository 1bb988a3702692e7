// SPDX-License-Identifier: Apache-2.0
// Numbers and strings as bytes: varints of seven bits a byte, least first, and strings behind their length.
// Used for operations, results and snapshots.
#ifndef BMC_KV_MACHINE_BYTES_H
#define BMC_KV_MACHINE_BYTES_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace bmc::kv {

class ByteWriter {
 public:
  void byte(std::uint8_t value) { bytes_.push_back(static_cast<char>(value)); }

  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) byte(static_cast<std::uint8_t>(value | 0x80));
    byte(static_cast<std::uint8_t>(value));
  }

  // Small numbers of either sign take one byte.
  void signed_varint(std::int64_t value) {
    const auto bits = static_cast<std::uint64_t>(value);
    varint(value < 0 ? ~(bits << 1) : bits << 1);
  }

  void string(std::string_view text) {
    varint(text.size());
    bytes_.append(text);
  }

  // Without its length: something that was written by another writer.
  void raw(std::string_view bytes) { bytes_.append(bytes); }

  std::size_t size() const { return bytes_.size(); }
  void reserve(std::size_t bytes) { bytes_.reserve(bytes); }

  // Leaves the writer empty.
  std::string take() { return std::exchange(bytes_, {}); }

 private:
  std::string bytes_;
};

// Reads what a ByteWriter wrote, or finds that nobody did: after the first thing that does not fit, ok() is
// false and everything read is 0 or empty.
class ByteReader {
 public:
  // `bytes` must outlive the reader and the strings it gives.
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  bool ok() const { return ok_; }
  bool at_end() const { return rest_.empty(); }

  std::uint8_t byte() {
    const std::string_view one = raw(1);
    return one.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(one.front());
  }

  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const std::uint64_t next = byte();
      if (shift == 63 && next > 1) break;  // more than 64 bits
      value |= (next & 0x7f) << shift;
      if ((next & 0x80) == 0) return ok_ ? value : 0;
    }
    fail();
    return 0;
  }

  std::int64_t signed_varint() {
    const std::uint64_t bits = varint();
    return static_cast<std::int64_t>((bits & 1) != 0 ? ~(bits >> 1) : bits >> 1);
  }

  std::string_view string() {
    const std::uint64_t size = varint();
    return size <= rest_.size() ? raw(static_cast<std::size_t>(size)) : (fail(), std::string_view());
  }

 private:
  std::string_view raw(std::size_t size) {
    if (size > rest_.size()) {
      fail();
      return {};
    }
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  void fail() {
    ok_ = false;
    rest_ = {};
  }

  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace bmc::kv

#endif
