// SPDX-License-Identifier: Apache-2.0
// libFuzzer target: stream parsers against the reference. The first byte of an input says what the
// rest is and how it is cut. Built with clang, run by ctest for seconds, by hand for long.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "apps/memcached-cache/grammar/tests/feed.h"

namespace {

using bmc::grammar_test::difference;
using bmc::grammar_test::Pieces;

constexpr std::uint64_t kSeed = 0xfeedfeedfeedfeedull;

// 64 ways: whole chunks, and 63 walks through piece sizes.
Pieces pieces_of_choice(unsigned choice) {
  unsigned state = choice;
  return [choice, state]() mutable -> std::size_t {
    if (choice == 0) return GRAMMAR_CHUNK;
    state = state * 5 + choice;
    return 1 + state % (choice % 4 == 0 ? 4 : GRAMMAR_CHUNK);
  };
}

void stop_if(const std::string& different, std::string_view stream) {
  if (different.empty()) return;
  std::fprintf(stderr, "%s\n%s\n", different.c_str(), bmc::grammar_test::printable(stream).c_str());
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view stream(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Pieces pieces = pieces_of_choice(data[0] >> 2);
  if (data[0] & 1) {
    stop_if(
        difference(bmc::grammar_test::feed_replies(stream, pieces), bmc::reference::parse_replies(stream)),
        stream);
  } else {
    stop_if(difference(bmc::grammar_test::feed_requests(stream, kSeed, pieces),
                       bmc::reference::parse_requests(stream, kSeed)),
            stream);
  }
  return 0;
}
