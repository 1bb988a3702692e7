// SPDX-License-Identifier: Apache-2.0
// Every stream means the same wherever it is cut: at each byte once, and at all of them. Run by ctest.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "apps/memcached-cache/grammar/tests/feed.h"
#include "apps/memcached-cache/grammar/tests/stream_generator.h"

namespace bmc::grammar_test {
namespace {

constexpr std::uint64_t kSeed = 4;

std::vector<std::string> request_streams() {
  std::vector<std::string> all = {
      "set user:0001 5 100 12\r\nget a\r\nEND\r\n\r\nget user:0001 b\r\ndelete user:0001 noreply\r\n",
      "gat 30 a bb ccc dddddddd eeeeeeeee \r\ngats 0 x\n  touch k -5\r\ncas k 0 0 2 18\r\n\r\n\r\nincr k "
      "5\r\n",
      "ms key 5 T30 q k\r\nhello\r\nmg key v t q\r\nmd key q\r\nma n N0 J5 D2\r\nmn\r\nme key\r\n",
      "flush_all 10 noreply\r\n\r\n\nversion\r\nstats items\r\nfoo\r\nverbosity 1\r\nget a\r\r\nset a 0 0 "
      "1\r\r\n",
      "set k 0 0 3\r\nabc\rxset k 0 0 3\r\nabc\r\n",
      "set k 0 0 3\r\nabcd\r\n"};
  GeneratorOptions sane;
  sane.odd_one_in = 0;
  for (std::uint64_t seed = 0; seed < 6; seed++) {
    StreamGenerator generator(seed, sane);
    all.push_back(generator.ascii_requests());
    all.push_back(generator.binary_requests());
  }
  return all;
}

// One cut at `at`, pieces of whole chunks before and after it.
Pieces cut_at(std::size_t at) {
  std::size_t left = at;
  return [left]() mutable {
    const std::size_t piece = left == 0 || left > GRAMMAR_CHUNK ? GRAMMAR_CHUNK : left;
    left -= left == 0 ? 0 : piece;
    return piece;
  };
}

TEST(Splits, Requests) {
  for (const std::string& stream : request_streams()) {
    const auto whole = reference::parse_requests(stream, kSeed);
    for (std::size_t at = 0; at <= stream.size(); at++)
      ASSERT_EQ(difference(feed_requests(stream, kSeed, cut_at(at)), whole), "")
          << at << " " << printable(stream);
    for (std::size_t size = 1; size <= GRAMMAR_CHUNK; size++)
      ASSERT_EQ(difference(feed_requests(stream, kSeed, pieces_of(size)), whole), "")
          << size << printable(stream);
  }
}

TEST(Splits, EachBeginningIsUnderstood) {
  for (const std::string& stream : request_streams()) {
    for (std::size_t size = 0; size <= stream.size(); size++) {
      const std::string beginning = stream.substr(0, size);
      ASSERT_EQ(difference(feed_requests(beginning, kSeed, pieces_of(GRAMMAR_CHUNK)),
                           reference::parse_requests(beginning, kSeed)),
                "")
          << printable(beginning);
    }
  }
}

TEST(Splits, Replies) {
  const std::vector<std::string> streams = {
      "STORED\r\nVALUE a 0 5\r\nEND\r\n\r\nVALUE b 0 0 77\r\n\r\nEND\r\nNOT_FOUND\r\n12\r\n",
      "VA 3 k O12\r\nabc\r\nHD c1\r\nEN\r\nSTAT a b\r\nSTAT c d\r\nEND\r\nkey=a exp=1\nkey=b\nEND\r\n",
      "SERVER_ERROR out of memory writing get response\r\nCLIENT_ERROR bad data chunk\r\nVERSION 1.6.18\r\n"};
  for (const std::string& stream : streams) {
    const auto whole = reference::parse_replies(stream);
    ASSERT_TRUE(whole.at_boundary && !whole.lost);
    for (std::size_t at = 0; at <= stream.size(); at++)
      ASSERT_EQ(difference(feed_replies(stream, cut_at(at)), whole), "") << at << " " << printable(stream);
    for (std::size_t size = 1; size <= GRAMMAR_CHUNK; size++)
      ASSERT_EQ(difference(feed_replies(stream, pieces_of(size)), whole), "") << size;
  }
}

}  // namespace
}  // namespace bmc::grammar_test
