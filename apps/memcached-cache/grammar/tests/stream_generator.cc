// SPDX-License-Identifier: Apache-2.0
// See stream_generator.h.
#include "apps/memcached-cache/grammar/tests/stream_generator.h"

#include <algorithm>

namespace bmc::grammar_test {

std::uint64_t Random::next() {
  state_ += 0x9e3779b97f4a7c15ull;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

std::string StreamGenerator::key() {
  static const std::vector<std::string> kShort = {
      "a",   "bb",      "key:3",    "key:0004",  "user:12345", "noreply",     "0",
      "set", "1234567", "12345678", "123456789", "YQ==",       "MTIzNDU2Nzg="};
  if (odd()) {
    static const std::vector<std::size_t> kLengths = {249, 250, 251, 252, 300, 16, 17, 64};
    std::string text(random_.pick(kLengths), 'k');
    if (random_.one_in(3)) text[random_.below(text.size())] = static_cast<char>(1 + random_.below(255));
    std::replace(text.begin(), text.end(), '\n', 'n');
    return text;
  }
  if (random_.one_in(4)) {
    std::string text(1 + random_.below(40), ' ');
    for (char& c : text) c = static_cast<char>('!' + random_.below(94));
    return text;
  }
  return random_.pick(kShort);
}

std::string StreamGenerator::number(std::uint64_t bound) {
  static const std::vector<std::string> kOdd = {"",
                                                "-",
                                                "-1",
                                                "+1",
                                                "0x10",
                                                "1e3",
                                                "5a",
                                                "a5",
                                                "2147483645",
                                                "2147483646",
                                                "2147483647",
                                                "2147483648",
                                                "4294967295",
                                                "4294967296",
                                                "0000000005",
                                                "00000000005",
                                                "-0",
                                                "5\t",
                                                "\t5",
                                                "noreply",
                                                "18446744073709551615",
                                                "18446744073709551616",
                                                "9999999999999999999",
                                                "99999999999999999999",
                                                "--1",
                                                "1-",
                                                ":"};
  if (odd()) return random_.pick(kOdd);
  return std::to_string(random_.below(bound));
}

std::string StreamGenerator::exptime() {
  static const std::vector<std::string> kSome = {"0",       "1",       "-1",         "100",
                                                 "2592000", "2592001", "1700000000", "2147483647"};
  return odd() ? number(1000) : random_.pick(kSome);
}

// Values hold whatever could be mistaken for a command or an end.
std::string StreamGenerator::value(std::size_t size) {
  static const std::string kText =
      "\r\nset a 0 0 1\r\nx\r\nget a\r\nEND\r\nVALUE a 0 1\r\n\x80\x01 \0flush_all\r\n";
  std::string text;
  while (text.size() < size) {
    if (random_.one_in(3))
      text.append(kText, random_.below(kText.size()));
    else
      text.push_back(static_cast<char>(random_.below(256)));
  }
  text.resize(size);
  return text;
}

std::string StreamGenerator::line(const std::vector<std::string>& tokens) {
  std::string text;
  if (random_.one_in(20)) text.append(1 + random_.below(3), ' ');
  for (std::size_t i = 0; i < tokens.size(); i++) {
    if (i > 0) text.append(random_.one_in(30) ? 2 : 1, ' ');
    text += tokens[i];
  }
  if (random_.one_in(30)) text.push_back(' ');
  if (odd() && random_.one_in(4)) text.append(random_.one_in(2) ? 101 : 2040, ' ');
  if (odd() && random_.one_in(3)) return text + (random_.one_in(2) ? "\r\r\n" : "\r");
  return text + (random_.one_in(8) ? "\n" : "\r\n");
}

std::string StreamGenerator::noreply_or_nothing(std::vector<std::string> tokens) {
  if (odd()) {
    if (random_.one_in(2) && tokens.size() > 1) tokens.pop_back();
    if (random_.one_in(2)) tokens.push_back(random_.one_in(2) ? "noreply" : "junk");
    if (random_.one_in(3)) tokens.push_back("noreply");
  } else if (random_.one_in(4)) {
    tokens.emplace_back("noreply");
  }
  return line(tokens);
}

std::string StreamGenerator::store_command() {
  static const std::vector<std::string> kVerbs = {"set",     "set",    "set",     "add",
                                                  "replace", "append", "prepend", "cas"};
  const std::string verb = random_.pick(kVerbs);
  const std::size_t size = random_.one_in(10) ? random_.below(3000) : random_.below(90);
  std::vector<std::string> tokens = {verb, key(), number(65536), exptime()};
  tokens.push_back(odd() ? number(200) : std::to_string(size));
  if (verb == "cas") tokens.push_back(number(1000));
  std::string text = noreply_or_nothing(std::move(tokens)) + value(size);
  return text + (odd() ? "x\n" : "\r\n");
}

std::string StreamGenerator::meta_command() {
  static const std::vector<std::string> kVerbs = {"mg", "ms", "md", "ma", "mn", "me"};
  static const std::vector<std::string> kFlags = {
      "v",  "k",  "t",  "c",  "q",   "s",  "f",  "O123", "b",   "T30", "T-1", "N60", "R5", "I",  "ME", "MA",
      "MP", "MR", "MS", "F7", "C12", "D2", "J9", "T",    "T+3", "z",   "l",   "h",   "u",  "E5", "S4", "Tx"};
  const std::string verb = random_.pick(kVerbs);
  const std::size_t size = random_.below(60);
  std::vector<std::string> tokens = {verb};
  if (verb != "mn") tokens.push_back(key());
  if (verb == "ms") tokens.push_back(odd() ? number(200) : std::to_string(size));
  std::size_t flags = random_.below(5);
  if (odd()) flags = 14 + random_.below(6);
  if (verb == "mn") flags = 0;
  for (std::size_t i = 0; i < flags; i++) tokens.push_back(random_.pick(kFlags));
  std::string text = line(tokens);
  if (verb == "ms") text += value(size) + "\r\n";
  return text;
}

std::string StreamGenerator::keyed_command() {
  switch (random_.below(5)) {
    case 0:
      return noreply_or_nothing(random_.one_in(3) ? std::vector<std::string>{"delete", key(), "0"}
                                                  : std::vector<std::string>{"delete", key()});
    case 1:
      return noreply_or_nothing({"incr", key(), number(100)});
    case 2:
      return noreply_or_nothing({"decr", key(), number(100)});
    case 3:
      return noreply_or_nothing({"touch", key(), exptime()});
    default: {
      std::vector<std::string> tokens = {random_.one_in(2) ? "gat" : "gats", exptime()};
      const std::size_t keys = random_.one_in(5) ? random_.below(40) : random_.below(4);
      for (std::size_t i = 0; i < keys; i++) tokens.push_back(key());
      return line(tokens);
    }
  }
}

std::string StreamGenerator::other_command() {
  static const std::vector<std::string> kHarmless = {"version",
                                                     "verbosity 1",
                                                     "verbosity 0 noreply",
                                                     "stats",
                                                     "stats settings",
                                                     "stats reset",
                                                     "flush_all",
                                                     "flush_all 0",
                                                     "flush_all noreply",
                                                     "flush_all -1 noreply",
                                                     "",
                                                     " ",
                                                     "x",
                                                     "foo bar",
                                                     "GET a",
                                                     "mz a",
                                                     "set",
                                                     "get",
                                                     "gat",
                                                     "stats nonsense",
                                                     "lru_crawler enable",
                                                     "lru tune 10 20 0.5 2.0",
                                                     "slabs automove 0",
                                                     "cache_memlimit 64",
                                                     "lru_crawler tocrawl 5",
                                                     "bget a",
                                                     "getz a"};
  static const std::vector<std::string> kAdministration = {"quit",
                                                           "watch",
                                                           "watch mutations",
                                                           "shutdown",
                                                           "lru_crawler metadump all",
                                                           "stats cachedump 1 0",
                                                           "slabs automove 1 noreply",
                                                           "stats detail dump",
                                                           "lru_crawler crawl all",
                                                           "GET / HTTP/1.1",
                                                           "flush_all 5",
                                                           "flush_all +5",
                                                           "flush_all 100 noreply",
                                                           "verbosity",
                                                           "lru",
                                                           "extstore item_size 5",
                                                           "refresh_certs",
                                                           "misbehave",
                                                           "debugtime 1",
                                                           "cache_memlimit 64 noreply",
                                                           "lru_crawler enable noreply"};
  if (options_.administration && random_.one_in(3)) return line({random_.pick(kAdministration)});
  return line({random_.pick(kHarmless)});
}

std::string StreamGenerator::ascii_command() {
  switch (random_.below(8)) {
    case 0:
    case 1:
    case 2:
      return store_command();
    case 3:
    case 4: {
      std::vector<std::string> tokens = {random_.one_in(4) ? "gets" : "get"};
      const std::size_t keys = random_.one_in(8) ? random_.below(300) : 1 + random_.below(4);
      for (std::size_t i = 0; i < keys; i++) tokens.push_back(key());
      return line(tokens);
    }
    case 5:
      return keyed_command();
    case 6:
      return meta_command();
    default:
      return other_command();
  }
}

std::string StreamGenerator::ascii_requests() {
  std::string stream;
  const std::size_t commands = 1 + random_.below(options_.commands);
  for (std::size_t i = 0; i < commands; i++) stream += ascii_command();
  return mutated(std::move(stream));
}

std::string StreamGenerator::packet(unsigned magic, unsigned opcode, std::string_view extras,
                                    std::string_view key, std::string_view body, unsigned status) {
  const auto byte = [](std::size_t v) { return static_cast<char>(v & 0xff); };
  const std::size_t total = extras.size() + key.size() + body.size();
  std::string text;
  text += byte(magic);
  text += byte(opcode);
  text += byte(key.size() >> 8);
  text += byte(key.size());
  text += byte(extras.size());
  text += byte(0);
  text += byte(status >> 8);
  text += byte(status);
  for (const unsigned shift : {24u, 16u, 8u, 0u}) text += byte(total >> shift);
  for (int i = 0; i < 4; i++) text += byte(random_.below(256));
  text.append(8, '\0');
  if (odd()) text[random_.below(text.size())] = byte(random_.below(256));
  text.append(extras);
  text.append(key);
  text.append(body);
  return text;
}

// Of the right form for the opcode: sizes of extras and value, and whether there is a key.
StreamGenerator::PacketForm StreamGenerator::packet_form(unsigned opcode) {
  const std::size_t value = random_.below(100);
  static const std::vector<unsigned> kStore = {0x01, 0x02, 0x03, 0x11, 0x12, 0x13};
  static const std::vector<unsigned> kCount = {0x05, 0x06, 0x15, 0x16};
  static const std::vector<unsigned> kBare = {0x07, 0x17, 0x0a, 0x0b, 0x1b, 0x1f, 0x20};
  static const std::vector<unsigned> kExtend = {0x0e, 0x0f, 0x19, 0x1a, 0x21, 0x22};
  static const std::vector<unsigned> kTouch = {0x1c, 0x1d, 0x1e, 0x23, 0x24};
  const auto in = [opcode](const std::vector<unsigned>& set) {
    return std::find(set.begin(), set.end(), opcode) != set.end();
  };
  if (in(kStore)) return {8, true, value};
  if (in(kCount)) return {20, true, 0};
  if (in(kExtend)) return {0, true, value};
  if (in(kTouch)) return {4, true, 0};
  if (opcode == 0x08 || opcode == 0x18) return {random_.one_in(2) ? 4u : 0u, false, 0};
  if (opcode == 0x10) return {0, random_.one_in(2), 0};
  return {0, !in(kBare) && opcode <= 0x24, 0};
}

std::string StreamGenerator::binary_command() {
  const unsigned opcode = static_cast<unsigned>(odd() ? random_.below(256) : random_.below(0x25));
  const PacketForm form = packet_form(opcode);
  std::string body = value(form.value);
  if (odd()) body += value(random_.below(3));
  return packet(0x80, opcode, value(form.extras), form.key ? key() : std::string{}, body, 0);
}

std::string StreamGenerator::binary_requests() {
  std::string stream;
  const std::size_t commands = 1 + random_.below(options_.commands);
  for (std::size_t i = 0; i < commands; i++) stream += binary_command();
  return mutated(std::move(stream));
}

// One-line replies, and some that are none.
const std::vector<std::string> kReplyLines = {"STORED",
                                              "NOT_STORED",
                                              "EXISTS",
                                              "NOT_FOUND",
                                              "DELETED",
                                              "TOUCHED",
                                              "OK",
                                              "RESET",
                                              "END",
                                              "HD",
                                              "HD c5 O1",
                                              "EN",
                                              "NF",
                                              "NS",
                                              "EX",
                                              "ME a exp=1",
                                              "MN",
                                              "ERROR",
                                              "ERROR failed",
                                              "ERROR: shutdown not enabled",
                                              "123",
                                              "CLIENT_ERROR bad data chunk",
                                              "SERVER_ERROR object too large for cache",
                                              "VERSION 1.6.18",
                                              "BUSY now",
                                              "SERVER_ERROR out of memory writing get response",
                                              "SERVER_ERROR out of memory storing object",
                                              "HDX",
                                              "STOREDX",
                                              "VALUE",
                                              "VA",
                                              "STAT",
                                              "key",
                                              "",
                                              "VA 3x",
                                              "VALUE a 0 b",
                                              "VALUE a 0 3 4 5",
                                              "VALUE a  3",
                                              "VA 99999999999"};

std::string StreamGenerator::reply() {
  std::string text;
  switch (random_.below(8)) {
    case 0:
    case 1:
      for (std::size_t n = random_.below(4); n > 0; n--) {
        const std::string body = value(random_.below(120));
        text += "VALUE " + key() + " 0 " + std::to_string(body.size()) + (random_.one_in(3) ? " 77" : "") +
                "\r\n" + body + "\r\n";
      }
      return text + "END\r\n";
    case 2: {
      const std::string body = value(random_.below(80));
      return "VA " + std::to_string(body.size()) + (random_.one_in(2) ? " kfoo" : "") + "\r\n" + body +
             "\r\n";
    }
    case 3:
      for (std::size_t n = random_.below(5); n > 0; n--) text += "STAT " + key() + " 5\r\n";
      return text + "END\r\n";
    case 4:
      for (std::size_t n = random_.below(5); n > 0; n--) text += "key=" + key() + " exp=-1 la=5\n";
      return text + "END\r\n";
    case 5: {
      const unsigned opcode = static_cast<unsigned>(random_.below(0x25));
      const unsigned status = random_.one_in(2) ? 0 : static_cast<unsigned>(random_.below(0x100));
      return packet(0x81, opcode, "", random_.one_in(2) ? "k" : "", value(random_.below(50)), status);
    }
    default:
      return random_.pick(kReplyLines) + (odd() ? "\n" : "\r\n");
  }
}

std::string StreamGenerator::replies() {
  std::string stream;
  const std::size_t replies = 1 + random_.below(options_.commands);
  for (std::size_t i = 0; i < replies; i++) stream += reply();
  return mutated(std::move(stream));
}

std::string StreamGenerator::mutated(std::string stream) {
  if (!options_.mutate || stream.empty()) return stream;
  static const std::vector<char> kBytes = {' ', '\r', '\n',   '\0',   '0',  '9',
                                           '-', 'q',  '\x80', '\x81', '\t', 'T'};
  for (std::size_t n = random_.below(4); n > 0 && !stream.empty(); n--) {
    const std::size_t at = random_.below(stream.size());
    switch (random_.below(5)) {
      case 0:
        stream[at] = random_.pick(kBytes);
        break;
      case 1:
        stream.insert(at, 1, random_.pick(kBytes));
        break;
      case 2:
        stream.erase(at, 1 + random_.below(4));
        break;
      case 3:
        stream.insert(at, stream.substr(at, random_.below(30)));
        break;
      default:
        stream.resize(at);
    }
  }
  return stream;
}

}  // namespace bmc::grammar_test
