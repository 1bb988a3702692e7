// SPDX-License-Identifier: Apache-2.0
// What the reply parser says about single replies, and which reply fits which request. Run by ctest.
#include "apps/memcached-cache/grammar/reply_parser.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "apps/memcached-cache/grammar/tests/feed.h"

namespace bmc::grammar_test {
namespace {

constexpr int kLost = -1;
constexpr int kMore = -2;

// A stream and the kind of the one reply it is; kLost, or kMore if it is not complete.
struct Case {
  std::string stream;
  int kind;
};

const std::vector<Case> kCases = {
    {"STORED\r\n", REPLY_STORED},
    {"STORED\n", kLost},
    {"STORED \r\n", REPLY_OTHER},
    {"NOT_STORED\r\n", REPLY_NOT_STORED},
    {"EXISTS\r\n", REPLY_EXISTS},
    {"NOT_FOUND\r\n", REPLY_NOT_FOUND},
    {"DELETED\r\n", REPLY_DELETED},
    {"TOUCHED\r\n", REPLY_TOUCHED},
    {"OK\r\n", REPLY_OK},
    {"RESET\r\n", REPLY_RESET},
    {"12\r\n", REPLY_NUMBER},
    {"VERSION 1.6.18\r\n", REPLY_VERSION},
    {"ERROR\r\n", REPLY_ERROR},
    {"ERROR: shutdown not enabled\r\n", REPLY_ERROR_TEXT},
    {"ERROR failed\r\n", REPLY_ERROR_TEXT},
    {"CLIENT_ERROR bad data chunk\r\n", REPLY_CLIENT_ERROR},
    {"SERVER_ERROR object too large for cache\r\n", REPLY_SERVER_ERROR},
    {"SERVER_ERROR out of memory storing object\r\n", REPLY_SERVER_ERROR},
    {"SERVER_ERROR out of memory writing get response\r\n", REPLY_DROPPED},
    {"HD\r\n", REPLY_HD},
    {"HD c7 Oabc\r\n", REPLY_HD},
    {"HDX\r\n", REPLY_OTHER},
    {"EN\r\n", REPLY_EN},
    {"NF\r\n", REPLY_NF},
    {"NS\r\n", REPLY_NS},
    {"EX\r\n", REPLY_EX},
    {"MN\r\n", REPLY_MN},
    {"ME a exp=-1 la=3 cas=1 fetch=no cls=1 size=63\r\n", REPLY_ME},
    {"VA 2 t5\r\nxx\r\n", REPLY_VA},
    {"VA 2\r\nxxx\r\n", kLost},
    {"VA 4\r\n\r\n\r\n\r\n", REPLY_VA},
    {"VA x\r\n", kLost},
    {"VA 2147483646\r\n", kLost},
    {"VA 2147483645\r\n", kMore},
    {"END\r\n", REPLY_END},
    {"VALUE a 0 5\r\nEND\r\n\r\nEND\r\n", REPLY_VALUES},
    {"VALUE a 0 1 77\r\nx\r\nVALUE b 0 0\r\n\r\nEND\r\n", REPLY_VALUES},
    {"VALUE a 0 1 77 8\r\nx\r\nEND\r\n", kLost},
    {"VALUE a 0\r\nEND\r\n", kLost},
    {"VALUE a 0 1\r\nx\r\n", kMore},
    {"VALUE a 0 1\r\nx\r\nSTORED\r\n", kLost},
    {"VALUE a 0 1\r\nx\r\nVA 1\r\nx\r\n", kLost},
    {"STAT pid 1\r\nSTAT x y z\r\nEND\r\n", REPLY_STATS},
    {"ITEM a [1 b; 0 s]\r\nEND\r\n", REPLY_STATS},
    {"PREFIX a get 1\r\nEND\r\n", REPLY_STATS},
    {"STAT pid 1\r\nVALUE a 0 1\r\nx\r\nEND\r\n", kLost},
    {"key=a exp=-1 la=0\nkey=b exp=-1\nEND\r\n", REPLY_DUMP},
    {"BUSY currently processing crawler request\r\n", REPLY_OTHER},
    {"\n", kLost},
    {"\r\n", REPLY_OTHER},
};

TEST(ReplyParser, EachReply) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(printable(c.stream));
    const auto parsed = feed_replies(c.stream, pieces_of(GRAMMAR_CHUNK));
    EXPECT_EQ(parsed.lost, c.kind == kLost);
    ASSERT_EQ(parsed.events.size(), c.kind >= 0 ? 1u : 0u);
    EXPECT_EQ(parsed.at_boundary && !parsed.lost, c.kind >= 0);
    if (c.kind < 0) continue;
    EXPECT_EQ(parsed.events[0].reply.kind, c.kind);
    EXPECT_EQ(parsed.events[0].end, c.stream.size());
  }
}

