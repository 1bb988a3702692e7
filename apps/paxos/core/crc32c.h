// SPDX-License-Identifier: Apache-2.0
// CRC32C (Castagnoli, as in iSCSI and ext4) of bodies, log records and checkpoints: the processor's
// instruction where there is one, Boost's table elsewhere. Used by the codec and by storage.
#ifndef BMC_PAXOS_CORE_CRC32C_H
#define BMC_PAXOS_CORE_CRC32C_H

#include <boost/crc.hpp>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace bmc::paxos {

namespace internal {

inline std::uint32_t crc32c_by_table(std::string_view bytes) {
  boost::crc_optimal<32, 0x1edc6f41, 0xffffffff, 0xffffffff, true, true> crc;
  crc.process_bytes(bytes.data(), bytes.size());
  return crc.checksum();
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) inline std::uint32_t crc32c_by_instruction(std::string_view bytes) {
  std::uint64_t crc = 0xffffffff;
  while (bytes.size() >= sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), sizeof(word));
    crc = __builtin_ia32_crc32di(crc, word);
    bytes.remove_prefix(sizeof(word));
  }
  auto low = static_cast<std::uint32_t>(crc);
  for (const char byte : bytes) low = __builtin_ia32_crc32qi(low, static_cast<unsigned char>(byte));
  return ~low;
}
#endif

}  // namespace internal

// Of the empty string: 0.
inline std::uint32_t crc32c(std::string_view bytes) {
#if defined(__x86_64__)
  static const bool has_instruction = __builtin_cpu_supports("sse4.2") != 0;
  if (has_instruction) return internal::crc32c_by_instruction(bytes);
#endif
  return internal::crc32c_by_table(bytes);
}

}  // namespace bmc::paxos

#endif
