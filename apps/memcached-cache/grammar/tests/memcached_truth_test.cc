// SPDX-License-Identifier: Apache-2.0
// The grammar against a real memcached: random command streams are sent, the replies cut apart by
// reply_feed() and matched with what request_feed() expects; and what the store looks like afterwards
// must be explained by the writes that request_feed() saw. Run by ctest; BMC_TRUTH_RUNS makes it longer.
#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "apps/memcached-cache/grammar/tests/feed.h"
#include "apps/memcached-cache/grammar/tests/memcached_process.h"
#include "apps/memcached-cache/grammar/tests/stream_generator.h"

namespace bmc::grammar_test {
namespace {

using reference::ReplyEvent;
using reference::RequestEvent;

constexpr std::uint64_t kSeed = 77;
constexpr const char* kKeys[] = {"a", "bb",  "key:3",   "key:0004", "user:12345", "noreply",
                                 "0", "set", "1234567", "12345678", "123456789"};

std::uint64_t runs() {
  const char* text = std::getenv("BMC_TRUTH_RUNS");
  return text ? std::strtoull(text, nullptr, 10) : 1500;
}

// The requests of a stream that are complete, their values included, up to where the position is lost.
struct Expected {
  std::vector<request_command> commands;
  std::vector<request_command> writes;  // commands and single keys
  std::string sent;
};

Expected expected_of(const std::string& stream) {
  Expected out;
  const auto parsed = feed_requests(stream, kSeed, pieces_of(GRAMMAR_CHUNK));
  for (const RequestEvent& event : parsed.events) {
    const request_command& c = event.command;
    if (event.what == REQUEST_KEY) {
      out.writes.push_back(c);
      continue;
    }
    const bool line_ends_value = c.length > 0 || (c.flags & REQUEST_BINARY) == 0;
    const bool stores = c.verb == VERB_SET || c.verb == VERB_ADD || c.verb == VERB_REPLACE ||
                        c.verb == VERB_CAS || c.verb == VERB_APPEND || c.verb == VERB_PREPEND ||
                        c.verb == VERB_MS;
    std::size_t end = event.end + c.length;
    if (line_ends_value && stores && !(c.flags & REQUEST_BINARY)) end += 2;
    if (end > stream.size() || c.shape == SHAPE_STREAM) break;  // a watcher is closed only after a second
    if (stores && !(c.flags & REQUEST_BINARY) && stream.compare(end - 2, 2, "\r\n") != 0) break;
    out.commands.push_back(c);
    if (c.effect >= EFFECT_WRITE_KEY) out.writes.push_back(c);
    out.sent = stream.substr(0, end);
  }
  return out;
}

bool answers(const request_command& c, const struct reply& r) {
  if ((c.flags & REQUEST_BINARY) && r.opaque != c.opaque) return false;
  return (c.flags & REQUEST_QUIET ? reply_fits_quiet(c.shape, c.verb, &r)
                                  : reply_fits(c.shape, c.verb, &r)) != 0;
}

// Places in `commands` up to which the replies so far may have answered everything.
std::set<std::size_t> past_silent(const std::vector<request_command>& commands,
                                  const std::set<std::size_t>& from) {
  std::set<std::size_t> out;
  for (std::size_t at : from) {
    out.insert(at);
    for (; at < commands.size() && commands[at].flags & REQUEST_QUIET; at++) out.insert(at + 1);
  }
  return out;
}

// Empty if the replies are those of the commands, in order and to the last one.
std::string mismatch(const Expected& expected, const std::vector<ReplyEvent>& replies) {
  std::vector<request_command> commands;
  for (const request_command& c : expected.commands) {
    const bool silent_quit = c.shape == SHAPE_CLOSE && !(c.flags & REQUEST_BINARY);
    if (!(c.flags & REQUEST_NOREPLY) && !silent_quit) commands.push_back(c);
  }
  std::set<std::size_t> states = past_silent(commands, {0});
  for (std::size_t i = 0; i < replies.size(); i++) {
    std::set<std::size_t> next;
    for (const std::size_t at : states) {
      if (at < commands.size() && answers(commands[at], replies[i].reply)) next.insert(at + 1);
    }
    if (next.empty()) {
      const std::size_t at = *states.rbegin();
      const std::string verb = at < commands.size() ? std::to_string(commands[at].verb) : "nothing";
      return "reply " + std::to_string(i) + " of kind " + std::to_string(replies[i].reply.kind) +
             " for verb " + verb;
    }
    states = past_silent(commands, next);
  }
  return states.count(commands.size()) ? std::string{}
                                       : "replies are missing: " + std::to_string(*states.rbegin()) + " of " +
                                             std::to_string(commands.size());
}

// What each key holds: `mg` replies, value, TTL and client flags.
std::map<std::string, std::string> contents(const MemcachedProcess& memcached) {
  std::string ask;
  for (const char* key : kKeys) ask += std::string("mg ") + key + " v t f u\r\n";
  const std::string answer = memcached.exchange(ask, ask.size());
  std::map<std::string, std::string> out;
  std::size_t begin = 0;
  std::size_t key = 0;
  for (const ReplyEvent& event : feed_replies(answer, pieces_of(GRAMMAR_CHUNK)).events) {
    out[kKeys[key++]] = answer.substr(begin, event.end - begin);
    begin = event.end;
  }
  EXPECT_EQ(key, std::size(kKeys));
  return out;
}

void fill(const MemcachedProcess& memcached) {
  std::string text = "flush_all\r\n";
  for (const char* key : kKeys) text += std::string("set ") + key + " 1 0 2\r\n55\r\n";
  std::string wanted = "OK\r\n";
  for (std::size_t i = 0; i < std::size(kKeys); i++) wanted += "STORED\r\n";
  ASSERT_EQ(memcached.exchange(text, text.size()), wanted);
}

bool writes_key(const std::vector<request_command>& writes, std::string_view key) {
  const std::uint64_t hash = reference::hash_key(key, kSeed);
  for (const request_command& c : writes)
    if (c.effect == EFFECT_WRITE_GLOBAL || c.key_hash == hash) return true;
  return false;
}

bool is_live(const std::string& content) { return content != "EN\r\n"; }

// Seconds to live in an `mg ... t` reply, -1 for ever.
std::optional<long> ttl_of(const std::string& content) {
  const std::size_t at = content.find(" t");
  if (!is_live(content) || at == std::string::npos) return std::nullopt;
  return std::strtol(content.c_str() + at + 2, nullptr, 10);
}

constexpr std::int64_t kNotTold = INT64_MIN;

// The exptime that a key has if its last write tells one and certainly succeeded.
std::int64_t told_exptime(const Expected& expected, const std::vector<ReplyEvent>& replies,
                          std::uint64_t hash) {
  std::int64_t exptime = kNotTold;
  for (std::size_t i = 0; i < expected.commands.size(); i++) {
    const request_command& c = expected.commands[i];
    if (c.effect == EFFECT_WRITE_GLOBAL || c.effect == EFFECT_WRITE_KEYS) exptime = kNotTold;
    if (c.effect != EFFECT_WRITE_KEY || c.key_hash != hash) continue;
    const bool told = reply_is_success(&replies[i].reply) && c.flags & REQUEST_HAS_TTL;
    exptime = told ? c.exptime : kNotTold;
  }
  return exptime;
}

// What request_feed() told of TTLs is what memcached made of them.
void check_ttls(const Expected& expected, const std::vector<ReplyEvent>& replies,
                const std::map<std::string, std::string>& after, std::size_t& checked) {
  if (replies.size() != expected.commands.size()) return;  // silence: not known which succeeded
  for (const char* key : kKeys) {
    const std::int64_t exptime = told_exptime(expected, replies, reference::hash_key(key, kSeed));
    if (exptime == kNotTold) continue;
    checked++;
    const std::string& content = after.at(key);
    const std::int64_t seconds = exptime > 2592000 ? exptime - std::time(nullptr) : exptime;
    if (exptime == 0) {
      EXPECT_EQ(ttl_of(content), -1) << key << " " << content;
    } else if (seconds < 0) {
      EXPECT_FALSE(is_live(content)) << key << " exptime " << exptime << ": " << content;
    } else if (seconds > 3) {
      EXPECT_NEAR(static_cast<double>(ttl_of(content).value_or(-9)), static_cast<double>(seconds), 2)
          << key << " exptime " << exptime << ": " << content;
    }
  }
}

const std::string kKey250(250, 'k');
const std::string kKey251(251, 'k');
const std::string kValue250(250, 'v');
const std::string kFlags17 = " v k t c q s f l h u O1 T30 F7 C0 MS I D1";

// Lines at the edge of what memcached takes.
const std::vector<std::string> kBoundaryLines = {
    "set " + kKey250 + " 0 0 1\r\nx\r\n",
    "set " + kKey251 + " 0 0 1\r\nx\r\n",
    "get " + kKey250 + "\r\n",
    "get a " + kKey251 + "\r\n",
    "gat 0 a " + kKey251 + "\r\n",
    "delete " + kKey251 + "\r\n",
    "md " + kKey251 + "\r\n",
    "mg " + kKey251 + " v\r\n",
    "touch " + kKey251 + " 0 noreply\r\n",
    "set a 4294967295 0 1\r\nx\r\n",
    "set a 4294967296 0 1\r\nx\r\n",
    "set a -1 0 1\r\nx\r\n",
    "set a 0 2147483647 1\r\nx\r\n",
    "set a 0 2147483648 1\r\nx\r\n",
    "set a 0 -2147483647 1\r\nx\r\n",
    "set a 0 0 -1\r\nx\r\n",
    "set a 0 0 4294967297\r\nx\r\n",
    "set a 0 0 0000000001\r\nx\r\n",
    "set a 0 0 00000000001\r\nx\r\n",
    "set a 0 0 1 junk\r\nx\r\n",
    "set a 0 0 1 junk noreply\r\nx\r\n",
    "set a 0 0\r\nx\r\n",
    "set a 0 0 0\r\n\r\n",
    "cas a 0 0 1 9999999999999999999\r\nx\r\n",
    "cas a 0 0 1 18446744073709551616\r\nx\r\n",
    "cas a 0 0 1\r\nx\r\n",
    "set a 0 0 1\r\nxy\n",
    "set a 0 0 1\nx\r\n",
    "set a 0 0 1\r\r\nx\r\n",
    "set a\t0 0 0 1\r\nx\r\n",
    "append a 0 100 1\r\nx\r\n",
    "prepend a 0 -1 1 noreply\r\nx\r\n",
    "delete a 0\r\n",
    "delete a 0 noreply\r\n",
    "delete a 1\r\n",
    "delete a noreply noreply\r\n",
    "delete noreply\r\n",
    "delete\r\n",
    "incr a noreply\r\n",
    "incr a 1 noreply\r\n",
    "incr a 1 2\r\n",
    "incr a 1 2 3\r\n",
    "decr a x noreply\r\n",
    "touch a noreply\r\n",
    "touch a +5\r\n",
    "touch a 5 junk\r\n",
    "gat 0\r\n",
    "gat x a\r\n",
    "gats 100 a bb noreply\r\n",
    "gat\r\n",
    "get\r\n",
    "flush_all noreply\r\n",
    "flush_all 0 noreply\r\n",
    "flush_all noreply 0\r\n",
    "flush_all x\r\n",
    "flush_all 0 1 2\r\n",
    "verbosity\r\n",
    "verbosity x\r\n",
    "verbosity 1 noreply\r\n",
    "stats noreply\r\n",
    "version noreply\r\n",
    "mn noreply\r\n",
    "mn\r\n",
    "\r\n",
    "\n",
    " \r\n",
    "\r\r\n",
    "x\n",
    "set\r\n",
    "  set a 0 0 1  \r\nx\r\n",
    "ms a 1\r\nx\r\n",
    "ms a 1 S1\r\nx\r\n",
    "ms a S1\r\nx\r\n",
    "ms a\r\n",
    "ms a -1\r\n",
    "ms a 1 T30 T40\r\nx\r\n",
    "ms a 1 T+30\r\nx\r\n",
    "ms a 1 q MX\r\nx\r\n",
    "ms a 1 q\r\nx\r\n",
    "ms YQ== 1 b\r\nx\r\n",
    "ms a 1" + kFlags17.substr(0, kFlags17.rfind(' ')) + "\r\nx\r\n",
    "ms a 1" + kFlags17 + "\r\nx\r\n",
    "mg a v q\r\n",
    "mg nokey v q\r\n",
    "mg a\r\n",
    "mg\r\n",
    "mg a T30\r\n",
    "mg a v N30\r\n",
    "mg nokey N30 v\r\n",
    "mg a E9\r\n",
    "mg YQ== b T30\r\n",
    "mg YQ== b v\r\n",
    "md a q\r\n",
    "md nokey q\r\n",
    "md YQ== b\r\n",
    "md a I T30\r\n",
    "ma a\r\n",
    "ma a q v\r\n",
    "ma nokey N0 J5 v q\r\n",
    "ma MTIzNDU2Nzg= b\r\n",
    "me a\r\n",
    "me nokey\r\n",
    "me\r\n",
    "mz a\r\n",
    "set a 0 0 2000000000\r\n",
    "add a 0 0 250\r\n" + kValue250 + "\r\n",
    "lru_crawler metadump all\r\n",
    "slabs automove 1 noreply\r\n",
    "lru tune 10 20 0.1 2.0 noreply\r\n",
    "lru_crawler enable noreply\r\n",
    "stats cachedump 1 0\r\n",
    "stats reset\r\n",
    "misbehave\r\n",
    "debugtime 5\r\n",
    "extstore item_size 5\r\n",
    std::string("set a 0 0 1\0 junk\r\nx\r\n", 20),
    std::string("get a\0 junk\r\n", 12),
    "get" + std::string(2045, ' ') + "\r\n",
    "get " + std::string(3000, ' ') + "a\r\n",
    std::string(100, ' ') + "get a" + std::string(2000, ' ') + "\r\n",
    "delete a" + std::string(2039, ' ') + "\r\n"};

class MemcachedTruth : public testing::Test {
 protected:
  void check(const std::string& stream, Random& random) {
    fill(memcached_);
    if (HasFatalFailure()) return;
    const auto before = contents(memcached_);
    const Expected expected = expected_of(stream);
    if (expected.sent.empty()) return;
    const std::size_t piece = random.one_in(3) ? 1 + random.below(50) : expected.sent.size();
    const std::string answer = memcached_.exchange(expected.sent, piece);
    const auto replies = feed_replies(answer, pieces_of(GRAMMAR_CHUNK));
    commands_ += expected.commands.size();
    if (expected.sent.find("HTTP/") != std::string::npos) return;  // memcached hangs up on browsers
    ASSERT_EQ(mismatch(expected, replies.events), "") << printable(expected.sent) << "\n"
                                                      << printable(answer);
    ASSERT_TRUE(!replies.lost && replies.at_boundary) << printable(answer);
    const auto after = contents(memcached_);
    for (const char* key : kKeys) {
      if (after.at(key) != before.at(key)) changes_++;
      ASSERT_TRUE(after.at(key) == before.at(key) || writes_key(expected.writes, key))
          << key << " was " << before.at(key) << " is " << after.at(key) << " after "
          << printable(expected.sent);
    }
    check_ttls(expected, replies.events, after, ttls_);
  }

