// SPDX-License-Identifier: Apache-2.0
// What ReplyReader makes of good, cut and hostile bytes.
#include "apps/memcached-cache/daemon/reply_reader.h"

#include <gtest/gtest.h>

#include <random>

namespace bmc::cache {
namespace {

TEST(ReplyReader, ListOfStatisticsInOnePiece) {
  ReplyReader reader;
  reader.append("STAT pid 42\r\nSTAT empty \r\nSTAT path /a b/c\r\nSTAT lonely\r\nEND\r\n");
  const auto reply = reader.next(ReplyShape::kStats);
  ASSERT_TRUE(reply && *reply);
  const Stats expected = {{"pid", "42"}, {"empty", ""}, {"path", "/a b/c"}, {"lonely", ""}};
  EXPECT_EQ((*reply)->stats, expected);
  EXPECT_TRUE((*reply)->line.empty());
  EXPECT_TRUE(reader.empty());
}

TEST(ReplyReader, OfConnectionsOnlyThoseOverUdp) {
  const std::string list =
      "STAT 22:addr tcp:0.0.0.0:1\r\nSTAT 22:state conn_listening\r\n"
      "STAT 23:UDP UDP\r\nSTAT 23:state conn_read\r\n"
      "STAT 2:state conn_closed\r\nSTAT 3:UDP UDP\r\nSTAT 3:state conn_nread\r\nSTAT odd 1\r\nSTAT :UDP "
      "1\r\nEND\r\n";
  ReplyReader reader;
  reader.append(list + "STAT 23:state conn_read\r\nEND\r\nERROR\r\n");
  auto reply = reader.next(ReplyShape::kConnections);
  ASSERT_TRUE(reply && *reply);
  const Stats expected = {{"23:UDP", "UDP"},
                          {"23:state", "conn_read"},
                          {"3:UDP", "UDP"},
                          {"3:state", "conn_nread"},
                          {":UDP", "1"}};
  EXPECT_EQ((*reply)->stats, expected);
  reply = reader.next(ReplyShape::kConnections);
  ASSERT_TRUE(reply && *reply);
  EXPECT_TRUE((*reply)->stats.empty()) << "what one list told is not of the next";
  reply = reader.next(ReplyShape::kConnections);
  ASSERT_TRUE(reply && *reply);
  EXPECT_EQ((*reply)->line, "ERROR");
}

TEST(ReplyReader, AListOfConnectionsMayBeLong) {
  ReplyReader reader;
  for (std::size_t i = 0; i < 3 * kReplyStatsMax; i++)
    reader.append("STAT " + std::to_string(i) + ":state conn_read\r\n");
  reader.append("END\r\n");
  const auto reply = reader.next(ReplyShape::kConnections);
  ASSERT_TRUE(reply && *reply);
  EXPECT_TRUE((*reply)->stats.empty());
}

TEST(ReplyReader, RepliesCutAtEveryByte) {
  const std::string text = "STAT pid 42\r\nEND\r\nVERSION 1.6.18\r\nERROR\r\nEN\r\n";
  ReplyReader reader;
  const ReplyShape shapes[] = {ReplyShape::kStats, ReplyShape::kLine, ReplyShape::kStats, ReplyShape::kLine};
  std::vector<Reply> replies;
  for (const char byte : text) {
    reader.append({&byte, 1});
    while (replies.size() < 4) {
      auto reply = reader.next(shapes[replies.size()]);
      ASSERT_TRUE(reply) << reply.error().what;
      if (!*reply) break;
      replies.push_back(std::move(**reply));
    }
  }
  ASSERT_EQ(replies.size(), 4u);
  EXPECT_EQ(replies[0].stats.at("pid"), "42");
  EXPECT_EQ(replies[1].line, "VERSION 1.6.18");
  EXPECT_EQ(replies[2].line, "ERROR");
  EXPECT_EQ(replies[3].line, "EN");
  EXPECT_TRUE(reader.empty());
}

TEST(ReplyReader, LosesItsPlaceInGarbage) {
  for (const char* text :
       {"STAT pid 42\r\nERROR\r\n", "HTTP/1.1 400 Bad Request\r\n", "STAT pid 42\n", "\n"}) {
    ReplyReader reader;
    reader.append(text);
    const auto reply = reader.next(ReplyShape::kStats);
    ASSERT_FALSE(reply) << text;
    EXPECT_EQ(reply.error().code, EPROTO);
  }
}

TEST(ReplyReader, EndlessLineAndEndlessList) {
  ReplyReader line;
  line.append(std::string(kReplyLineMax, 'x'));
  auto reply = line.next(ReplyShape::kLine);
  ASSERT_TRUE(reply);
  EXPECT_FALSE(*reply);
  line.append("x");
  reply = line.next(ReplyShape::kLine);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, EMSGSIZE);

  ReplyReader list;
  for (std::size_t i = 0; i <= kReplyStatsMax; i++) list.append("STAT s" + std::to_string(i) + " 1\r\n");
  const auto endless = list.next(ReplyShape::kStats);
  ASSERT_FALSE(endless);
  EXPECT_EQ(endless.error().code, EMSGSIZE);
}

TEST(ReplyReader, AnyBytesAreAReplyOrAnError) {
  std::mt19937 random(1);
  const std::string pieces[] = {"STAT ", "END",       "\r\n", "\n", "\r", " ", "a", std::string(1, '\0'),
                                "\xff",  "ME k exp=", "-"};
  for (int round = 0; round < 20000; round++) {
    ReplyReader reader;
    for (int step = 0; step < 12; step++) {
      reader.append(pieces[random() % std::size(pieces)]);
      constexpr ReplyShape kShapes[] = {ReplyShape::kLine, ReplyShape::kStats, ReplyShape::kConnections};
      const auto reply = reader.next(kShapes[random() % std::size(kShapes)]);
      if (!reply) break;
      if (*reply) (void)parse_meta_reply((*reply)->line, "k").ok();
    }
  }
}

TEST(ParseMetaReply, TellsExpiryAsMemcachedDid) {
  const auto never = parse_meta_reply("ME key exp=-1 la=0 cas=2 fetch=no cls=1 size=61", "key");
  ASSERT_TRUE(never);
  EXPECT_TRUE(never->found);
  EXPECT_EQ(never->exp, -1);
  EXPECT_EQ(parse_meta_reply("ME key exp=-100 la=0", "key")->exp, -100);
  EXPECT_EQ(parse_meta_reply("ME key exp=7", "key")->exp, 7);
  const auto missing = parse_meta_reply("EN", "key");
  ASSERT_TRUE(missing);
  EXPECT_FALSE(missing->found);
}

TEST(ParseMetaReply, RefusesWhatIsNotTheAnswer) {
  for (const char* line :
       {"", "ME", "ME key", "ME key2 exp=1", "ME ke exp=1", "ME key exp=", "ME key exp=x la=1",
        "ME key exp=1x", "ME key exp=99999999999 la=1", "ME key la=1 exp=1", "EN ", "ERROR"}) {
    const auto reply = parse_meta_reply(line, "key");
    ASSERT_FALSE(reply) << line;
    EXPECT_EQ(reply.error().code, EPROTO);
  }
}

}  // namespace
}  // namespace bmc::cache
