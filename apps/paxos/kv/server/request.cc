// SPDX-License-Identifier: Apache-2.0
// memcached's ASCII protocol; see request.h. The order of the checks is memcached's: it decides which of two
// errors is told, and whether "noreply" was seen before it.
#include "apps/paxos/kv/server/request.h"

#include <algorithm>
#include <limits>
#include <span>
#include <vector>

#include "apps/paxos/kv/machine/decimal.h"

namespace bmc::kv {
namespace {

using Words = std::span<const std::string_view>;

constexpr std::string_view kError = "ERROR\r\n";
constexpr std::string_view kBadFormat = "CLIENT_ERROR bad command line format\r\n";
constexpr std::string_view kBadDelete =
    "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]\r\n";
constexpr std::string_view kBadChunk = "CLIENT_ERROR bad data chunk\r\n";
constexpr std::string_view kBadExptime = "CLIENT_ERROR invalid exptime argument\r\n";
constexpr std::string_view kBadDelta = "CLIENT_ERROR invalid numeric delta argument\r\n";
constexpr std::string_view kTooLong = "CLIENT_ERROR line too long\r\n";
constexpr std::string_view kTooLarge = "SERVER_ERROR object too large for cache\r\n";
constexpr std::string_view kOk = "OK\r\n";
// Clients take the number for memcached's and go by it: this is the one whose grammar is parsed here.
constexpr std::string_view kVersion = "VERSION 1.6.18-paxos-kv-" BMC_VERSION "\r\n";
constexpr std::string_view kEnd = "END\r\n";

Request answer(std::string_view text, bool noreply = false) {
  Request request;
  request.text = text;
  request.noreply = noreply;
  return request;
}

Request command(Verb verb, Words keys, bool noreply = false) {
  Request request;
  request.kind = Request::Kind::kCommand;
  request.command.verb = verb;
  request.command.keys.assign(keys.begin(), keys.end());
  request.noreply = noreply;
  return request;
}

bool asks_noreply(Words words) { return words.back() == "noreply"; }

bool keys_fit(Words keys) {
  return std::all_of(keys.begin(), keys.end(),
                     [](std::string_view key) { return key.size() <= kKeyBytesMax; });
}

Request parse_get(Words words) {
  const Words keys = words.subspan(1);
  if (!keys_fit(keys)) return answer(kBadFormat);
  Request request = command(Verb::kGet, keys);
  request.with_cas = words[0] == "gets";
  return request;
}

Request parse_gat(Words words) {
  const auto exptime = parse_signed(words[1]);
  if (!exptime) return answer(kBadExptime);
  const Words keys = words.subspan(2);
  if (!keys_fit(keys)) return answer(kBadFormat);
  if (keys.empty()) return answer(kEnd);
  Request request = command(Verb::kGetAndTouch, keys);
  request.command.exptime = *exptime;
  request.with_cas = words[0] == "gats";
  return request;
}

Request parse_delete(Words words) {
  // "delete KEY 0" is what old clients say: 0 was a time once.
  const bool noreply = words.size() > 2 && asks_noreply(words);
  const bool zero = words.size() > 2 && words[2] == "0";
  const bool good =
      words.size() == 2 || (words.size() == 3 && (zero || noreply)) || (words.size() == 4 && zero && noreply);
  if (!good) return answer(kBadDelete, noreply);
  if (!keys_fit(words.subspan(1, 1))) return answer(kBadFormat, noreply);
  return command(Verb::kDelete, words.subspan(1, 1), noreply);
}

Request parse_count(Words words) {
  const bool noreply = asks_noreply(words);
  if (!keys_fit(words.subspan(1, 1))) return answer(kBadFormat, noreply);
  const auto delta = parse_unsigned(words[2]);
  if (!delta) return answer(kBadDelta, noreply);
  Request request = command(words[0] == "incr" ? Verb::kIncr : Verb::kDecr, words.subspan(1, 1), noreply);
  request.command.number = *delta;
  return request;
}

Request parse_touch(Words words) {
  const bool noreply = asks_noreply(words);
  if (!keys_fit(words.subspan(1, 1))) return answer(kBadFormat, noreply);
  const auto exptime = parse_signed(words[2]);
  if (!exptime) return answer(kBadExptime, noreply);
  Request request = command(Verb::kTouch, words.subspan(1, 1), noreply);
  request.command.exptime = *exptime;
  return request;
}

Request parse_flush_all(Words words) {
  const bool noreply = words.size() > 1 && asks_noreply(words);
  Request request = command(Verb::kFlushAll, {}, noreply);
  if (words.size() == (noreply ? 2u : 1u)) return request;
  const auto exptime = parse_signed(words[1]);
  if (!exptime) return answer(kBadExptime, noreply);
  request.command.exptime = *exptime;
  return request;
}

Request parse_verbosity(Words words) {
  const bool noreply = asks_noreply(words);
  return answer(parse_unsigned(words[1]) ? kOk : kBadFormat, noreply);
}

Request parse_version(Words) { return answer(kVersion); }

Request parse_stats(Words words) {
  Request request;
  request.kind = Request::Kind::kStats;
  if (words.size() > 1) request.text = words[1];
  return request;
}

Request parse_quit(Words) {
  Request request;
  request.kind = Request::Kind::kQuit;
  return request;
}

// What a storage command's line says, or why not.
struct StorageLine {
  Request request;
  std::size_t value_bytes = 0;
  bool has_value = false;  // false: `request` is the answer
};

StorageLine parse_storage_line(Verb verb, Words words) {
  StorageLine line;
  const bool noreply = asks_noreply(words);
  line.request = answer(kBadFormat, noreply);
  if (!keys_fit(words.subspan(1, 1))) return line;
  const auto flags = parse_unsigned(words[2]);
  const auto exptime = parse_signed(words[3]);
  const auto bytes = parse_signed(words[4]);
  const auto unique = verb == Verb::kCas ? parse_unsigned(words[5]) : 0;
  constexpr std::int64_t kBytesMax = std::numeric_limits<std::int32_t>::max() - 2;
  if (!flags || !exptime || !unique || !bytes || *bytes < 0 || *bytes > kBytesMax) return line;
  line.value_bytes = static_cast<std::size_t>(*bytes);
  if (line.value_bytes > kValueBytesMax) {
    line.request = answer(kTooLarge, noreply);
    line.request.skip = line.value_bytes + 2;
    return line;
  }
  line.request = command(verb, words.subspan(1, 1), noreply);
  line.request.command.flags = static_cast<std::uint32_t>(*flags);  // memcached takes the low 32 bits
  line.request.command.exptime = *exptime;
  line.request.command.number = *unique;
  line.has_value = true;
  return line;
}

// `input` begins with the line, `line_bytes` long with its end.
Parsed parse_storage(Verb verb, Words words, std::string_view input, std::size_t line_bytes) {
  StorageLine line = parse_storage_line(verb, words);
  Parsed parsed;
  if (!line.has_value) {
    parsed.request = std::move(line.request);
    parsed.consumed = line_bytes;
    return parsed;
  }
  const std::size_t all = line_bytes + line.value_bytes + 2;
  if (input.size() < all) {
    parsed.needed = all;
    return parsed;
  }
  parsed.consumed = all;
  if (input.substr(all - 2, 2) == "\r\n") {
    parsed.request = std::move(line.request);
    parsed.request->command.value = input.substr(line_bytes, line.value_bytes);
  } else {
    parsed.request = answer(kBadChunk, line.request.noreply);
  }
  return parsed;
}

struct Rule {
  std::string_view name;
  std::size_t words_min;  // the name included; fewer or more: ERROR
  std::size_t words_max;
  Request (*parse)(Words words);  // null: a storage command
  Verb verb = Verb::kGet;         // of a storage command
};

constexpr std::size_t kAny = std::numeric_limits<std::size_t>::max();
constexpr Rule kRules[] = {
    {"get", 2, kAny, parse_get},
    {"gets", 2, kAny, parse_get},
    {"set", 5, 6, nullptr, Verb::kSet},
    {"add", 5, 6, nullptr, Verb::kAdd},
    {"replace", 5, 6, nullptr, Verb::kReplace},
    {"append", 5, 6, nullptr, Verb::kAppend},
    {"prepend", 5, 6, nullptr, Verb::kPrepend},
    {"cas", 6, 7, nullptr, Verb::kCas},
    {"delete", 2, 4, parse_delete},
    {"incr", 3, 4, parse_count},
    {"decr", 3, 4, parse_count},
    {"touch", 3, 4, parse_touch},
    {"gat", 2, kAny, parse_gat},
    {"gats", 2, kAny, parse_gat},
    {"flush_all", 1, 3, parse_flush_all},
    {"version", 1, kAny, parse_version},
    {"verbosity", 2, 3, parse_verbosity},
    {"stats", 1, kAny, parse_stats},
    {"quit", 1, kAny, parse_quit},
};

std::vector<std::string_view> split(std::string_view line) {
  std::vector<std::string_view> words;
  while (!line.empty()) {
    const std::string_view word = line.substr(0, line.find(' '));
    if (!word.empty()) words.push_back(word);
    line.remove_prefix(std::min(line.size(), word.size() + 1));
  }
  return words;
}

std::size_t line_bytes_max(std::string_view input) {
  input.remove_prefix(std::min(input.find_first_not_of(' '), input.size()));
  const std::string_view name = input.substr(0, std::min(input.find(' '), std::size_t{5}));
  const bool retrieval = name == "get" || name == "gets" || name == "gat" || name == "gats";
  return retrieval ? kRetrievalLineBytesMax : kLineBytesMax;
}

}  // namespace

Parsed parse_request(std::string_view input) {
  Parsed parsed;
  const std::size_t end = input.find('\n');
  if (std::min(end, input.size()) > line_bytes_max(input)) {
    parsed.request = answer(kTooLong);
    parsed.request->close = true;
    parsed.consumed = input.size();
    return parsed;
  }
  if (end == std::string_view::npos) {
    parsed.needed = input.size() + 1;
    return parsed;
  }
  std::string_view line = input.substr(0, end);
  if (line.size() > 1 && line.ends_with('\r')) line.remove_suffix(1);
  line = line.substr(0, line.find('\0'));  // memcached's is a C string
  const std::vector<std::string_view> words = split(line);
  parsed.consumed = end + 1;
  parsed.request = answer(kError);
  if (words.empty()) return parsed;
  const auto* rule = std::find_if(std::begin(kRules), std::end(kRules),
                                  [&](const Rule& each) { return each.name == words[0]; });
  if (rule == std::end(kRules) || words.size() < rule->words_min || words.size() > rule->words_max)
    return parsed;
  if (rule->parse == nullptr) return parse_storage(rule->verb, words, input, end + 1);
  parsed.request = rule->parse(words);
  return parsed;
}

}  // namespace bmc::kv
