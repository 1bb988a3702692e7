// SPDX-License-Identifier: Apache-2.0
// See reference_request.h. The functions named in comments are memcached's.
#include "apps/memcached-cache/grammar/reference/reference_request.h"

#include <algorithm>
#include <climits>
#include <cstring>
#include <optional>
#include <string>

#include "apps/memcached-cache/abi/cache_hash.h"
#include "apps/memcached-cache/grammar/reference/reference_binary.h"

namespace bmc::reference {
namespace {

using Tokens = std::vector<std::string_view>;

// tokenize_command(): only spaces separate.
Tokens split(std::string_view line) {
  Tokens tokens;
  while (!line.empty()) {
    const std::size_t space = std::min(line.find(' '), line.size());
    if (space > 0) tokens.push_back(line.substr(0, space));
    line.remove_prefix(std::min(space + 1, line.size()));
  }
  return tokens;
}

// A number in the one form that all of memcached's safe_strto*() take alike: digits, at most `digits`.
std::optional<std::uint64_t> plain_number(std::string_view text, std::size_t digits, std::uint64_t max) {
  if (text.empty() || text.size() > digits) return std::nullopt;
  std::uint64_t number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + static_cast<std::uint64_t>(c - '0');
  }
  if (number > max) return std::nullopt;
  return number;
}

std::optional<std::int64_t> plain_exptime(std::string_view text) {
  const bool negative = !text.empty() && text.front() == '-';
  if (negative) text.remove_prefix(1);
  const auto number = plain_number(text, 10, INT_MAX);
  if (!number) return std::nullopt;
  return negative ? -static_cast<std::int64_t>(*number) : static_cast<std::int64_t>(*number);
}

// A line's meaning. `keys` are those written; the last one goes with the command itself.
struct Line {
  bool lost = false;
  std::vector<std::string_view> keys;
  request_command command = {};
  bool has_data = false;
  bool stops = false;
};

Line lost_line() {
  Line line;
  line.lost = true;
  return line;
}

Line line_of(grammar_verb verb, grammar_effect effect, grammar_shape shape) {
  Line line;
  line.command.verb = static_cast<std::uint8_t>(verb);
  line.command.effect = static_cast<std::uint8_t>(effect);
  line.command.shape = static_cast<std::uint8_t>(shape);
  line.command.flags = REQUEST_LAST;
  return line;
}

void add_flag(Line& line, unsigned flag) { line.command.flags |= static_cast<std::uint8_t>(flag); }

void set_ttl(Line& line, std::int64_t exptime) {
  add_flag(line, REQUEST_HAS_TTL);
  line.command.exptime = exptime;
}

bool key_too_long(std::string_view key) { return key.size() > 250; }

// process_update_command(), and WANT_TOKENS_OR before it.
Line parse_store(grammar_verb verb, const Tokens& t, bool has_unique, bool has_ttl) {
  const std::size_t fewest = has_unique ? 6 : 5;
  if (t.size() != fewest && t.size() != fewest + 1) return lost_line();
  const auto exptime = plain_exptime(t[3]);
  const auto length = plain_number(t[4], 10, INT_MAX - 2);
  if (key_too_long(t[1]) || !plain_number(t[2], 10, UINT_MAX) || !exptime || !length) return lost_line();
  if (has_unique && !plain_number(t[5], 19, UINT64_MAX)) return lost_line();
  Line line = line_of(verb, EFFECT_WRITE_KEY, SHAPE_LINE);
  line.keys = {t[1]};
  line.has_data = true;
  line.command.length = static_cast<std::uint32_t>(*length);
  add_flag(line, REQUEST_CHANGES_VALUE);
  if (t.back() == "noreply") add_flag(line, REQUEST_NOREPLY);
  if (has_ttl) set_ttl(line, *exptime);
  return line;
}

// delete, incr, decr, touch: one key, the line is all.
Line parse_keyed(grammar_verb verb, const Tokens& t, std::size_t fewest, std::size_t most) {
  if (t.size() < fewest || t.size() > most || key_too_long(t[1])) return lost_line();
  Line line = line_of(verb, EFFECT_WRITE_KEY, SHAPE_LINE);
  line.keys = {t[1]};
  if (t.size() > 2 && t.back() == "noreply") add_flag(line, REQUEST_NOREPLY);
  if (verb != VERB_TOUCH) {
    add_flag(line, REQUEST_CHANGES_VALUE);
  } else if (const auto exptime = plain_exptime(t[2])) {
    set_ttl(line, *exptime);
  } else {
    add_flag(line, REQUEST_TTL_ODD);
  }
  return line;
}

// process_get_command(): a key too long throws away replies of commands before it.
Line parse_get(grammar_verb verb, const Tokens& t) {
  if (std::any_of(t.begin() + 1, t.end(), key_too_long)) return lost_line();
  return line_of(verb, EFFECT_READ, SHAPE_VALUES);
}

// process_get_command() with should_touch.
Line parse_gat(grammar_verb verb, const Tokens& t) {
  if (t.size() < 2 || std::any_of(t.begin() + 2, t.end(), key_too_long)) return lost_line();
  Line line = line_of(verb, t.size() > 2 ? EFFECT_WRITE_KEYS : EFFECT_NONE, SHAPE_VALUES);
  line.keys.assign(t.begin() + 2, t.end());
  if (const auto exptime = plain_exptime(t[1])) {
    set_ttl(line, *exptime);
  } else {
    add_flag(line, REQUEST_TTL_ODD);
  }
  return line;
}

// process_flush_all_command().
Line parse_flush(const Tokens& t) {
  if (t.size() > 3) return lost_line();
  Line line = line_of(VERB_FLUSH_ALL, EFFECT_WRITE_GLOBAL, SHAPE_LINE);
  add_flag(line, REQUEST_CHANGES_VALUE);
  const bool noreply = t.size() > 1 && t.back() == "noreply";
  if (noreply) add_flag(line, REQUEST_NOREPLY);
  if (t.size() != (noreply ? 2u : 1u)) {
    if (const auto exptime = plain_exptime(t[1])) {
      set_ttl(line, *exptime);
    } else {
      add_flag(line, REQUEST_TTL_ODD);
    }
  }
  return line;
}

// _meta_flag_preparse() and the four commands that use it; me has its own. A flag is a token's first byte.
Line parse_meta(grammar_verb verb, const Tokens& t) {
  const std::size_t first_flag = verb == VERB_MS ? 3 : 2;
  if (t.size() < first_flag || t.size() > 19 || key_too_long(t[1])) return lost_line();
  std::string flags;
  for (std::size_t i = first_flag; i < t.size(); i++) flags.push_back(t[i].front());
  const auto has = [&flags](char c) { return flags.find(c) != std::string::npos; };
  const bool changes =
      verb == VERB_MG ? flags.find_first_not_of("bkstcfvlhuqOPL") != std::string::npos : verb != VERB_ME;
  const bool echoes_stored_key = verb == VERB_ME || (verb == VERB_MG && has('k'));
  if (has('b') && echoes_stored_key) return lost_line();

  Line line = line_of(verb, EFFECT_READ, verb == VERB_ME ? SHAPE_LINE : SHAPE_META);
  if (changes) {
    line.command.effect = has('b') ? EFFECT_WRITE_GLOBAL : EFFECT_WRITE_KEY;
    if (!has('b')) line.keys = {t[1]};
    add_flag(line, REQUEST_CHANGES_VALUE);
  }
  if (has('q') && verb != VERB_ME) add_flag(line, REQUEST_QUIET);
  if (verb != VERB_MS) return line;

  const auto length = plain_number(t[2], 10, INT_MAX - 2);
  if (!length) return lost_line();
  line.has_data = true;
  line.command.length = static_cast<std::uint32_t>(*length);
  std::int64_t exptime = 0;
  bool known = flags.find_first_not_of("TFCqkOcbs") == std::string::npos;
  for (std::size_t i = first_flag; i < t.size(); i++) {
    if (t[i].front() != 'T') continue;
    const auto number = plain_exptime(t[i].substr(1));
    if (number) exptime = *number;
    known = known && number;
  }
  if (known) set_ttl(line, exptime);
  return line;
}

struct Admin {
  std::string_view name;
  grammar_verb verb;
  grammar_effect effect;
  grammar_shape shape;
  std::size_t fewest;
  std::size_t most;
  char noreply;  // 'n' not looked for, 'y' obeyed, '?' depends on the subcommand
};

constexpr Admin kAdmin[] = {
    {"mn", VERB_MN, EFFECT_NONE, SHAPE_LINE, 1, 22, 'n'},
    {"stats", VERB_STATS, EFFECT_NONE, SHAPE_STATS, 1, 2, 'n'},
    {"version", VERB_VERSION, EFFECT_NONE, SHAPE_LINE, 1, 22, 'n'},
    {"verbosity", VERB_VERBOSITY, EFFECT_NONE, SHAPE_LINE, 2, 3, 'y'},
    {"quit", VERB_QUIT, EFFECT_NONE, SHAPE_CLOSE, 1, 22, 'n'},
    {"shutdown", VERB_SHUTDOWN, EFFECT_NONE, SHAPE_LINE, 1, 22, 'n'},
    {"watch", VERB_WATCH, EFFECT_NONE, SHAPE_STREAM, 1, 22, '?'},
    {"lru_crawler", VERB_LRU_CRAWLER, EFFECT_NONE, SHAPE_DUMP, 1, 22, '?'},
    {"lru", VERB_LRU, EFFECT_NONE, SHAPE_LINE, 2, 22, '?'},
    {"slabs", VERB_SLABS, EFFECT_NONE, SHAPE_LINE, 1, 22, '?'},
    {"cache_memlimit", VERB_CACHE_MEMLIMIT, EFFECT_NONE, SHAPE_LINE, 2, 3, 'y'},
    {"extstore", VERB_EXTSTORE, EFFECT_NONE, SHAPE_LINE, 2, 22, '?'},
    {"refresh_certs", VERB_REFRESH_CERTS, EFFECT_NONE, SHAPE_LINE, 1, 22, '?'},
    {"misbehave", VERB_MISBEHAVE, EFFECT_NONE, SHAPE_LINE, 1, 22, 'n'},
    {"debugtime", VERB_DEBUGTIME, EFFECT_WRITE_GLOBAL, SHAPE_LINE, 1, 22, 'n'},
};

Line parse_admin(const Tokens& t) {
  const auto* admin = std::find_if(std::begin(kAdmin), std::end(kAdmin),
                                   [&t](const Admin& each) { return each.name == t[0]; });
  if (admin == std::end(kAdmin)) {
    Line line = line_of(VERB_UNKNOWN, EFFECT_WRITE_GLOBAL, SHAPE_LINE);
    add_flag(line, REQUEST_CHANGES_VALUE);
    return line;
  }
  if (t.size() < admin->fewest || t.size() > admin->most) return lost_line();
  Line line = line_of(admin->verb, admin->effect, admin->shape);
  if (admin->effect == EFFECT_WRITE_GLOBAL) add_flag(line, REQUEST_CHANGES_VALUE);
  if (t.size() > 1 && t.back() == "noreply") {
    if (admin->noreply == '?') return lost_line();
    if (admin->noreply == 'y') add_flag(line, REQUEST_NOREPLY);
  }
  line.stops = admin->shape == SHAPE_CLOSE || admin->shape == SHAPE_STREAM;
  return line;
}

// process_command_ascii().
Line dispatch(const Tokens& t) {
  const std::string_view verb = t[0];
  if (verb == "get") return parse_get(VERB_GET, t);
  if (verb == "gets") return parse_get(VERB_GETS, t);
  if (verb == "bget") return parse_get(VERB_BGET, t);
  if (verb == "gat") return parse_gat(VERB_GAT, t);
  if (verb == "gats") return parse_gat(VERB_GATS, t);
  if (verb == "set") return parse_store(VERB_SET, t, false, true);
  if (verb == "add") return parse_store(VERB_ADD, t, false, true);
  if (verb == "replace") return parse_store(VERB_REPLACE, t, false, true);
  if (verb == "append") return parse_store(VERB_APPEND, t, false, false);
  if (verb == "prepend") return parse_store(VERB_PREPEND, t, false, false);
  if (verb == "cas") return parse_store(VERB_CAS, t, true, true);
  if (verb == "delete") return parse_keyed(VERB_DELETE, t, 2, 4);
  if (verb == "incr") return parse_keyed(VERB_INCR, t, 3, 4);
  if (verb == "decr") return parse_keyed(VERB_DECR, t, 3, 4);
  if (verb == "touch") return parse_keyed(VERB_TOUCH, t, 3, 4);
  if (verb == "flush_all") return parse_flush(t);
  if (verb == "mg") return parse_meta(VERB_MG, t);
  if (verb == "ms") return parse_meta(VERB_MS, t);
  if (verb == "md") return parse_meta(VERB_MD, t);
  if (verb == "ma") return parse_meta(VERB_MA, t);
  if (verb == "me") return parse_meta(VERB_ME, t);
  return parse_admin(t);
}

// try_read_command_ascii(): which lines may be longer than 2048 bytes however they arrive.
bool may_be_long(std::string_view line) {
  const std::size_t spaces = std::min(line.find_first_not_of(' '), line.size());
  const std::string_view text = line.substr(spaces);
  return spaces <= 100 && (text.substr(0, 4) == "get " || text.substr(0, 5) == "gets ");
}

Line parse_line(std::string_view content) {
  if (content.size() > 2048 && !may_be_long(content)) return lost_line();
  if (!content.empty() && content.back() == '\r') content.remove_suffix(1);
  const Tokens tokens = split(content);
  const bool gets = !tokens.empty() && (tokens[0] == "get" || tokens[0] == "gets" || tokens[0] == "bget");
  // A \r inside a line or a NUL is more than a client means to send.
  if (!gets && content.find_first_of(std::string_view("\r\0", 2)) != std::string_view::npos)
    return lost_line();
  if (tokens.empty()) return line_of(VERB_BLANK, EFFECT_NONE, SHAPE_LINE);
  return dispatch(tokens);
}

// Events of a line that ends at `end`.
void append_events(RequestStream& out, Line line, std::size_t end, std::uint64_t seed) {
  for (std::size_t i = 0; i + 1 < line.keys.size(); i++) {
    RequestEvent event;
    event.what = REQUEST_KEY;
    event.command = line.command;
    event.command.flags &= static_cast<std::uint8_t>(REQUEST_HAS_TTL);
    event.command.key_hash = hash_key(line.keys[i], seed);
    event.end = end;
    out.events.push_back(event);
  }
  if (!line.keys.empty()) line.command.key_hash = hash_key(line.keys.back(), seed);
  out.events.push_back({REQUEST_COMMAND, end, line.command});
}

// The value and its \r\n from `at`. Returns where the next command begins, or the stream's end.
std::size_t pass_value(RequestStream& out, std::string_view stream, std::size_t at, std::size_t length) {
  constexpr std::string_view kEnd = "\r\n";
  const std::size_t have = std::min(length, stream.size() - at);
  const std::string_view tail = stream.substr(at + have, kEnd.size());
  out.skip = length - have;
  out.lost = tail != kEnd.substr(0, tail.size());
  out.at_boundary = out.skip == 0 && tail.size() == kEnd.size();
  return at + have + tail.size();
}

void parse_lines(RequestStream& out, std::string_view stream, std::uint64_t seed) {
  std::size_t at = 0;
  bool stopped = false;
  while (at < stream.size() && !out.lost) {
    const std::string_view rest = stream.substr(at);
    const std::size_t newline = rest.find('\n');
    out.lost = stopped || (newline == std::string_view::npos && rest.size() > 2048 && !may_be_long(rest));
    if (out.lost) return;
    if (newline == std::string_view::npos) {
      out.pending = rest.size();
      out.at_boundary = false;
      return;
    }
    const Line line = parse_line(rest.substr(0, newline));
    out.lost = line.lost;
    if (out.lost) return;
    at += newline + 1;
    append_events(out, line, at, seed);
    stopped = line.stops;
    out.at_boundary = !stopped;
    if (line.has_data) at = pass_value(out, stream, at, line.command.length);
  }
}

}  // namespace

std::uint64_t hash_key(std::string_view key, std::uint64_t seed) {
  std::uint64_t hash = seed;
  for (std::size_t at = 0; at < key.size(); at += 8) {
    __u64 word = 0;
    std::memcpy(&word, key.data() + at, std::min<std::size_t>(8, key.size() - at));
    hash = cache_hash_word(hash, word);
  }
  return cache_hash_finish(hash, static_cast<__u32>(key.size()));
}

RequestStream parse_requests(std::string_view stream, std::uint64_t seed) {
  RequestStream out;
  if (stream.empty()) return out;
  if (static_cast<unsigned char>(stream.front()) == 0x80) {
    parse_packets(out, stream, seed);
  } else {
    parse_lines(out, stream, seed);
  }
  return out;
}

}  // namespace bmc::reference