std::string packet(unsigned opcode, unsigned status, const std::string& key, const std::string& body) {
  std::string text(24, '\0');
  text[0] = '\x81';
  text[1] = static_cast<char>(opcode);
  text[3] = static_cast<char>(key.size());
  text[6] = static_cast<char>(status >> 8);
  text[7] = static_cast<char>(status);
  text[11] = static_cast<char>(key.size() + body.size());
  text.replace(12, 4, "\x04\x03\x02\x01");
  return text + key + body;
}

TEST(ReplyParser, Packets) {
  const std::string stream = packet(0x01, 0, "", "") + packet(0x00, 0x101, "", "Not found");
  const auto parsed = feed_replies(stream, pieces_of(GRAMMAR_CHUNK));
  ASSERT_EQ(parsed.events.size(), 2u);
  EXPECT_TRUE(parsed.at_boundary);
  EXPECT_EQ(parsed.events[0].reply.kind, REPLY_BINARY);
  EXPECT_EQ(parsed.events[0].reply.opcode, 0x01);
  EXPECT_EQ(parsed.events[0].reply.opaque, 0x01020304u);
  EXPECT_TRUE(reply_is_success(&parsed.events[0].reply));
  EXPECT_EQ(parsed.events[1].reply.status, 0x101);
  EXPECT_TRUE(reply_is_error(&parsed.events[1].reply));
  EXPECT_EQ(parsed.events[1].end, 48u);
}

TEST(ReplyParser, StatsInPackets) {
  const std::string item = packet(0x10, 0, "pid", "1");
  const std::string end = packet(0x10, 0, "", "");
  EXPECT_EQ(feed_replies(item + item + end, pieces_of(7)).events.size(), 1u);
  EXPECT_FALSE(feed_replies(item, pieces_of(7)).at_boundary);
  EXPECT_EQ(feed_replies(packet(0x10, 1, "", "Not found"), pieces_of(7)).events.size(), 1u);
  EXPECT_TRUE(feed_replies(item + packet(0x00, 0, "", ""), pieces_of(7)).lost);
  EXPECT_TRUE(feed_replies(item + "END\r\n", pieces_of(7)).lost);
}

bool fits(unsigned shape, unsigned verb, unsigned kind) {
  struct reply r = {};
  r.kind = static_cast<__u8>(kind);
  return reply_fits(shape, verb, &r) != 0;
}

