// SPDX-License-Identifier: Apache-2.0
// The codec: what goes through unchanged, and for every refusal a datagram that differs from a good one in
// exactly the field it is about.
#include "apps/paxos/core/codec.h"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <vector>

#include "apps/paxos/core/crc32c.h"

namespace bmc::paxos {
namespace {

constexpr std::uint64_t kCluster = 0x1122334455667788;
constexpr std::uint32_t kEpoch = 3;
constexpr std::uint8_t kReplicas = 5;

Message prepare(std::string body = "some requests") {
  return Message{.type = MessageType::kPrepare,
                 .flags = PAXOS_FLAG_RETRANSMIT,
                 .sender = 4,
                 .ack_level = PAXOS_ACK_DURABLE,
                 .incarnation = 7,
                 .echo = 8,
                 .view = std::uint64_t{1} << 40,
                 .op = std::uint64_t{1} << 41,
                 .commit = std::uint64_t{1} << 42,
                 .chain = ~std::uint64_t{0},
                 .body = std::make_shared<const std::string>(std::move(body))};
}

std::variant<Message, Refusal> decode_here(std::string_view bytes) {
  return decode(bytes, kCluster, kEpoch, kReplicas);
}

// Nothing, or the name of the refusal.
std::string refusal_of(std::string_view bytes) {
  const auto decoded = decode_here(bytes);
  return std::holds_alternative<Refusal>(decoded) ? name_of(std::get<Refusal>(decoded)) : "";
}

using Change = std::function<void(paxos_header&)>;

// A good datagram whose header was changed; the hash is right again.
std::string changed(const Change& change, const std::string& body = "some requests") {
  std::string bytes = encode(prepare(body), kCluster, kEpoch);
  paxos_header header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  change(header);
  header.hdr_hash = paxos_header_hash(&header);
  std::memcpy(bytes.data(), &header, sizeof(header));
  return bytes;
}

void expect_equal(const Message& left, const Message& right) {
  EXPECT_EQ(left.type, right.type);
  EXPECT_EQ(left.flags, right.flags);
  EXPECT_EQ(left.sender, right.sender);
  EXPECT_EQ(left.ack_level, right.ack_level);
  EXPECT_EQ(left.incarnation, right.incarnation);
  EXPECT_EQ(left.echo, right.echo);
  EXPECT_EQ(left.view, right.view);
  EXPECT_EQ(left.op, right.op);
  EXPECT_EQ(left.commit, right.commit);
  EXPECT_EQ(left.chain, right.chain);
  EXPECT_EQ(*left.body, *right.body);
}

TEST(CodecTest, EveryFieldComesBack) {
  for (const std::string& body : {std::string(), std::string("x"), std::string(100'000, '\xff')}) {
    const std::string bytes = encode(prepare(body), kCluster, kEpoch);
    EXPECT_EQ(bytes.size(), PAXOS_HEADER_BYTES + body.size());
    const auto decoded = decode_here(bytes);
    ASSERT_TRUE(std::holds_alternative<Message>(decoded)) << refusal_of(bytes);
    expect_equal(std::get<Message>(decoded), prepare(body));
  }
}

TEST(CodecTest, TheBytesAreThoseOfTheWireFormat) {
  const std::string bytes = encode(prepare("123456789"), kCluster, kEpoch);
  EXPECT_EQ(bytes.substr(0, 8), std::string("EPX1\x01\x01\x06\x0a", 8));
  EXPECT_EQ(bytes.substr(8, 8), "\x88\x77\x66\x55\x44\x33\x22\x11");
  EXPECT_EQ(bytes.substr(16, 8), std::string("\x03\0\0\0\x04\x02\0\x01", 8));
  EXPECT_EQ(bytes.substr(60, 4), std::string("\x09\0\0\0", 4));
  EXPECT_EQ(bytes.substr(64, 4), "\x83\x92\x06\xe3");  // the check value of CRC32C
  EXPECT_EQ(bytes.substr(80), "123456789");
}

TEST(CodecTest, EveryTypeGoesThrough) {
  for (int type = PAXOS_PREPARE; type <= PAXOS_CHECKPOINT; type++) {
    Message message = prepare();
    message.type = static_cast<MessageType>(type);
    EXPECT_EQ(refusal_of(encode(message, kCluster, kEpoch)), "") << type;
  }
}

TEST(CodecTest, RefusesWhatIsNotForUs) {
  const std::string good = changed([](paxos_header&) {});
  ASSERT_EQ(refusal_of(good), "");
  EXPECT_EQ(refusal_of(changed([](paxos_header& header) { header.magic++; })), "magic");
  EXPECT_EQ(refusal_of(changed([](paxos_header& header) { header.version = 2; })), "version");
  EXPECT_EQ(refusal_of(changed([](paxos_header& header) { header.hdr_words = 9; })), "header_words");
  EXPECT_EQ(refusal_of(changed([](paxos_header& header) { header.hdr_words = 11; })), "header_words");
  EXPECT_EQ(refusal_of(changed([](paxos_header& header) { header.cluster_id++; })), "cluster");
  EXPECT_EQ(refusal_of(changed([](paxos_header& header) { header.epoch--; })), "epoch");
  EXPECT_EQ(refusal_of(changed([](paxos_header& header) { header.epoch++; })), "epoch");
  EXPECT_EQ(refusal_of(changed([](paxos_header& header) { header.type = 0; })), "type");
  EXPECT_EQ(refusal_of(changed([](paxos_header& header) { header.type = PAXOS_CHECKPOINT + 1; })), "type");
  EXPECT_EQ(refusal_of(changed([](paxos_header& header) { header.flags |= 0x10; })), "flags");
  EXPECT_EQ(refusal_of(changed([](paxos_header& header) { header.ack_level = 3; })), "ack_level");
  EXPECT_EQ(refusal_of(changed([](paxos_header& header) { header.frag_idx = 1; })), "fragment");
  EXPECT_EQ(refusal_of(changed([](paxos_header& header) { header.frag_cnt = 0; })), "fragment");
  EXPECT_EQ(refusal_of(changed([](paxos_header& header) { header.frag_cnt = 2; })), "fragment");
  EXPECT_EQ(refusal_of(changed([](paxos_header& header) { header.body_len++; })), "body_length");
  EXPECT_EQ(refusal_of(changed([](paxos_header& header) { header.body_len--; })), "body_length");
  EXPECT_EQ(refusal_of(changed([](paxos_header& header) { header.body_crc32c++; })), "body_crc");
}

TEST(CodecTest, OnlyAnEmptyBodyGoesWithoutChecksum) {
  const Change without = [](paxos_header& header) { header.flags = 0; };
  EXPECT_EQ(refusal_of(changed(without)), "flags");
  EXPECT_EQ(refusal_of(changed(without, "")), "");
}

TEST(CodecTest, AClientSendsRequestsOnly) {
  const auto from = [](std::uint8_t sender, std::uint8_t type) {
    return refusal_of(changed([=](paxos_header& header) {
      header.sender = sender;
      header.type = type;
    }));
  };
  EXPECT_EQ(from(PAXOS_SENDER_CLIENT, PAXOS_REQUEST), "");
  EXPECT_EQ(from(PAXOS_SENDER_CLIENT, PAXOS_PREPARE), "sender");
  EXPECT_EQ(from(kReplicas - 1, PAXOS_PREPARE), "");
  EXPECT_EQ(from(kReplicas, PAXOS_PREPARE), "sender");
  EXPECT_EQ(from(kReplicas, PAXOS_REQUEST), "sender");
}

TEST(CodecTest, EveryPrefixIsRefused) {
  const std::string good = encode(prepare(), kCluster, kEpoch);
  for (std::size_t length = 0; length < good.size(); length++) {
    EXPECT_EQ(refusal_of(good.substr(0, length)), length < PAXOS_HEADER_BYTES ? "too_short" : "body_length");
  }
  EXPECT_EQ(refusal_of(good + '\0'), "body_length");
}

TEST(CodecTest, EveryFlippedBitIsRefused) {
  const std::string good = encode(prepare(), kCluster, kEpoch);
  for (std::size_t bit = 0; bit < good.size() * 8; bit++) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ 1 << bit % 8);
    EXPECT_NE(refusal_of(bad), "") << "bit " << bit;
  }
}

TEST(CodecTest, AStreamLearnsTheLengthFromTheHeader) {
  const std::string good = encode(prepare(), kCluster, kEpoch);
  const auto length = [](std::string_view bytes) {
    return message_bytes(bytes, kCluster, kEpoch, kReplicas);
  };
  EXPECT_EQ(std::get<std::size_t>(length(good)), good.size());
  EXPECT_EQ(std::get<std::size_t>(length(good.substr(0, PAXOS_HEADER_BYTES))), good.size());
  EXPECT_EQ(std::get<Refusal>(length(good.substr(0, PAXOS_HEADER_BYTES - 1))), Refusal::too_short);
  EXPECT_EQ(std::get<Refusal>(length(changed([](paxos_header& header) { header.epoch++; }))), Refusal::epoch);
}

TEST(CodecTest, EveryRefusalHasANameAndAText) {
  EXPECT_STREQ(name_of(Refusal::too_short), "too_short");
  EXPECT_STREQ(name_of(Refusal::body_crc), "body_crc");
  EXPECT_STREQ(text_of(Refusal::body_crc), "the body is damaged");
  EXPECT_EQ(static_cast<std::size_t>(Refusal::body_crc) + 1, kRefusals);
}

TEST(CodecDeathTest, EncodeAbortsOnAProgrammersError) {
  Message message = prepare();
  message.body = nullptr;
  EXPECT_DEATH((void)encode(message, kCluster, kEpoch), "without a body");
  message = prepare();
  message.type = static_cast<MessageType>(0);
  EXPECT_DEATH((void)encode(message, kCluster, kEpoch), "type that does not exist");
}

TEST(Crc32cTest, InstructionAndTableAgree) {
  EXPECT_EQ(crc32c(""), 0u);
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);  // RFC 3720, B.4
  std::string bytes;
  for (int i = 0; i < 200; i++) {
    bytes.push_back(static_cast<char>(i * 37));
    for (std::size_t from = 0; from < bytes.size() && from < 9; from++) {  // every alignment
      const std::string_view part = std::string_view(bytes).substr(from);
      ASSERT_EQ(crc32c(part), internal::crc32c_by_table(part));
    }
  }
}

}  // namespace
}  // namespace bmc::paxos
