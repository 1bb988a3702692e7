// SPDX-License-Identifier: Apache-2.0
// What the request parser says about single commands, each beside the one that differs just enough to
// mean something else. Run by ctest.
#include "apps/memcached-cache/grammar/request_parser.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "apps/memcached-cache/grammar/tests/feed.h"

namespace bmc::grammar_test {
namespace {

constexpr std::uint64_t kSeed = 9;
constexpr unsigned kN = REQUEST_NOREPLY;
constexpr unsigned kQ = REQUEST_QUIET;
constexpr unsigned kT = REQUEST_HAS_TTL;
constexpr unsigned kC = REQUEST_CHANGES_VALUE;
constexpr unsigned kOdd = REQUEST_TTL_ODD;
constexpr int kLost = -1;

// A stream, and the one command it holds; verb kLost: the position is lost instead.
struct Case {
  std::string stream;
  int verb;
  unsigned effect = EFFECT_NONE;
  unsigned shape = SHAPE_LINE;
  unsigned flags = 0;  // without REQUEST_LAST
  std::string key = {};
  std::int64_t exptime = 0;
  std::uint32_t length = 0;
};

void check(const Case& c) {
  SCOPED_TRACE(printable(c.stream));
  const auto parsed = feed_requests(c.stream, kSeed, pieces_of(GRAMMAR_CHUNK));
  if (c.verb == kLost) {
    EXPECT_TRUE(parsed.lost);
    EXPECT_TRUE(parsed.events.empty());
    return;
  }
  ASSERT_EQ(parsed.events.size(), 1u);
  const request_command& found = parsed.events[0].command;
  EXPECT_FALSE(parsed.lost);
  EXPECT_EQ(found.verb, c.verb);
  EXPECT_EQ(found.effect, c.effect);
  EXPECT_EQ(found.shape, c.shape);
  EXPECT_EQ(found.flags, c.flags | REQUEST_LAST);
  EXPECT_EQ(found.key_hash, c.key.empty() ? 0 : reference::hash_key(c.key, kSeed));
  EXPECT_EQ(found.exptime, c.exptime);
  EXPECT_EQ(found.length, c.length);
}

void check_all(const std::vector<Case>& cases) {
  for (const Case& each : cases) check(each);
}

const std::string kKey250(250, 'k');
const std::string kKey251(251, 'k');

TEST(RequestParser, Storage) {
  check_all({
      {"set a 0 0 1\r\nx\r\n", VERB_SET, EFFECT_WRITE_KEY, SHAPE_LINE, kT | kC, "a", 0, 1},
      {"set a 0 0 1\n", VERB_SET, EFFECT_WRITE_KEY, SHAPE_LINE, kT | kC, "a", 0, 1},
      {"  set  a 0   0 1 \r\n", VERB_SET, EFFECT_WRITE_KEY, SHAPE_LINE, kT | kC, "a", 0, 1},
      {"set a 0 0 1 noreply\r\n", VERB_SET, EFFECT_WRITE_KEY, SHAPE_LINE, kT | kC | kN, "a", 0, 1},
      {"set a 0 0 1 noreplx\r\n", VERB_SET, EFFECT_WRITE_KEY, SHAPE_LINE, kT | kC, "a", 0, 1},
      {"set a 0 0 1 noreply1\r\n", VERB_SET, EFFECT_WRITE_KEY, SHAPE_LINE, kT | kC, "a", 0, 1},
      {"set a 0 0 1 junk noreply\r\n", kLost},
      {"set a 0 0\r\n", kLost},
      {"set a 0 0 noreply\r\n", kLost},
      {"set " + kKey250 + " 0 0 1\r\n", VERB_SET, EFFECT_WRITE_KEY, SHAPE_LINE, kT | kC, kKey250, 0, 1},
      {"set " + kKey251 + " 0 0 1\r\n", kLost},
      {"set a 4294967295 0 1\r\n", VERB_SET, EFFECT_WRITE_KEY, SHAPE_LINE, kT | kC, "a", 0, 1},
      {"set a 4294967296 0 1\r\n", kLost},
      {"set a -1 0 1\r\n", kLost},
      {"set a 0 -1 1\r\n", VERB_SET, EFFECT_WRITE_KEY, SHAPE_LINE, kT | kC, "a", -1, 1},
      {"set a 0 2147483647 1\r\n", VERB_SET, EFFECT_WRITE_KEY, SHAPE_LINE, kT | kC, "a", 2147483647, 1},
      {"set a 0 2147483648 1\r\n", kLost},
      {"set a 0 +1 1\r\n", kLost},
      {"set a 0 - 1\r\n", kLost},
      {"set a 0 1- 1\r\n", kLost},
      {"set a 0 0 2147483645\r\n", VERB_SET, EFFECT_WRITE_KEY, SHAPE_LINE, kT | kC, "a", 0, 2147483645},
      {"set a 0 0 2147483646\r\n", kLost},
      {"set a 0 0 0000000001\r\n", VERB_SET, EFFECT_WRITE_KEY, SHAPE_LINE, kT | kC, "a", 0, 1},
      {"set a 0 0 00000000001\r\n", kLost},
      {"set a 0 0 -0\r\n", kLost},
      {"set a 0 0 1\r\r\n", kLost},
      {std::string("set a 0 0 1\0\r\n", 14), kLost},
      {"set a\tb 0 0 1\r\n", VERB_SET, EFFECT_WRITE_KEY, SHAPE_LINE, kT | kC, "a\tb", 0, 1},
      {"set \x80\xff 0 0 1\r\n", VERB_SET, EFFECT_WRITE_KEY, SHAPE_LINE, kT | kC, "\x80\xff", 0, 1},
      {"add a 0 5 1\r\n", VERB_ADD, EFFECT_WRITE_KEY, SHAPE_LINE, kT | kC, "a", 5, 1},
      {"replace a 0 5 1\r\n", VERB_REPLACE, EFFECT_WRITE_KEY, SHAPE_LINE, kT | kC, "a", 5, 1},
      {"append a 0 5 1\r\n", VERB_APPEND, EFFECT_WRITE_KEY, SHAPE_LINE, kC, "a", 0, 1},
      {"prepend a 0 5 1\r\n", VERB_PREPEND, EFFECT_WRITE_KEY, SHAPE_LINE, kC, "a", 0, 1},
      {"cas a 0 5 1 9999999999999999999\r\n", VERB_CAS, EFFECT_WRITE_KEY, SHAPE_LINE, kT | kC, "a", 5, 1},
      {"cas a 0 5 1 99999999999999999999\r\n", kLost},
      {"cas a 0 5 1 7 noreply\r\n", VERB_CAS, EFFECT_WRITE_KEY, SHAPE_LINE, kT | kC | kN, "a", 5, 1},
      {"cas a 0 5 1\r\n", kLost},
  });
}

TEST(RequestParser, Reads) {
  check_all({
      {"get a\r\n", VERB_GET, EFFECT_READ, SHAPE_VALUES},
      {"get a b c\n", VERB_GET, EFFECT_READ, SHAPE_VALUES},
      {"get\r\n", VERB_GET, EFFECT_READ, SHAPE_VALUES},
      {"gets a\r\n", VERB_GETS, EFFECT_READ, SHAPE_VALUES},
      {"bget a\r\n", VERB_BGET, EFFECT_READ, SHAPE_VALUES},
      {"get " + kKey250 + " " + kKey250 + "\r\n", VERB_GET, EFFECT_READ, SHAPE_VALUES},
      {"get " + kKey251 + "\r\n", kLost},
      {"get a " + kKey251 + " b\r\n", kLost},
      {"get " + kKey250 + "\r\r\n", kLost},
      {"get a noreply\r\n", VERB_GET, EFFECT_READ, SHAPE_VALUES},
      {"gett a\r\n", VERB_UNKNOWN, EFFECT_WRITE_GLOBAL, SHAPE_LINE, kC},
      {"GET a\r\n", VERB_UNKNOWN, EFFECT_WRITE_GLOBAL, SHAPE_LINE, kC},
      {"get\ta\r\n", VERB_UNKNOWN, EFFECT_WRITE_GLOBAL, SHAPE_LINE, kC},
      {"mg a v t\r\n", VERB_MG, EFFECT_READ, SHAPE_META},
      {"mg a v q\r\n", VERB_MG, EFFECT_READ, SHAPE_META, kQ},
      {"mg a b v\r\n", VERB_MG, EFFECT_READ, SHAPE_META},
      {"mg a b k\r\n", kLost},
      {"mg\r\n", kLost},
      {"me a\r\n", VERB_ME, EFFECT_READ, SHAPE_LINE},
      {"me YQ== b\r\n", kLost},
  });
}

TEST(RequestParser, LongLines) {
  const auto padded = [](const std::string& text, std::size_t size) {
    return text + std::string(size - text.size(), ' ');
  };
  check_all({
      {padded("get a", 5000) + "\r\n", VERB_GET, EFFECT_READ, SHAPE_VALUES},
      {std::string(100, ' ') + padded("gets a", 3000) + "\r\n", VERB_GETS, EFFECT_READ, SHAPE_VALUES},
      {std::string(101, ' ') + padded("get a", 3000) + "\r\n", kLost},
      {padded("bget a", 3000) + "\r\n", kLost},
      {padded("\rget a", 3000), kLost},
      {padded("ge\rts a", 3000), kLost},
      {padded("delete a", 2048) + "\n", VERB_DELETE, EFFECT_WRITE_KEY, SHAPE_LINE, kC, "a"},
      {padded("delete a", 2049) + "\n", kLost},
      {padded("delete a", 2049), kLost},
  });
}

TEST(RequestParser, Keyed) {
  check_all({
      {"delete a\r\n", VERB_DELETE, EFFECT_WRITE_KEY, SHAPE_LINE, kC, "a"},
      {"delete noreply\r\n", VERB_DELETE, EFFECT_WRITE_KEY, SHAPE_LINE, kC, "noreply"},
      {"delete a noreply\r\n", VERB_DELETE, EFFECT_WRITE_KEY, SHAPE_LINE, kC | kN, "a"},
      {"delete a 0 noreply\r\n", VERB_DELETE, EFFECT_WRITE_KEY, SHAPE_LINE, kC | kN, "a"},
      {"delete a 0 0 noreply\r\n", kLost},
      {"delete\r\n", kLost},
      {"delete " + kKey251 + "\r\n", kLost},
      {"incr a 5\r\n", VERB_INCR, EFFECT_WRITE_KEY, SHAPE_LINE, kC, "a"},
      {"incr a noreply\r\n", VERB_INCR, EFFECT_WRITE_KEY, SHAPE_LINE, kC | kN, "a"},
      {"incr a\r\n", kLost},
      {"decr a 5 noreply\r\n", VERB_DECR, EFFECT_WRITE_KEY, SHAPE_LINE, kC | kN, "a"},
      {"touch a 30\r\n", VERB_TOUCH, EFFECT_WRITE_KEY, SHAPE_LINE, kT, "a", 30},
      {"touch a -30 noreply\r\n", VERB_TOUCH, EFFECT_WRITE_KEY, SHAPE_LINE, kT | kN, "a", -30},
      {"touch a +30\r\n", VERB_TOUCH, EFFECT_WRITE_KEY, SHAPE_LINE, kOdd, "a"},
      {"touch a 4294967295\r\n", VERB_TOUCH, EFFECT_WRITE_KEY, SHAPE_LINE, kOdd, "a"},
      {"gat 30 a\r\n", VERB_GAT, EFFECT_WRITE_KEYS, SHAPE_VALUES, kT, "a", 30},
      {"gat 30\r\n", VERB_GAT, EFFECT_NONE, SHAPE_VALUES, kT, "", 30},
      {"gat 30 " + kKey251 + "\r\n", kLost},
  });
}

TEST(RequestParser, MetaWrites) {
  check_all({
      {"ms a 2\r\nxx\r\n", VERB_MS, EFFECT_WRITE_KEY, SHAPE_META, kC | kT, "a", 0, 2},
      {"ms a 2 T30 q\r\n", VERB_MS, EFFECT_WRITE_KEY, SHAPE_META, kC | kT | kQ, "a", 30, 2},
      {"ms a 2 T-1\r\n", VERB_MS, EFFECT_WRITE_KEY, SHAPE_META, kC | kT, "a", -1, 2},
      {"ms a 2 T+30\r\n", VERB_MS, EFFECT_WRITE_KEY, SHAPE_META, kC, "a", 0, 2},
      {"ms a 2 T\r\n", VERB_MS, EFFECT_WRITE_KEY, SHAPE_META, kC, "a", 0, 2},
      {"ms a 2 MA T30\r\n", VERB_MS, EFFECT_WRITE_KEY, SHAPE_META, kC, "a", 0, 2},
      {"ms YQ== 2 b\r\n", VERB_MS, EFFECT_WRITE_GLOBAL, SHAPE_META, kC | kT, "", 0, 2},
      {"ms a S2\r\n", kLost},
      {"ms a\r\n", kLost},
      {"ms a 2 1 2 3 4 5 6 7 8 9 a c d e f g h\r\n", VERB_MS, EFFECT_WRITE_KEY, SHAPE_META, kC, "a", 0, 2},
      {"ms a 2 1 2 3 4 5 6 7 8 9 a c d e f g h i\r\n", kLost},
      {"md a\r\n", VERB_MD, EFFECT_WRITE_KEY, SHAPE_META, kC, "a"},
      {"md a q\r\n", VERB_MD, EFFECT_WRITE_KEY, SHAPE_META, kC | kQ, "a"},
      {"md YQ== b\r\n", VERB_MD, EFFECT_WRITE_GLOBAL, SHAPE_META, kC},
      {"ma a N30 J5\r\n", VERB_MA, EFFECT_WRITE_KEY, SHAPE_META, kC, "a"},
      {"mg a T30\r\n", VERB_MG, EFFECT_WRITE_KEY, SHAPE_META, kC, "a"},
      {"mg a N30\r\n", VERB_MG, EFFECT_WRITE_KEY, SHAPE_META, kC, "a"},
      {"mg a R30\r\n", VERB_MG, EFFECT_WRITE_KEY, SHAPE_META, kC, "a"},
      {"mg a E30\r\n", VERB_MG, EFFECT_WRITE_KEY, SHAPE_META, kC, "a"},
      {"mg a Z\r\n", VERB_MG, EFFECT_WRITE_KEY, SHAPE_META, kC, "a"},
      {"mg a \x7f\r\n", VERB_MG, EFFECT_WRITE_KEY, SHAPE_META, kC, "a"},
      {"mg YQ== b T30\r\n", VERB_MG, EFFECT_WRITE_GLOBAL, SHAPE_META, kC},
  });
}

TEST(RequestParser, Others) {
  check_all({
      {"flush_all\r\n", VERB_FLUSH_ALL, EFFECT_WRITE_GLOBAL, SHAPE_LINE, kC},
      {"flush_all noreply\r\n", VERB_FLUSH_ALL, EFFECT_WRITE_GLOBAL, SHAPE_LINE, kC | kN},
      {"flush_all 10\r\n", VERB_FLUSH_ALL, EFFECT_WRITE_GLOBAL, SHAPE_LINE, kC | kT, "", 10},
      {"flush_all 10 noreply\r\n", VERB_FLUSH_ALL, EFFECT_WRITE_GLOBAL, SHAPE_LINE, kC | kT | kN, "", 10},
      {"flush_all +10\r\n", VERB_FLUSH_ALL, EFFECT_WRITE_GLOBAL, SHAPE_LINE, kC | kOdd},
      {"flush_all noreply noreply\r\n", VERB_FLUSH_ALL, EFFECT_WRITE_GLOBAL, SHAPE_LINE, kC | kN | kOdd},
      {"flush_all 1 2 3\r\n", kLost},
      {"mn\r\n", VERB_MN},
      {"\r\n", VERB_BLANK},
      {"   \n", VERB_BLANK},
      {"\r\r\n", kLost},
      {"stats\r\n", VERB_STATS, EFFECT_NONE, SHAPE_STATS},
      {"stats items\r\n", VERB_STATS, EFFECT_NONE, SHAPE_STATS},
      {"stats cachedump 1 1\r\n", kLost},
      {"version\r\n", VERB_VERSION},
      {"verbosity 1 noreply\r\n", VERB_VERBOSITY, EFFECT_NONE, SHAPE_LINE, kN},
      {"quit\r\n", VERB_QUIT, EFFECT_NONE, SHAPE_CLOSE},
      {"watch\r\n", VERB_WATCH, EFFECT_NONE, SHAPE_STREAM},
      {"lru_crawler metadump all\r\n", VERB_LRU_CRAWLER, EFFECT_NONE, SHAPE_DUMP},
      {"slabs automove 1\r\n", VERB_SLABS},
      {"slabs automove 1 noreply\r\n", kLost},
      {"cache_memlimit 64 noreply\r\n", VERB_CACHE_MEMLIMIT, EFFECT_NONE, SHAPE_LINE, kN},
      {"refresh_certs\r\n", VERB_REFRESH_CERTS},
      {"foo noreply\r\n", VERB_UNKNOWN, EFFECT_WRITE_GLOBAL, SHAPE_LINE, kC},
      {"averyveryverylongverb a\r\n", VERB_UNKNOWN, EFFECT_WRITE_GLOBAL, SHAPE_LINE, kC},
  });
}

TEST(RequestParser, EachKeyOfAGat) {
  const auto parsed = feed_requests("gats 10 a bb c\r\n", kSeed, pieces_of(GRAMMAR_CHUNK));
  ASSERT_EQ(parsed.events.size(), 3u);
  const std::string keys[] = {"a", "bb", "c"};
  for (std::size_t i = 0; i < 3; i++) {
    const auto& event = parsed.events[i];
    EXPECT_EQ(event.what, i < 2 ? REQUEST_KEY : REQUEST_COMMAND);
    EXPECT_EQ(event.command.key_hash, reference::hash_key(keys[i], kSeed));
    EXPECT_EQ(event.command.effect, EFFECT_WRITE_KEYS);
    EXPECT_EQ(event.command.flags, i < 2 ? kT : kT | REQUEST_LAST);
    EXPECT_EQ(event.command.exptime, 10);
  }
}

TEST(RequestParser, ValuesAreNotCommands) {
  const std::string value = "x\r\nset b 0 0 1\r\nflush_all\r\n";
  const std::string stream = "set a 0 0 " + std::to_string(value.size()) + "\r\n" + value + "\r\nget a\r\n";
  const auto parsed = feed_requests(stream, kSeed, pieces_of(5));
  ASSERT_EQ(parsed.events.size(), 2u);
  EXPECT_EQ(parsed.events[1].command.verb, VERB_GET);
  EXPECT_TRUE(parsed.at_boundary);
  // One byte more than announced: where memcached goes on is no longer where the client does.
  std::string longer = stream;
  longer.insert(longer.find("x\r\n"), 1, 'y');
  EXPECT_TRUE(feed_requests(longer, kSeed, pieces_of(5)).lost);
}

TEST(RequestParser, BoundaryAndPending) {
  request_parser parser;
  request_parser_init(&parser, kSeed);
  EXPECT_TRUE(request_at_boundary(&parser));
  const auto feed = [&parser](const std::string& text) {
    grammar_chunk chunk = {};
    std::memcpy(chunk.bytes, text.data(), text.size());
    request_command command = {};
    return request_feed(&parser, &chunk, 0, static_cast<__u32>(text.size()), &command);
  };
  EXPECT_EQ(feed("set a 0 0"), REQUEST_MORE);
  EXPECT_EQ(request_pending_bytes(&parser), 9u);
  EXPECT_EQ(feed(" 3\r"), REQUEST_MORE);
  EXPECT_EQ(request_pending_bytes(&parser), 12u);
  EXPECT_EQ(feed("\n"), REQUEST_COMMAND);
  EXPECT_EQ(request_pending_bytes(&parser), 0u);
  EXPECT_EQ(parser.skip, 3u);
  EXPECT_FALSE(request_at_boundary(&parser));
  parser.skip = 0;  // as if the caller had passed over the value
  EXPECT_FALSE(request_at_boundary(&parser));
  EXPECT_EQ(feed("\r"), REQUEST_MORE);
  EXPECT_FALSE(request_at_boundary(&parser));
  EXPECT_EQ(feed("\n"), REQUEST_MORE);
  EXPECT_TRUE(request_at_boundary(&parser));
}

TEST(RequestParser, NothingAfterQuitOrWatchUnlessResumed) {
  for (const std::string verb : {"quit", "watch"}) {
    const auto parsed = feed_requests(verb + "\r\nset a 0 0 1\r\n", kSeed, pieces_of(GRAMMAR_CHUNK));
    EXPECT_EQ(parsed.events.size(), 1u) << verb;
    EXPECT_TRUE(parsed.lost) << verb;
  }
  request_parser parser;
  request_parser_init(&parser, kSeed);
  grammar_chunk chunk = {};
  std::memcpy(chunk.bytes, "watch\r\nmn\r\n", 11);
  request_command command = {};
  ASSERT_EQ(request_feed(&parser, &chunk, 0, 7, &command), REQUEST_COMMAND);
  EXPECT_FALSE(request_at_boundary(&parser));
  request_parser_resume(&parser);
  EXPECT_TRUE(request_at_boundary(&parser));
  EXPECT_EQ(request_feed(&parser, &chunk, 7, 11, &command), REQUEST_COMMAND);
  EXPECT_EQ(command.verb, VERB_MN);
}

TEST(RequestParser, LostUntilInitialised) {
  request_parser parser;
  request_parser_init(&parser, kSeed);
  grammar_chunk chunk = {};
  std::memcpy(chunk.bytes, "set a\r\nmn\r\n", 11);
  request_command command = {};
  EXPECT_EQ(request_feed(&parser, &chunk, 0, 11, &command), REQUEST_LOST);
  EXPECT_EQ(request_feed(&parser, &chunk, 7, 11, &command), REQUEST_LOST);
  request_parser_init(&parser, kSeed);
  EXPECT_EQ(request_feed(&parser, &chunk, 7, 11, &command), REQUEST_COMMAND);
}

}  // namespace
}  // namespace bmc::grammar_test
