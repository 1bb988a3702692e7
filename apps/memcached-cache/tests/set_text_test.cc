// SPDX-License-Identifier: Apache-2.0
// From a `set` to the text of an entry, natively: the steps of coherence/stage.bpf.h on a buffer.
#include "apps/memcached-cache/store/set_text.h"

#include <gtest/gtest.h>

#include <cstring>
#include <optional>
#include <string>

#include "apps/memcached-cache/tests/store_fixture.h"

namespace bmc::test {
namespace {

constexpr std::uint64_t kSeed = 0x1234567;

struct Text {
  std::string text;
  reply_value value;
};

// `line` and `data` as they stand in the request, data with its \r\n. Nothing: not to be staged.
std::optional<Text> text_of(const std::string& line, const std::string& data) {
  reply_buffer buffer;
  std::memset(&buffer, 'x', sizeof buffer);
  auto* payload = reinterpret_cast<char*>(&buffer);
  if (line.size() > SET_LINE_MAX || line.size() < SET_LINE_MIN) return {};
  std::memcpy(payload + SET_AT, line.data(), line.size());
  set_line parts = {};
  if (!set_line_read(&buffer, static_cast<__u32>(SET_AT + line.size()), &parts)) return {};
  const std::string rest = line.substr(parts.bytes_at - SET_AT) + data;
  std::memcpy(payload + parts.exptime_at, rest.data(), rest.size());
  const auto end = static_cast<__u32>(parts.exptime_at + rest.size());
  set_text_end(&buffer, end);
  Text result{};
  if (reply_read(&buffer, end + CACHE_END_BYTES, kSeed, &result.value) != TEXT_VALUE) return {};
  set_text_pad(&buffer, end);
  result.text.assign(payload + CACHE_UDP_HEADER, end - CACHE_UDP_HEADER);
  EXPECT_EQ(std::string(payload + end, 8), std::string(8, '\0')) << "the padding counts into the sum";
  return result;
}

TEST(SetText, IsWhatAGetIsAnsweredWith) {
  for (const std::string& key :
       {std::string("k"), std::string("1"), std::string("12345678"), std::string(250, 'k')})
    for (const char* flags : {"0", "7", "999999999"})
      for (const char* exptime : {"0", "60", "2592000", "1999999999", "00"})
        for (const std::string& data :
             {std::string(), std::string("v"), std::string("\r\nEND\r\n"), std::string(900, 'v')}) {
          SCOPED_TRACE(key + " " + flags + " " + exptime + " " + std::to_string(data.size()));
          const auto text =
              text_of("set " + key + " " + flags + " " + exptime + " " + std::to_string(data.size()) + "\r\n",
                      data + "\r\n");
          ASSERT_TRUE(text);
          EXPECT_EQ(text->text, value_text(key, static_cast<std::uint32_t>(std::stoul(flags)), data));
          EXPECT_EQ(text->value.key_hash, key_hash(kSeed, key));
          EXPECT_EQ(text->value.key_len, key.size());
          EXPECT_EQ(text->value.text_len, text->text.size());
        }
}

// Each is the canonical one with something changed.
TEST(SetText, WhatMemcachedWouldWriteOtherwiseIsRefused) {
  ASSERT_TRUE(text_of("set k 0 0 2\r\n", "hi\r\n"));
  for (const char* line : {"set k 00 0 2\r\n",          "set k 01 0 2\r\n",    "set k 0 0 02\r\n",
                           "set k  0 0 2\r\n",          "set  k 0 0 2\r\n",    "set k 0  0 2\r\n",
                           "set k 0 0  2\r\n",          "set k 0 0 2 \r\n",    "set k 0 0 2\n\r\n",
                           "set k 0 0 2 \n\n",          "set k -1 0 2\r\n",    "set k +1 0 2\r\n",
                           "set k 0 -1 2\r\n",          "set k 0 +1 2\r\n",    "set k 1234567890 0 2\r\n",
                           "set k 0 12345678901 2\r\n", "set k 0 0 00002\r\n", "set k 0 0 3\r\n",
                           "set k 0 0 1\r\n",           "add k 0 0 2\r\n",     "Set k 0 0 2\r\n",
                           "set k 0 0 2 noreply\r\n",   "set k x 0 2\r\n",     "set k 0 x 2\r\n",
                           "set k 0 0 x2\r\n",          "set 1 2 2\r\n\r\n",   "set 0 0 0 0 2\r\n"})
    EXPECT_FALSE(text_of(line, "hi\r\n")) << line;
  EXPECT_FALSE(text_of("set k 0 0 2\r\n", "hi\n\r"));
  EXPECT_FALSE(text_of("set k 0 0 2\r\n", "hixx"));
  EXPECT_FALSE(text_of("set " + std::string(251, 'k') + " 0 0 2\r\n", "hi\r\n"));
}

// The verifier cannot know that a line is one; whatever stands there, nothing outside of the buffer is read.
TEST(SetText, LinesOfDigitsAndSpaces) {
  for (std::uint32_t seed = 1; seed < 200'000; ++seed) {
    std::string line = "set ";
    for (std::uint32_t bits = seed * 2654435761u, i = 0; i < 12; ++i, bits = bits >> 2 | bits << 30)
      line += "02 k"[bits & 3];
    line += "\r\n";
    const auto text = text_of(line, "hi\r\n");
    if (!text) continue;
    ASSERT_EQ(text->text.substr(0, 6), "VALUE ");
    ASSERT_TRUE(text->text.ends_with(" 2\r\nhi\r\n")) << line;
  }
}

}  // namespace
}  // namespace bmc::test
