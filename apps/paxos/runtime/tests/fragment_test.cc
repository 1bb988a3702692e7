// SPDX-License-Identifier: Apache-2.0
// Fragments: what is cut comes together in any order, what is wrong is refused, and nothing is unbounded.
#include "apps/paxos/runtime/fragment.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>

#include "apps/paxos/core/codec.h"
#include "apps/paxos/runtime/tests/split.h"

namespace bmc::paxos::runtime {
namespace {

constexpr std::size_t kDatagram = 1452;
constexpr std::size_t kPiece = kDatagram - kFragmentHeaderBytes;

const Endpoint kFrom = parse_endpoint("10.0.0.9:4000").value();
const Endpoint kOther = parse_endpoint("10.0.0.9:4001").value();

std::string encoded(std::size_t bytes, char fill = 'x') {
  Message message;
  message.type = MessageType::kRequest;
  std::string body(bytes - PAXOS_HEADER_BYTES, fill);
  for (std::size_t i = 0; i < body.size(); i += 7) body[i] = static_cast<char>(i);
  message.body = std::make_shared<const std::string>(std::move(body));
  return encode(message, 7, 1);
}

// `fragment` with a byte changed, and its hash made right again where asked.
std::string changed(std::string fragment, std::size_t offset, char value, bool rehash = true) {
  fragment[offset] = value;
  if (!rehash) return fragment;
  paxos_header header;
  std::memcpy(&header, fragment.data(), sizeof(header));
  header.hdr_hash = paxos_header_hash(&header);
  std::memcpy(fragment.data(), &header, sizeof(header));
  return fragment;
}

TEST(FragmentTest, CountsAtTheBoundaries) {
  EXPECT_EQ(split(encoded(kPiece + 1), kDatagram).size(), 2u);
  EXPECT_EQ(split(encoded(2 * kPiece), kDatagram).size(), 2u);
  EXPECT_EQ(split(encoded(2 * kPiece + 1), kDatagram).size(), 3u);
  EXPECT_EQ(fragment_count(fragmented_bytes_max(kDatagram), kDatagram), kFragmentsMax);
  EXPECT_EQ(fragment_count(fragmented_bytes_max(kDatagram) + 1, kDatagram), kFragmentsMax + 1);
  for (const std::string& each : split(encoded(5 * kPiece - 3), kDatagram)) EXPECT_LE(each.size(), kDatagram);
}

TEST(FragmentTest, ComesTogetherInAnyOrderWithDuplicates) {
  const std::string message = encoded(20 * kPiece + 11);
  std::mt19937 dice(1);
  for (int round = 0; round < 50; round++) {
    auto pieces = split(message, kDatagram);
    pieces.insert(pieces.end(), pieces.begin(), pieces.begin() + 5);
    std::shuffle(pieces.begin(), pieces.end(), dice);
    Reassembler reassembler(1u << 20, 1u << 22);
    std::size_t whole = 0;
    for (const std::string& piece : pieces) {
      const auto found = reassembler.add(0, kFrom, piece);
      if (!found) continue;
      whole++;
      EXPECT_EQ(*found, message);
      EXPECT_TRUE(std::holds_alternative<Message>(decode(*found, 7, 1, 3)));
    }
    EXPECT_EQ(whole, 1u);  // late duplicates may begin it anew, but never complete it
  }
}

TEST(FragmentTest, MoreFragmentsThanTheHeaderCanCount) {
  const std::string message = encoded(fragmented_bytes_max(kDatagram));
  Reassembler reassembler(message.size(), message.size());
  std::optional<std::string> found;
  for (const std::string& each : split(message, kDatagram)) {
    EXPECT_FALSE(found);
    EXPECT_TRUE(fragment_claim(each));
    found = reassembler.add(0, kFrom, each);
  }
  EXPECT_EQ(found, message);
}

TEST(FragmentTest, ASecondSendingFillsWhatTheFirstLost) {
  const std::string message = encoded(3 * kPiece);
  const auto first = split(message, kDatagram);
  const auto second = split(message, kDatagram);
  Reassembler reassembler(1u << 20, 1u << 22);
  EXPECT_FALSE(reassembler.add(0, kFrom, first[0]));
  EXPECT_FALSE(reassembler.add(0, kFrom, first[2]));
  EXPECT_EQ(reassembler.add(1000, kFrom, second[1]), message);
  EXPECT_EQ(reassembler.bytes(), 0u);
}

TEST(FragmentTest, SendersAreKeptApart) {
  const std::string message = encoded(2 * kPiece);
  const auto pieces = split(message, kDatagram);
  Reassembler reassembler(1u << 20, 1u << 22);
  EXPECT_FALSE(reassembler.add(0, kFrom, pieces[0]));
  EXPECT_FALSE(reassembler.add(0, kOther, pieces[1]));
  EXPECT_EQ(reassembler.add(0, kFrom, pieces[1]), message);
}

TEST(FragmentTest, MessagesAreKeptApart) {
  const auto one = split(encoded(2 * kPiece, 'a'), kDatagram);
  const auto two = split(encoded(2 * kPiece, 'b'), kDatagram);
  Reassembler reassembler(1u << 20, 1u << 22);
  EXPECT_FALSE(reassembler.add(0, kFrom, one[0]));
  EXPECT_FALSE(reassembler.add(0, kFrom, two[1]));
  EXPECT_EQ(reassembler.add(0, kFrom, two[0]), encoded(2 * kPiece, 'b'));
  EXPECT_EQ(reassembler.add(0, kFrom, one[1]), encoded(2 * kPiece, 'a'));
}

TEST(FragmentTest, OnlyFragmentsAreFragments) {
  EXPECT_FALSE(fragment_claim(encoded(500)));
  EXPECT_FALSE(fragment_claim(""));
  const std::string fragment = split(encoded(2 * kPiece), kDatagram)[0];
  ASSERT_TRUE(fragment_claim(fragment));
  EXPECT_EQ(fragment_claim(fragment)->cluster_id, 7u);
  EXPECT_EQ(fragment_claim(fragment)->sender, PAXOS_SENDER_CLIENT);
  EXPECT_FALSE(fragment_claim(fragment.substr(0, kFragmentHeaderBytes)));
  EXPECT_FALSE(fragment_claim(changed(fragment, offsetof(paxos_header, magic), 0)));
  EXPECT_FALSE(fragment_claim(changed(fragment, offsetof(paxos_header, hdr_words), 13)));
  EXPECT_FALSE(fragment_claim(changed(fragment, offsetof(paxos_header, frag_cnt), 1)));
}

TEST(FragmentTest, RefusesWhatContradictsItself) {
  const std::string fragment = split(encoded(2 * kPiece + 1), kDatagram)[1];
  const std::size_t total = PAXOS_HEADER_BYTES + 8, piece = total + 4, index = piece + 2;
  const std::string wrong[] = {
      changed(fragment, offsetof(paxos_header, view), 1, false),  // damaged header
      changed(fragment, offsetof(paxos_header, body_len), 1),     // another length
      changed(fragment, total + 1, 0),                            // less than one piece
      changed(fragment, total + 3, 0x7f),                         // 2 GiB
      changed(changed(fragment, piece, 0), piece + 1, 0),         // of no bytes
      changed(fragment, piece + 1, 0x7f),                         // shorter than a piece that is not the last
      changed(fragment, index, 2),                                // longer than the last
      changed(fragment, index, 3),                                // the fourth of three
      changed(fragment, index + 1, 0x7f),                         // far behind the end
      fragment + "x",                                             // longer than it says
      fragment.substr(0, fragment.size() - 1),
  };
  Reassembler reassembler(1u << 20, 1u << 22);
  std::uint64_t malformed = 0;
  for (const std::string& each : wrong) {
    EXPECT_FALSE(reassembler.add(0, kFrom, each));
    EXPECT_EQ(reassembler.malformed(), ++malformed);
    EXPECT_EQ(reassembler.bytes(), 0u);
  }
}

TEST(FragmentTest, RefusesWhatContradictsTheFragmentsBefore) {
  const auto pieces = split(encoded(3 * kPiece), kDatagram);
  Reassembler reassembler(1u << 20, 1u << 22);
  EXPECT_FALSE(reassembler.add(0, kFrom, pieces[0]));
  const std::string longer = split(encoded(3 * kPiece + 1), kDatagram)[1];
  std::string other = longer;  // of the same message, it says
  other.replace(PAXOS_HEADER_BYTES, 8, pieces[1], PAXOS_HEADER_BYTES, 8);
  EXPECT_FALSE(reassembler.add(0, kFrom, other));
  EXPECT_EQ(reassembler.malformed(), 1u);
  other = split(encoded(3 * kPiece), kDatagram - 1)[1];
  other.replace(PAXOS_HEADER_BYTES, 8, pieces[1], PAXOS_HEADER_BYTES, 8);
  EXPECT_FALSE(reassembler.add(0, kFrom, other));
  EXPECT_EQ(reassembler.malformed(), 2u);
}

TEST(FragmentTest, TheOldestGoesWhenThereIsNoRoom) {
  const std::string first = encoded(2 * kPiece, 'a');
  const std::size_t room = first.size() * 2;
  Reassembler reassembler(first.size(), room);
  const auto one = split(first, kDatagram);
  EXPECT_FALSE(reassembler.add(0, kFrom, one[0]));
  EXPECT_FALSE(reassembler.add(0, kFrom, split(encoded(2 * kPiece, 'b'), kDatagram)[0]));
  EXPECT_EQ(reassembler.bytes(), room);
  EXPECT_EQ(reassembler.given_up(), 0u);
  EXPECT_FALSE(reassembler.add(0, kFrom, split(encoded(2 * kPiece, 'c'), kDatagram)[0]));
  EXPECT_EQ(reassembler.bytes(), room);
  EXPECT_EQ(reassembler.given_up(), 1u);
  EXPECT_FALSE(reassembler.add(0, kFrom, one[1]));  // its first half is gone
}

TEST(FragmentTest, WhatStaysIncompleteIsGivenUp) {
  const auto one = split(encoded(2 * kPiece, 'a'), kDatagram);
  const auto two = split(encoded(2 * kPiece, 'b'), kDatagram);
  Reassembler reassembler(1u << 20, 1u << 22);
  EXPECT_FALSE(reassembler.add(0, kFrom, one[0]));
  EXPECT_FALSE(reassembler.add(Reassembler::kKeptUs - 1, kFrom, two[0]));
  EXPECT_EQ(reassembler.given_up(), 0u);
  EXPECT_FALSE(reassembler.add(Reassembler::kKeptUs, kOther, one[0]));
  EXPECT_EQ(reassembler.given_up(), 1u);
}

}  // namespace
}  // namespace bmc::paxos::runtime
