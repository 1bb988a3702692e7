// SPDX-License-Identifier: Apache-2.0
// The request on the wire, against bytes made by another implementation (scapy 2.5).
#include "loadgen/frame.h"

#include <gtest/gtest.h>

#include <cstring>

namespace bmc::loadgen {
namespace {

Link link_of(const std::string& client, const std::string& server) {
  return {*parse_mac("02:00:00:00:00:02"), *parse_mac("02:00:00:00:00:01"), *IpAddress::parse(client),
          *IpAddress::parse(server), 11211};
}

std::string hex(const std::vector<std::uint8_t>& bytes) {
  std::string out;
  for (const std::uint8_t byte : bytes) {
    char two[3];
    std::snprintf(two, sizeof two, "%02x", byte);
    out += two;
  }
  return out;
}

Workload sequential(std::uint32_t key_size, std::uint32_t keys) {
  return *Workload::create({.key_size = key_size, .keys_per_request = keys, .pattern = Pattern::kSequential});
}

TEST(Frame, OfIpv4IsWhatScapyMakes) {
  EXPECT_EQ(hex(build_request(link_of("10.98.0.2", "10.98.0.1"), sequential(16, 1), 20001, 0x1234, 42)),
            "02000000000102000000000208004500003a00004000401125ed0a6200020a6200014e212bcb00266c74123400"
            "0000010000676574206b65792d3030303030303030303034320d0a");
}

TEST(Frame, OfIpv6WithTwoOddKeysIsWhatScapyMakes) {
  EXPECT_EQ(hex(build_request(link_of("fd98::2", "fd98::1"), sequential(13, 2), 20001, 0xffff, 42)),
            "02000000000102000000000286dd6000000000311140fd980000000000000000000000000002fd980000000000"
            "0000000000000000014e212bcb0031f0ffffff000000010000676574206b65792d303030303030303834206b65"
            "792d3030303030303038350d0a");
}

TEST(Frame, ChecksumOfZeroIsSentAsAllOnes) {
  // Some id makes the sum come out as zero, which RFC 768 reserves for "no checksum".
  const Link link = link_of("10.98.0.2", "10.98.0.1");
  const Workload workload = sequential(16, 1);
  int all_ones = 0;
  for (std::uint32_t id = 0; id < 65536; ++id) {
    const auto frame = build_request(link, workload, 20001, static_cast<std::uint16_t>(id), 0);
    ASSERT_FALSE(frame[40] == 0 && frame[41] == 0) << id;
    all_ones += frame[40] == 0xff && frame[41] == 0xff;
  }
  EXPECT_GE(all_ones, 1);
}

TEST(Frame, DescriptionIsTheFrameWithoutWhatChanges) {
  const Link link = link_of("fd98::2", "fd98::1");
  const Workload workload = sequential(13, 2);
  loadgen_config config = {};
  workload.describe(config);
  describe_frame(link, workload, config);
  const auto frame = build_request(link, workload, 20001, 0x1234, 42);
  ASSERT_EQ(config.frame_size, frame.size());
  EXPECT_EQ(config.udp_offset, 54u);
  for (std::size_t at = 0; at < frame.size(); ++at) {
    const std::size_t first = 54 + 8 + 8 + 4 + 5, second = first + 14;
    const bool changes = at == 54 || at == 55 || at == 60 || at == 61 || at == 62 || at == 63 ||
                         (at >= first && at < first + 8) || (at >= second && at < second + 8);
    EXPECT_EQ(config.frame[at], changes ? 0 : frame[at]) << at;
  }
}

TEST(Addresses, ParseAndPrint) {
  EXPECT_EQ(IpAddress::parse("10.1.2.3")->text(), "10.1.2.3");
  EXPECT_EQ(IpAddress::parse("fd98::1")->text(), "fd98::1");
  EXPECT_FALSE(IpAddress::parse("10.1.2"));
  EXPECT_FALSE(IpAddress::parse("localhost"));
  EXPECT_EQ(to_string(*parse_mac("02:bc:00:0a:ff:01")), "02:bc:00:0a:ff:01");
  EXPECT_FALSE(parse_mac("02:bc:00:0a:ff"));
  EXPECT_FALSE(parse_mac("02:bc:00:0a:ff:01:02"));
}

}  // namespace
}  // namespace bmc::loadgen
