// SPDX-License-Identifier: Apache-2.0
// The only source of chance in the simulator: the same seed gives the same numbers on every machine.
#ifndef BMC_PAXOS_SIM_RANDOM_H
#define BMC_PAXOS_SIM_RANDOM_H

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace bmc::paxos::sim {

// SplitMix64 (Steele, Lea, Flood 2014).
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

  // 0 … bound - 1; 0 if there is nothing to choose from.
  std::uint64_t below(std::uint64_t bound) { return bound == 0 ? 0 : next() % bound; }
  // least … most.
  std::uint64_t between(std::uint64_t least, std::uint64_t most) { return least + below(most - least + 1); }
  // 0 … 1, never 1.
  double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  bool chance(double probability) { return unit() < probability; }
  // Waiting time of a Poisson process; at least 1.
  std::uint64_t exponential(std::uint64_t mean) {
    return 1 + static_cast<std::uint64_t>(-std::log(1.0 - unit()) * static_cast<double>(mean));
  }
  // A generator of its own for one part, so that what it draws does not shift the others.
  Random fork() { return Random(next()); }

 private:
  std::uint64_t state_;
};

// Of any bytes; for traces and for comparing, never for safety against malice.
inline std::uint64_t mix(std::uint64_t hash, std::uint64_t word) {
  hash = (std::rotl(hash, 23) ^ word) * 0x9fb21c651e98df25u;
  return hash ^ (hash >> 35);
}

inline std::uint64_t hash_bytes(const char* data, std::size_t bytes,
                                std::uint64_t hash = 0x2545f4914f6cdd1du) {
  hash = mix(hash, bytes);
  while (bytes >= 8) {
    std::uint64_t word = 0;
    __builtin_memcpy(&word, data, 8);
    hash = mix(hash, word);
    data += 8;
    bytes -= 8;
  }
  std::uint64_t word = 0;
  __builtin_memcpy(&word, data, bytes);
  return mix(hash, word);
}

}  // namespace bmc::paxos::sim

#endif
