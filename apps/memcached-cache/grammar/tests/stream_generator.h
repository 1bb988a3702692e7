// SPDX-License-Identifier: Apache-2.0
// Random streams that look like memcached traffic, sane or odd. Called by the grammar's differential
// tests, its BPF runner and the test against a real memcached. The same seed gives the same streams.
#ifndef BMC_STREAM_GENERATOR_H
#define BMC_STREAM_GENERATOR_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bmc::grammar_test {

// A small generator of random numbers, the same on every platform.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next();
  // 0 .. bound - 1
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(next() % bound); }
  bool one_in(std::size_t n) { return below(n) == 0; }
  template <typename T>
  const T& pick(const std::vector<T>& from) {
    return from[below(from.size())];
  }

 private:
  std::uint64_t state_;
};

struct GeneratorOptions {
  std::size_t commands = 8;    // at most
  std::size_t odd_one_in = 6;  // one command of so many has something odd; 0: none
  bool mutate = false;         // flip, drop, repeat or cut bytes of the whole afterwards
  bool administration = true;  // quit, watch and other verbs that end or block a connection
};

class StreamGenerator {
 public:
  StreamGenerator(std::uint64_t seed, GeneratorOptions options) : random_(seed), options_(options) {}

  std::string ascii_requests();
  std::string binary_requests();
  std::string replies();
  // One ASCII command with its value.
  std::string ascii_command();
  std::string binary_command();
  Random& random() { return random_; }

 private:
  bool odd() { return options_.odd_one_in != 0 && random_.one_in(options_.odd_one_in); }
  std::string key();
  std::string number(std::uint64_t bound);
  std::string exptime();
  std::string value(std::size_t size);
  std::string line(const std::vector<std::string>& tokens);
  std::string store_command();
  std::string meta_command();
  std::string keyed_command();
  std::string other_command();
  std::string noreply_or_nothing(std::vector<std::string> tokens);
  struct PacketForm {
    std::size_t extras;
    bool key;
    std::size_t value;
  };
  PacketForm packet_form(unsigned opcode);
  std::string packet(unsigned magic, unsigned opcode, std::string_view extras, std::string_view key,
                     std::string_view body, unsigned status);
  std::string reply();
  std::string mutated(std::string stream);

  Random random_;
  GeneratorOptions options_;
};

}  // namespace bmc::grammar_test

#endif
