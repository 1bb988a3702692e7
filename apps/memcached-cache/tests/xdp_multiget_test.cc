// SPDX-License-Identifier: Apache-2.0
// Gets of several keys: answered in one datagram, each byte as memcached would send it, or passed whole.
#include <string>
#include <vector>

#include "apps/memcached-cache/tests/xdp_fixture.h"

namespace bmc::test {
namespace {

class XdpMultiget : public XdpTest {
 protected:
  // Places `count` keys key-0.. with values of growing length: the texts alternate between odd and even.
  struct Many {
    std::string keys, texts;
  };
  static Many place_many(std::size_t count, std::size_t value_bytes = 1) {
    Many many;
    for (std::size_t i = 0; i < count; ++i) {
      const auto placed =
          store().place({.key = "key-" + std::to_string(i),
                         .data = std::string(value_bytes + i % 3, static_cast<char>('a' + i % 26))});
      many.keys += (i == 0 ? "" : " ") + ("key-" + std::to_string(i));
      many.texts += placed.text;
    }
    return many;
  }
};

TEST_F(XdpMultiget, AnswersTwoKeysInOrder) {
  const auto a = store().place({.key = "a", .data = "first"});
  const auto b = store().place({.key = "bb", .data = "second\r\nEND\r\n"});
  for (const bool ipv6 : {false, true}) {
    for (const bool vlan : {false, true}) {
      expect_answer("a bb", a.text + b.text, {.ipv6 = ipv6, .vlan = vlan});
      expect_answer("bb a", b.text + a.text, {.ipv6 = ipv6, .vlan = vlan});
      expect_no_answer("a bc", CACHE_PASS_MISS, {.ipv6 = ipv6, .vlan = vlan});
    }
  }
}

TEST_F(XdpMultiget, AnswersADuplicateTwice) {
  const auto a = store().place({.key = "a", .data = "v"});
  expect_answer("a a", a.text + a.text);
  expect_answer("a a a", a.text + a.text + a.text);
}

// Every combination of odd and even texts in front of each other: a text at an odd place has its sum swapped.
TEST_F(XdpMultiget, SumsTextsAtOddPlaces) {
  for (unsigned parities = 0; parities < 16; ++parities) {
    store().reset();
    SetUp();
    std::string keys, texts;
    for (unsigned i = 0; i < 4; ++i) {
      const std::string key(1, static_cast<char>('a' + i));
      const auto placed = store().place(
          {.key = key, .data = std::string((parities >> i & 1) + 1, static_cast<char>(0x80 + i))});
      keys += (i == 0 ? "" : " ") + key;
      texts += placed.text;
    }
    SCOPED_TRACE(parities);
    expect_answer(keys, texts);
    expect_answer(keys, texts, {.ipv6 = true});
  }
}

TEST_F(XdpMultiget, AnswersUpToTheMostKeys) {
  const auto most = place_many(CACHE_MULTIGET_MAX);
  expect_answer(most.keys, most.texts);
  expect_no_answer(most.keys + " key-0", CACHE_PASS_TOO_LARGE);
}

TEST_F(XdpMultiget, AnswersKeysOfEveryLength) {
  const auto other = store().place({.key = "other", .data = "o"});
  for (std::size_t length = 1; length <= CACHE_KEY_MAX; length += length < 40 ? 1 : 15) {
    const std::string key(length, 'K');
    const auto placed = store().place({.key = key, .data = "v"});
    SCOPED_TRACE(length);
    expect_answer("other " + key, other.text + placed.text);
    expect_answer(key + " other", placed.text + other.text);
    placed.bucket->way[placed.way] = 0;
  }
  const std::string longest(CACHE_KEY_MAX, 'K');
  const auto placed = store().place({.key = longest, .data = "v"});
  expect_answer("other " + longest, other.text + placed.text);
  expect_no_answer("other " + longest + "K", CACHE_PASS_MALFORMED);
  expect_no_answer("other " + longest + "KKKKKKKKKKKK", CACHE_PASS_MALFORMED);
}

TEST_F(XdpMultiget, AnswersUpToTheLargestPayloadAndNotOneByteMore) {
  const auto a = store().place({.key = "a", .data = std::string(500, 'a')});
  const std::size_t left = CACHE_REPLY_MAX - CACHE_UDP_HEADER - CACHE_END_BYTES - a.text.size();
  const std::size_t line = std::string("VALUE b 0 123\r\n\r\n").size();
  const auto b = store().place({.key = "b", .data = std::string(left - line, 'b')});
  ASSERT_EQ(CACHE_UDP_HEADER + a.text.size() + b.text.size() + CACHE_END_BYTES, CACHE_REPLY_MAX);
  const auto c = store().place({.key = "c", .data = std::string(left - line + 1, 'c')});
  expect_answer("a b", a.text + b.text);
  expect_answer("b a", b.text + a.text, {.ipv6 = true, .vlan = true});
  expect_no_answer("a c", CACHE_PASS_TOO_LARGE);
}

TEST_F(XdpMultiget, OneKeyThatCannotBeServedPassesAll) {
  const auto many = place_many(5);
  const auto dead = store().place({.key = "dead", .data = "v", .epoch = 77});
  const auto expired = store().place({.key = "expired", .data = "v", .deadline = 1});
  for (const auto& [key, reason] : std::vector<std::pair<std::string, cache_counter>>{
           {"missing", CACHE_PASS_MISS}, {"dead", CACHE_PASS_DEAD}, {"expired", CACHE_PASS_EXPIRED}}) {
    expect_no_answer(many.keys + " " + key, reason);
    expect_no_answer(key + " " + many.keys, reason);
  }
  expect_answer(many.keys, many.texts);
}

TEST_F(XdpMultiget, PassesOtherForms) {
  const auto many = place_many(3);
  for (const std::string& keys :
       {many.keys + " ", " " + many.keys, std::string("key-0  key-1"), std::string("key-0\tkey-1"),
        std::string("key-0 key-1\r"), std::string("key-0 \x7f"), std::string("key-0\r\nget key-1")}) {
    SCOPED_TRACE(keys);
    expect_no_answer(keys, CACHE_PASS_MALFORMED);
  }
  expect_answer(many.keys, many.texts);
}

TEST_F(XdpMultiget, AnswersAPaddedFrame) {
  const auto many = place_many(2);
  auto padded = request_frame(get_line(many.keys));
  padded.insert(padded.end(), 12, 0xee);
  expect_hit(padded, reply_frame(many.texts + "END\r\n"));
  padded.push_back(0xee);
  expect_pass(padded, CACHE_PASS_SHORT);
}

TEST_F(XdpMultiget, AnswersARequestWithoutChecksumOverIPv4Only) {
  const auto many = place_many(2);
  expect_hit(request_frame(get_line(many.keys), {}, UDP{.checksum = 0}), reply_frame(many.texts + "END\r\n"));
  expect_pass(request_frame(get_line(many.keys), {.ipv6 = true}, UDP{.checksum = 0}), CACHE_PASS_CHECKSUM);
}

}  // namespace
}  // namespace bmc::test
