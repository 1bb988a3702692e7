// SPDX-License-Identifier: Apache-2.0
// The form of a reply: reply_read natively, against a plain reading of the same bytes.
#include <gtest/gtest.h>

#include <cstring>
#include <optional>
#include <random>
#include <string>

#include "apps/memcached-cache/store/reply_text.h"
#include "apps/memcached-cache/tests/store_fixture.h"

namespace bmc::test {
namespace {

constexpr std::uint64_t kSeed = 0x1234567;

struct Read {
  text_shape shape;
  reply_value value;
};

// `behind` is what an earlier, longer reply left in the buffer.
Read read(const std::string& text, char behind = 'x') {
  reply_buffer buffer;
  std::memset(&buffer, behind, sizeof buffer);
  auto* payload = reinterpret_cast<char*>(&buffer);
  const auto length = std::min<std::size_t>(text.size(), REPLY_BUFFER_MASK - CACHE_UDP_HEADER);
  std::memcpy(payload + CACHE_UDP_HEADER, text.data(), length);
  Read result{};
  result.shape =
      reply_read(&buffer, static_cast<std::uint32_t>(length + CACHE_UDP_HEADER), kSeed, &result.value);
  return result;
}

// The same by std::string, as the protocol says it.
std::optional<std::string> key_of_whole_value(const std::string& text) {
  if (!text.starts_with("VALUE ") || text.size() > CACHE_REPLY_MAX - CACHE_UDP_HEADER) return {};
  const auto key_end =
      text.find(' ', 6);  // other bytes of a key are memcached's to judge: it echoes the request's
  if (key_end == std::string::npos) return {};
  const auto flags_end = text.find(' ', key_end + 1);
  if (flags_end == std::string::npos) return {};
  const auto line = text.find("\r\n", flags_end);
  if (line == std::string::npos) return {};
  const auto flags = text.substr(key_end + 1, flags_end - key_end - 1);
  const auto bytes = text.substr(flags_end + 1, line - flags_end - 1);
  const auto plain = [](const std::string& number, std::size_t most) {
    return !number.empty() && number.size() <= most &&
           number.find_first_not_of("0123456789") == std::string::npos;
  };
  if (key_end == 6 || key_end - 6 > CACHE_KEY_MAX || !plain(flags, 20) || !plain(bytes, 4)) return {};
  const auto data = line + 2, size = std::stoul(bytes);
  if (text.size() < data + size || text.substr(data + size) != "\r\nEND\r\n") return {};
  return text.substr(6, key_end - 6);
}

void expect_value(const std::string& key, std::uint32_t flags, const std::string& data) {
  const auto text = value_text(key, flags, data);
  const auto result = read(text + "END\r\n");
  ASSERT_EQ(result.shape, TEXT_VALUE) << text;
  EXPECT_EQ(result.value.key_len, key.size());
  EXPECT_EQ(result.value.key_hash, key_hash(kSeed, key));
  EXPECT_EQ(result.value.text_len, text.size());
}

TEST(FillReply, EveryKeyLength) {
  for (std::size_t length = 1; length <= CACHE_KEY_MAX; ++length)
    expect_value(std::string(length, 'k'), 0, "v");
  EXPECT_EQ(read(value_text(std::string(251, 'k'), 0, "v") + "END\r\n").shape, TEXT_OTHER);
  EXPECT_EQ(read(value_text(std::string(300, 'k'), 0, "v") + "END\r\n").shape, TEXT_OTHER);
  EXPECT_EQ(read(value_text("", 0, "v") + "END\r\n").shape, TEXT_OTHER);
}

TEST(FillReply, Values) {
  expect_value("k", 0, "");
  expect_value("k", 4294967295u, "v");
  expect_value("key", 1, "a\r\nEND\r\n");
  expect_value("key", 1, "\r\n");
  expect_value("key", 1, "VALUE key 1 3\r\nabc\r\nEND\r\n");
  expect_value("key", 1, std::string(500, '\0'));
}

TEST(FillReply, TheLargestText) {
  const auto frame_bytes = value_text("k", 0, "").size() + 3;  // four digits instead of one
  const auto most = CACHE_TEXT_MAX - frame_bytes;
  expect_value("k", 0, std::string(most, 'v'));
  EXPECT_EQ(value_text("k", 0, std::string(most, 'v')).size(), CACHE_TEXT_MAX);
  EXPECT_EQ(read(value_text("k", 0, std::string(most + 1, 'v')) + "END\r\n").shape, TEXT_OTHER);
}

TEST(FillReply, Miss) {
  EXPECT_EQ(read("END\r\n").shape, TEXT_MISS);
  EXPECT_EQ(read("END\r\r").shape, TEXT_OTHER);
  EXPECT_EQ(read("END\r").shape, TEXT_OTHER);
  EXPECT_EQ(read("END\r\n ").shape, TEXT_OTHER);
}

TEST(FillReply, OtherForms) {
  for (const std::string text : {"VALUE k 0 1 77\r\nv\r\nEND\r\n",                   // cas field
                                 "VALUE k 0 1\r\nv\r\nVALUE l 0 1\r\nw\r\nEND\r\n",  // two values
                                 "VALUE k 0 1\r\nv\r\n",                             // one part of several
                                 "VALUE k 0 2\r\nv\r\nEND\r\n",
                                 "VALUE k 0 0\r\nv\r\nEND\r\n",
                                 "VALUE k 0 1\r\nv\r\nEND\r\nx",
                                 "VALUE k 0 1\r\nv\r\nEND\r",
                                 "VALUE k 0 1\r\nv\r\nENDS\r\n",
                                 "VALUE k 0 1\r\nvxxEND\r\n",
                                 "VALUE k 0 x\r\nv\r\nEND\r\n",
                                 "VALUE k  1\r\nv\r\nEND\r\n",
                                 "VALUE k -1 1\r\nv\r\nEND\r\n",
                                 "VALUE k 0 \r\nv\r\nEND\r\n",
                                 "VALUE k 0 1\nv\r\nEND\r\n",
                                 "VALUE k 0 00001\r\nv\r\nEND\r\n",
                                 "VALUE k 000000000000000000000 1\r\nv\r\nEND\r\n",
                                 "VALUE k 0 1\rxv\r\nEND\r\n",
                                 "value k 0 1\r\nv\r\nEND\r\n",
                                 "STORED\r\n",
                                 "ERROR\r\n",
                                 "SERVER_ERROR out of memory\r\n",
                                 "VA 1 t\r\nv\r\n",
                                 "VALUE ",
                                 "",
                                 "E"}) {
    EXPECT_EQ(read(text).shape, TEXT_OTHER) << text;
    EXPECT_FALSE(key_of_whole_value(text)) << text;
  }
}

// What an earlier reply left behind must not complete a shorter one.
TEST(FillReply, BytesBehindTheDatagramDoNotCount) {
  const auto text = value_text("key", 0, "data") + "END\r\n";
  for (std::size_t length = 0; length < text.size(); ++length) {
    reply_buffer buffer{};
    std::memcpy(reinterpret_cast<char*>(&buffer) + CACHE_UDP_HEADER, text.data(), text.size());
    reply_value value{};
    EXPECT_EQ(reply_read(&buffer, static_cast<std::uint32_t>(length + CACHE_UDP_HEADER), kSeed, &value),
              TEXT_OTHER)
        << length;
  }
}

TEST(FillReply, AgreesWithAPlainReadingOnDamagedReplies) {
  std::mt19937 random(7);
  const std::string parts[] = {"VALUE ", " ",   "0",  "12", "\r\n", "END\r\n",
                               "k",      "key", "\r", "\n", "9",    "VALUE"};
  std::uint32_t whole = 0;
  for (int run = 0; run < 200000; ++run) {
    auto text =
        value_text(std::string(random() % 40 + 1, 'k'),
                   random() % 3 ? 0 : static_cast<std::uint32_t>(random()), std::string(random() % 30, 'v')) +
        "END\r\n";
    for (auto damages = random() % 3; damages > 0; --damages) {
      const auto at = random() % (text.size() + 1);
      const auto& part = parts[random() % std::size(parts)];
      text.replace(at, std::min<std::size_t>(random() % 4, text.size() - at), part);
    }
    const auto expected = key_of_whole_value(text);
    const auto result = read(text, static_cast<char>(random()));
    ASSERT_EQ(result.shape == TEXT_VALUE, expected.has_value()) << text;
    if (!expected) continue;
    ++whole;
    ASSERT_EQ(result.value.key_hash, key_hash(kSeed, *expected)) << text;
    ASSERT_EQ(result.value.text_len, text.size() - CACHE_END_BYTES);
  }
  EXPECT_GT(whole, 60000u);
}

}  // namespace
}  // namespace bmc::test
