// SPDX-License-Identifier: Apache-2.0
// The stream parsers against the reference on random streams, cut at random places. Run by ctest;
// BMC_GRAMMAR_RUNS in the environment makes it longer.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "apps/memcached-cache/grammar/tests/feed.h"
#include "apps/memcached-cache/grammar/tests/stream_generator.h"

namespace bmc::grammar_test {
namespace {

constexpr std::uint64_t kSeed = 0x5eed5eed5eed5eedull;

std::uint64_t runs() {
  const char* text = std::getenv("BMC_GRAMMAR_RUNS");
  return text ? std::strtoull(text, nullptr, 10) : 30000;
}

// Pieces of one byte, of a whole chunk, or of random size.
Pieces random_pieces(Random& random) {
  const std::size_t style = random.below(4);
  if (style == 0) return pieces_of(1);
  if (style == 1) return pieces_of(GRAMMAR_CHUNK);
  return [&random] { return 1 + random.below(GRAMMAR_CHUNK); };
}

GeneratorOptions options_of(std::uint64_t run) {
  GeneratorOptions options;
  options.odd_one_in = run % 3 == 0 ? 0 : 40 >> run % 4;
  options.mutate = run % 2 == 1;
  return options;
}

void check_requests(const std::string& stream, Random& random) {
  const auto reference = reference::parse_requests(stream, kSeed);
  const auto automaton = feed_requests(stream, kSeed, random_pieces(random));
  ASSERT_EQ(difference(automaton, reference), "") << printable(stream);
}

TEST(Differential, AsciiRequests) {
  for (std::uint64_t run = 0; run < runs(); run++) {
    StreamGenerator generator(run, options_of(run));
    const std::string stream = generator.ascii_requests();
    check_requests(stream, generator.random());
    if (HasFatalFailure()) FAIL() << "run " << run;
  }
}

TEST(Differential, BinaryRequests) {
  for (std::uint64_t run = 0; run < runs(); run++) {
    StreamGenerator generator(run, options_of(run));
    const std::string stream = generator.binary_requests();
    check_requests(stream, generator.random());
    if (HasFatalFailure()) FAIL() << "run " << run;
  }
}

TEST(Differential, Replies) {
  for (std::uint64_t run = 0; run < runs(); run++) {
    StreamGenerator generator(run, options_of(run));
    const std::string stream = generator.replies();
    const auto reference = reference::parse_replies(stream);
    const auto automaton = feed_replies(stream, random_pieces(generator.random()));
    ASSERT_EQ(difference(automaton, reference), "") << "run " << run << ": " << printable(stream);
  }
}

// The test would be worthless if most streams were lost at once: count what they reach.
TEST(Differential, StreamsReachFar) {
  std::size_t events = 0;
  std::size_t lost = 0;
  constexpr std::uint64_t kStreams = 2000;
  for (std::uint64_t run = 0; run < kStreams; run++) {
    StreamGenerator generator(run, options_of(run));
    const auto reference = reference::parse_requests(generator.ascii_requests(), kSeed);
    events += reference.events.size();
    lost += reference.lost;
  }
  EXPECT_GT(events, 2 * kStreams);
  EXPECT_GT(lost, kStreams / 20);
  EXPECT_LT(lost, kStreams * 3 / 4);
}

}  // namespace
}  // namespace bmc::grammar_test
