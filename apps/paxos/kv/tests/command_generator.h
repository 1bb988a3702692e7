// SPDX-License-Identifier: Apache-2.0
// Streams of requests, right and wrong, that memcached and paxos-kv must answer alike. What they answer
// differently on purpose (docs/paxos-kv.md) is not in them, nor what memcached answers by chance.
#ifndef BMC_KV_TESTS_COMMAND_GENERATOR_H
#define BMC_KV_TESTS_COMMAND_GENERATOR_H

#include <cstdint>
#include <random>
#include <string>

namespace bmc::kv::test {

class CommandGenerator {
 public:
  explicit CommandGenerator(std::uint64_t seed) : dice_(seed) {}

  // A well-formed request on one of few keys.
  std::string request() { return one_in(3) ? retrieval() : change(); }

  // Requests with words left out, doubled, exchanged for others, and bytes changed; to be sent at once.
  // Retrievals come last: memcached counts in another way while the answer of a get waits to be sent.
  std::string spoilt_stream(std::size_t requests);

 private:
  std::uint64_t below(std::uint64_t end) { return dice_() % end; }
  bool one_in(std::uint64_t number) { return below(number) == 0; }
  // Of retrievals never too long: there memcached 1.6.18 forgets answers to requests before.
  std::string key(std::size_t bytes_max = 250);
  std::string value();
  std::string number();
  std::string exptime();
  std::string noreply() { return one_in(5) ? " noreply" : ""; }
  std::string storage();
  std::string retrieval();
  std::string change();
  std::string spoil(std::string request);

  std::mt19937_64 dice_;
};

}  // namespace bmc::kv::test

#endif