TEST(ReplyFits, ClassicCommands) {
  EXPECT_TRUE(fits(SHAPE_LINE, VERB_SET, REPLY_STORED));
  EXPECT_TRUE(fits(SHAPE_LINE, VERB_CAS, REPLY_EXISTS));
  EXPECT_TRUE(fits(SHAPE_LINE, VERB_SET, REPLY_SERVER_ERROR));
  EXPECT_FALSE(fits(SHAPE_LINE, VERB_SET, REPLY_ERROR));
  EXPECT_FALSE(fits(SHAPE_LINE, VERB_SET, REPLY_DROPPED));
  EXPECT_FALSE(fits(SHAPE_LINE, VERB_SET, REPLY_DELETED));
  EXPECT_FALSE(fits(SHAPE_LINE, VERB_SET, REPLY_HD));
  EXPECT_TRUE(fits(SHAPE_LINE, VERB_DELETE, REPLY_DELETED));
  EXPECT_FALSE(fits(SHAPE_LINE, VERB_DELETE, REPLY_TOUCHED));
  EXPECT_TRUE(fits(SHAPE_LINE, VERB_INCR, REPLY_NUMBER));
  EXPECT_FALSE(fits(SHAPE_LINE, VERB_TOUCH, REPLY_NUMBER));
  EXPECT_TRUE(fits(SHAPE_VALUES, VERB_GET, REPLY_END));
  EXPECT_TRUE(fits(SHAPE_VALUES, VERB_GAT, REPLY_VALUES));
  EXPECT_FALSE(fits(SHAPE_VALUES, VERB_GET, REPLY_STATS));
  EXPECT_FALSE(fits(SHAPE_VALUES, VERB_GET, REPLY_STORED));
  EXPECT_TRUE(fits(SHAPE_STATS, VERB_STATS, REPLY_STATS));
  EXPECT_FALSE(fits(SHAPE_STATS, VERB_STATS, REPLY_VALUES));
  EXPECT_TRUE(fits(SHAPE_LINE, VERB_FLUSH_ALL, REPLY_OK));
  EXPECT_FALSE(fits(SHAPE_LINE, VERB_VERSION, REPLY_OK));
  EXPECT_TRUE(fits(SHAPE_LINE, VERB_UNKNOWN, REPLY_ERROR));
  EXPECT_FALSE(fits(SHAPE_LINE, VERB_UNKNOWN, REPLY_CLIENT_ERROR));
  EXPECT_TRUE(fits(SHAPE_LINE, VERB_BLANK, REPLY_ERROR));
  EXPECT_FALSE(fits(SHAPE_CLOSE, VERB_QUIT, REPLY_OK));
  EXPECT_FALSE(fits(SHAPE_LINE, VERB_SET, REPLY_BINARY));
}

TEST(ReplyFits, MetaCommands) {
  EXPECT_TRUE(fits(SHAPE_META, VERB_MG, REPLY_EN));
  EXPECT_FALSE(fits(SHAPE_META, VERB_MG, REPLY_NF));
  EXPECT_TRUE(fits(SHAPE_META, VERB_MS, REPLY_NS));
  EXPECT_FALSE(fits(SHAPE_META, VERB_MS, REPLY_VA));
  EXPECT_TRUE(fits(SHAPE_META, VERB_MA, REPLY_VA));
  EXPECT_TRUE(fits(SHAPE_LINE, VERB_MN, REPLY_MN));
  EXPECT_FALSE(fits(SHAPE_LINE, VERB_MN, REPLY_HD));
  struct reply r = {};
  r.kind = REPLY_HD;
  EXPECT_FALSE(reply_fits_quiet(SHAPE_META, VERB_MD, &r));  // q keeps quiet about success
  EXPECT_TRUE(reply_fits_quiet(SHAPE_META, VERB_MG, &r));   // and mg's about misses
  r.kind = REPLY_NF;
  EXPECT_TRUE(reply_fits_quiet(SHAPE_META, VERB_MD, &r));
  EXPECT_FALSE(reply_fits_quiet(SHAPE_LINE, VERB_UNKNOWN, &r));
}

TEST(ReplyFits, Packets) {
  struct reply r = {};
  r.kind = REPLY_BINARY;
  r.opcode = 0x01;
  EXPECT_TRUE(reply_fits(SHAPE_BINARY, 0x01, &r));
  EXPECT_FALSE(reply_fits(SHAPE_BINARY, 0x11, &r));
  r.opcode = 0x07;
  EXPECT_TRUE(reply_fits(SHAPE_CLOSE, 0x07, &r));
  EXPECT_FALSE(reply_fits(SHAPE_LINE, 0x07, &r));
  r.kind = REPLY_STORED;
  EXPECT_FALSE(reply_fits(SHAPE_BINARY, 0x07, &r));
}

}  // namespace
}  // namespace bmc::grammar_test
