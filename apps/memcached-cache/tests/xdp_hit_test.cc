// SPDX-License-Identifier: Apache-2.0
// Hits of cache_get: every byte of the answer, over both address families, at the bounds of keys and values.
#include <string>

#include "apps/memcached-cache/tests/xdp_fixture.h"

namespace bmc::test {
namespace {

class XdpHit : public XdpTest {};

TEST_F(XdpHit, AnswersOneKey) {
  const auto placed = store().place({.key = "greeting", .data = "hello", .flags = 42});
  EXPECT_EQ(placed.text, "VALUE greeting 42 5\r\nhello\r\n");
  expect_answer("greeting", placed.text);
  expect_no_answer("greetinh", CACHE_PASS_MISS);
}

TEST_F(XdpHit, AnswersOverEachKindOfHeader) {
  const auto placed = store().place({.key = "k1", .data = "value"});
  for (const bool ipv6 : {false, true}) {
    for (const bool vlan : {false, true}) {
      SCOPED_TRACE(std::string(ipv6 ? "IPv6" : "IPv4") + (vlan ? " with tag" : ""));
      expect_answer("k1", placed.text, {.ipv6 = ipv6, .vlan = vlan});
      expect_no_answer("k2", CACHE_PASS_MISS, {.ipv6 = ipv6, .vlan = vlan});
    }
  }
}

// memcached does not look at it, and sends 0. memcaslap, for one, has something there.
TEST_F(XdpHit, WhateverStandsInTheReservedHalf) {
  const std::string one = store().place({.key = "k", .data = "1"}).text;
  const std::string two = one + store().place({.key = "other", .data = "2"}).text;
  for (const unsigned reserved : {1u, 0x100u, 0x8000u, 0xffffu}) {
    SCOPED_TRACE(reserved);
    const Memcached header{.reserved = static_cast<std::uint16_t>(reserved)};
    for (const auto& [line, texts] : {std::pair("get k\r\n", one), std::pair("get k other\r\n", two)}) {
      expect_hit(frame(Ethernet{} / IPv4{} / UDP{} / header / Text{line}), reply_frame(texts + "END\r\n"));
      expect_hit(frame(Ethernet{} / IPv6{} / UDP{} / header / Text{line}),
                 reply_frame(texts + "END\r\n", {.ipv6 = true}));
    }
  }
}

TEST_F(XdpHit, KeepsAServiceTag) {
  const auto placed = store().place({.key = "k", .data = "v"});
  const Vlan tag{.id = 0x6abc, .protocol = 0x88a8};
  const auto request = frame(Ethernet{} / tag / IPv4{} / UDP{} / Memcached{} / Text{"get k\r\n"});
  const auto reply =
      frame(Ethernet{.to = kClientMac, .from = kServerMac} / tag /
            IPv4{.from = kServerIp4, .to = kClientIp4, .ttl = 64, .id = kRequestId, .fragment = 0} /
            UDP{.from = kServerPort, .to = kClientPort} / Memcached{} / Text{placed.text + "END\r\n"});
  expect_hit(request, reply);
}

// Key lengths around each multiple of a word, and so each parity of the line's end.
TEST_F(XdpHit, AnswersKeysOfEveryLength) {
  for (std::size_t length = 1; length <= CACHE_KEY_MAX; ++length) {
    store().reset();
    SetUp();
    std::string key(length, 'k');
    key.back() = 'z';
    const auto placed = store().place({.key = key, .data = "data"});
    SCOPED_TRACE(length);
    expect_answer(key, placed.text);
    key.back() = 'y';
    expect_no_answer(key, CACHE_PASS_MISS);
  }
}

TEST_F(XdpHit, PassesAKeyOfOneByteTooMany) {
  const std::string longest(CACHE_KEY_MAX, 'k');
  const auto placed = store().place({.key = longest, .data = "v"});
  expect_answer(longest, placed.text);
  expect_no_answer(longest + "k", CACHE_PASS_MALFORMED);
}

// Lengths on both sides of each way the text is copied and of its parity, up to the largest reply.
TEST_F(XdpHit, AnswersValuesOfEveryLength) {
  const std::size_t frame_bytes = CACHE_UDP_HEADER + std::string("VALUE k 0 1234\r\n\r\nEND\r\n").size();
  const std::size_t largest = CACHE_REPLY_MAX - frame_bytes;
  for (std::size_t length = 0; length <= largest; length += length < 520 ? 1 : 41) {
    store().reset();
    SetUp();
    const auto placed =
        store().place({.key = "k", .data = std::string(length, static_cast<char>('a' + length % 26))});
    SCOPED_TRACE(length);
    expect_answer("k", placed.text);
  }
}

TEST_F(XdpHit, AnswersUpToTheLargestPayloadAndNotOneByteMore) {
  const std::string line = "VALUE k 0 1371\r\n";
  const std::string largest = line + std::string(CACHE_TEXT_MAX - line.size() - 2, 'x') + "\r\n";
  const auto placed = store().place({.key = "k", .data = "", .text = largest});
  ASSERT_EQ(CACHE_UDP_HEADER + placed.text.size() + CACHE_END_BYTES, CACHE_REPLY_MAX);
  expect_answer("k", largest);
  expect_answer("k", largest, {.ipv6 = true, .vlan = true});
  store().place({.key = "l", .data = "", .text = "VALUE l" + largest.substr(7) + "x"});
  expect_no_answer("l", CACHE_PASS_TOO_LARGE);
}

TEST_F(XdpHit, CopiesValuesThatLookLikeProtocol) {
  for (const std::string& data : {std::string("END\r\n"), std::string("\r\nVALUE k 0 1\r\nx\r\nEND\r\n"),
                                  std::string("\0\0\r\n\0", 5)}) {
    store().reset();
    SetUp();
    const auto placed = store().place({.key = "k", .data = data});
    expect_answer("k", placed.text);
  }
}

TEST_F(XdpHit, AnswersKeysOfAnyByteThatAKeyMayHave) {
  std::string key;
  for (int byte = 0x21; byte <= 0xff; ++byte) {
    if (byte != 0x7f) key += static_cast<char>(byte);
  }
  const auto placed = store().place({.key = key, .data = "v"});
  expect_answer(key, placed.text);
}

TEST_F(XdpHit, AnswersARequestWithoutChecksumOverIPv4Only) {
  const auto placed = store().place({.key = "k", .data = "v"});
  expect_hit(request_frame("get k\r\n", {}, UDP{.checksum = 0}), reply_frame(placed.text + "END\r\n"));
  expect_pass(request_frame("get k\r\n", {.ipv6 = true}, UDP{.checksum = 0}), CACHE_PASS_CHECKSUM);
}

// A sum of 0 must be sent as 0xffff: 0 would mean that there is none. The data that brings it about is the
// checksum of the reply with zeros in its place, its bytes swapped, since it stands at an odd place.
TEST_F(XdpHit, NeverSendsAChecksumOfZero) {
  const std::size_t field = 14 + 20 + 6;
  const auto zeros = reply_frame("VALUE k 0 2\r\n" + std::string(2, '\0') + "\r\nEND\r\n");
  const std::string data{static_cast<char>(zeros.at(field + 1)), static_cast<char>(zeros.at(field))};
  const auto reply = reply_frame("VALUE k 0 2\r\n" + data + "\r\nEND\r\n");
  ASSERT_EQ(reply.at(field) << 8 | reply.at(field + 1), 0xffff);
  store().place({.key = "k", .data = data});
  expect_hit(request_frame("get k\r\n"), reply);
}

// What Ethernet pads short frames with is neither answered nor lost.
TEST_F(XdpHit, AnswersAPaddedFrame) {
  const auto placed = store().place({.key = "k", .data = "v"});
  const Bytes most(12, 0xee);
  auto padded = request_frame("get k\r\n");
  padded.insert(padded.end(), most.begin(), most.end());
  expect_hit(padded, reply_frame(placed.text + "END\r\n"));
  padded.push_back(0xee);
  expect_pass(padded, CACHE_PASS_SHORT);
}

TEST_F(XdpHit, LeavesTheFlowLabelAndNoTrafficClass) {
  const auto placed = store().place({.key = "k", .data = "v"});
  const auto request =
      frame(Ethernet{} / IPv6{.first_word = 0x6ff12345} / UDP{} / Memcached{} / Text{"get k\r\n"});
  const auto reply =
      frame(Ethernet{.to = kClientMac, .from = kServerMac} /
            IPv6{.from = kServerIp6, .to = kClientIp6, .hop_limit = 64, .first_word = 0x60012345} /
            UDP{.from = kServerPort, .to = kClientPort} / Memcached{} / Text{placed.text + "END\r\n"});
  expect_hit(request, reply);
}

// Each server has its own addresses, seed, guards and entries.
TEST_F(XdpHit, TellsServersApart) {
  store().serve(1, "192.0.2.2", 11300);
  const auto mine = store().place({.key = "k", .data = "of server 0", .server = 0});
  const auto other = store().place({.key = "k", .data = "of server 1", .server = 1});
  expect_answer("k", mine.text);
  const IPv4 to_other{.to = "192.0.2.2"};
  const auto outcome = run(frame(Ethernet{} / to_other / UDP{.to = 11300} / Memcached{} / Text{"get k\r\n"}));
  const std::string payload(outcome.run.frame.begin() + 14 + 20 + 8 + 8, outcome.run.frame.end());
  EXPECT_EQ(payload, other.text + "END\r\n");
  expect_pass(frame(Ethernet{} / to_other / UDP{.to = kServerPort} / Memcached{} / Text{"get k\r\n"}),
              CACHE_PASS_NOT_SERVED);
}

// Two keys with one tag in one bucket: the tag finds both, the whole key decides.
TEST_F(XdpHit, ComparesTheWholeKey) {
  const auto right = store().place({.key = "same-tag-a", .data = "right", .way = 3});
  auto forged = store().place({.key = "same-tag-b", .data = "wrong"});
  right.bucket->way[0] = (forged.bucket->way[forged.way] & ~(WAY_TAG_MASK << WAY_TAG_SHIFT)) |
                         cache_tag(right.hash) << WAY_TAG_SHIFT;
  expect_answer("same-tag-a", right.text);
}

TEST_F(XdpHit, FindsAKeyInEachWay) {
  for (std::uint32_t way = 0; way < CACHE_BUCKET_WAYS; ++way) {
    store().reset();
    SetUp();
    const auto placed = store().place({.key = "k", .data = "v", .way = way});
    expect_answer("k", placed.text);
  }
}

TEST_F(XdpHit, FindsAnEntryAtTheEndOfTheLastSegment) {
  const std::uint32_t last = control().segment_count - 1;
  store().segment(last).used = CACHE_SEGMENT_BYTES - CACHE_ENTRY_MAX;
  const auto placed = store().place({.key = "k", .data = std::string(1300, 'v'), .segment = last});
  expect_answer("k", placed.text);
  placed.bucket->way[placed.way] += 1; /* eight bytes further: an entry of full size would not fit */
  expect_no_answer("k", CACHE_PASS_MISS);
}

TEST_F(XdpHit, ReadsOnly) {
  const auto placed = store().place({.key = "k", .data = "v"});
  const std::string bucket(reinterpret_cast<const char*>(placed.bucket), sizeof *placed.bucket);
  const std::string log(reinterpret_cast<const char*>(store().log(0)), 4096);
  expect_answer("k", placed.text);
  expect_no_answer("other", CACHE_PASS_MISS);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(placed.bucket), sizeof *placed.bucket), bucket);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(store().log(0)), 4096), log);
  EXPECT_EQ(store().guard_of(placed.hash).word, 0u);
}

}  // namespace
}  // namespace bmc::test