  MemcachedProcess memcached_;
  std::size_t commands_ = 0;
  std::size_t changes_ = 0;
  std::size_t ttls_ = 0;
};

TEST_F(MemcachedTruth, AsciiStreams) {
  for (std::uint64_t run = 0; run < runs(); run++) {
    GeneratorOptions options;
    options.odd_one_in = run % 3 == 0 ? 0 : 60 >> run % 3;
    options.mutate = run % 4 == 3;
    StreamGenerator generator(run, options);
    check(generator.ascii_requests(), generator.random());
    ASSERT_FALSE(HasFailure()) << "run " << run;
  }
  EXPECT_GT(commands_, 2 * runs());
  EXPECT_GT(changes_, runs() / 2);
  EXPECT_GT(ttls_, runs() / 10);
}

TEST_F(MemcachedTruth, BinaryStreams) {
  for (std::uint64_t run = 0; run < runs(); run++) {
    GeneratorOptions options;
    options.odd_one_in = run % 3 == 0 ? 0 : 100;
    StreamGenerator generator(run, options);
    check(generator.binary_requests(), generator.random());
    ASSERT_FALSE(HasFailure()) << "run " << run;
  }
  EXPECT_GT(commands_, 2 * runs());
  EXPECT_GT(changes_, runs() / 2);
  EXPECT_GT(ttls_, runs() / 10);
}

// Each with something after it that shows where it ended.
TEST_F(MemcachedTruth, Boundaries) {
  std::vector<std::string> lines = kBoundaryLines;
  // Values that do not fit a slab page, or no item at all.
  for (const std::size_t size : {600000u, 1100000u}) {
    const std::string data = std::to_string(size) + "\r\n" + std::string(size, 'v') + "\r\n";
    const std::string quiet = std::to_string(size) + " noreply\r\n" + std::string(size, 'v') + "\r\n";
    lines.insert(lines.end(),
                 {"set a 0 0 " + data, "set a 0 0 " + quiet, "append a 0 0 " + data, "ms a " + data});
  }
  Random random(1);
  for (const std::string& line : lines) {
    check("mn\r\n" + line + "mn\r\nset bb 1 60 1\r\nx\r\n" + line + "mn\r\n", random);
    ASSERT_FALSE(HasFailure()) << printable(line);
  }
}

// watch: OK, and whatever follows on the connection is not executed.
TEST_F(MemcachedTruth, NothingIsExecutedAfterWatch) {
  fill(memcached_);
  const std::string answer = memcached_.exchange("watch evictions\r\nset a 0 0 1\r\nx\r\n", 1000);
  EXPECT_EQ(answer, "OK\r\n");
  EXPECT_EQ(contents(memcached_).at("a"), "VA 2 t-1 f1\r\n55\r\n");
}

}  // namespace
}  // namespace bmc::grammar_test
