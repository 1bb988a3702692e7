// SPDX-License-Identifier: Apache-2.0
// The parser. What it answers to wrong requests was asked of memcached 1.6.18; truth_test.cc asks again.
#include "apps/paxos/kv/server/request.h"

#include <gtest/gtest.h>

namespace bmc::kv {
namespace {

using Kind = Request::Kind;

// `input` must be exactly one request.
Request parse(std::string_view input) {
  const Parsed parsed = parse_request(input);
  EXPECT_TRUE(parsed.request) << input;
  EXPECT_EQ(parsed.consumed, input.size()) << input;
  return parsed.request.value_or(Request());
}

std::string_view text_of(std::string_view input) {
  const Request request = parse(input);
  EXPECT_EQ(request.kind, Kind::kText) << input;
  return request.text;
}

constexpr const char* kError = "ERROR\r\n";
constexpr const char* kBadFormat = "CLIENT_ERROR bad command line format\r\n";
const std::string kLongestKey(250, 'k');
const std::string kTooLongKey(251, 'k');

TEST(RequestTest, Storage) {
  const Request request = parse("set key 7 -3 5\r\nva\r\nl\r\n");
  EXPECT_EQ(request.kind, Kind::kCommand);
  EXPECT_EQ(request.command.verb, Verb::kSet);
  EXPECT_EQ(request.command.keys, std::vector<std::string_view>{"key"});
  EXPECT_EQ(request.command.flags, 7u);
  EXPECT_EQ(request.command.exptime, -3);
  EXPECT_EQ(request.command.value, "va\r\nl");
  EXPECT_FALSE(request.noreply);
}

TEST(RequestTest, EveryStorageVerb) {
  for (const auto& [name, verb] : {std::pair("set", Verb::kSet),
                                   {"add", Verb::kAdd},
                                   {"replace", Verb::kReplace},
                                   {"append", Verb::kAppend},
                                   {"prepend", Verb::kPrepend}})
    EXPECT_EQ(parse(std::string(name) + " k 0 0 0\r\n\r\n").command.verb, verb);
  const Request cas = parse("cas k 0 0 1 18446744073709551615 noreply\r\nx\r\n");
  EXPECT_EQ(cas.command.verb, Verb::kCas);
  EXPECT_EQ(cas.command.number, 18446744073709551615u);
  EXPECT_TRUE(cas.noreply);
}

TEST(RequestTest, NoreplyIsTheLastWordOnly) {
  EXPECT_TRUE(parse("set k 0 0 1 noreply\r\nx\r\n").noreply);
  EXPECT_FALSE(parse("set k 0 0 1 nope\r\nx\r\n").noreply);
  EXPECT_FALSE(parse("set noreply 0 0 1\r\nx\r\n").noreply);
  EXPECT_TRUE(parse("touch k x noreply\r\n").noreply);
  EXPECT_TRUE(parse("set k x 0 1 noreply\r\n").noreply);
  EXPECT_EQ(parse("get noreply\r\n").command.keys, std::vector<std::string_view>{"noreply"});
}

TEST(RequestTest, Retrieval) {
  const Request get = parse("get a  b c \r\n");
  EXPECT_EQ(get.command.verb, Verb::kGet);
  EXPECT_EQ(get.command.keys, (std::vector<std::string_view>{"a", "b", "c"}));
  EXPECT_FALSE(get.with_cas);
  EXPECT_TRUE(parse("gets a\r\n").with_cas);
  const Request gat = parse("gats -1 a\r\n");
  EXPECT_EQ(gat.command.verb, Verb::kGetAndTouch);
  EXPECT_EQ(gat.command.exptime, -1);
  EXPECT_TRUE(gat.with_cas);
  EXPECT_EQ(text_of("gat 0\r\n"), "END\r\n");
}

TEST(RequestTest, OtherCommands) {
  EXPECT_EQ(parse("delete k\r\n").command.verb, Verb::kDelete);
  EXPECT_EQ(parse("incr k 5\r\n").command.number, 5u);
  EXPECT_EQ(parse("decr k 5 noreply\r\n").command.verb, Verb::kDecr);
  EXPECT_EQ(parse("touch k 5\r\n").command.exptime, 5);
  EXPECT_EQ(parse("flush_all\r\n").command.exptime, 0);
  EXPECT_EQ(parse("flush_all 9 noreply\r\n").command.exptime, 9);
  EXPECT_EQ(parse("quit\r\n").kind, Kind::kQuit);
  EXPECT_EQ(parse("stats\r\n").kind, Kind::kStats);
  EXPECT_EQ(parse("stats paxos\r\n").text, "paxos");
  EXPECT_EQ(text_of("version\r\n"), "VERSION 1.6.18-paxos-kv-" BMC_VERSION "\r\n");
  EXPECT_EQ(text_of("verbosity 1\r\n"), "OK\r\n");
}

TEST(RequestTest, UnknownAndIncomplete) {
  for (const char* line : {"",
                           " ",
                           "foo",
                           "GET a",
                           "get",
                           "set",
                           "set a 0 0",
                           "set a 0 0 1 noreply more",
                           "cas a 0 0 1",
                           "delete",
                           "delete a 0 noreply more",
                           "incr a",
                           "incr a 1 2 3",
                           "touch a",
                           "touch a 1 2 3",
                           "gat",
                           "flush_all 1 2 3",
                           "verbosity",
                           "mn",
                           "mg a v",
                           "ms a 1",
                           "me a",
                           "watch",
                           "shutdown",
                           "cache_memlimit 5",
                           "get\ta"})
    EXPECT_EQ(text_of(std::string(line) + "\r\n"), kError) << line;
}

TEST(RequestTest, BadFormat) {
  for (const char* line :
       {"set a b 0 1", "set a 0 x 1", "set a 0 0 x", "set a 0 0 -1", "set a -1 0 1", "set a 0 0 2147483646",
        "set a 18446744073709551616 0 1", "cas a 0 0 1 x", "verbosity x"})
    EXPECT_EQ(text_of(std::string(line) + "\r\n"), kBadFormat) << line;
  EXPECT_EQ(text_of("incr a x\r\n"), "CLIENT_ERROR invalid numeric delta argument\r\n");
  for (const char* line : {"touch a x", "gat x a", "flush_all x"})
    EXPECT_EQ(text_of(std::string(line) + "\r\n"), "CLIENT_ERROR invalid exptime argument\r\n");
}

TEST(RequestTest, DeleteWithATime) {
  for (const char* line : {"delete a 0", "delete a noreply", "delete a 0 noreply"})
    EXPECT_EQ(parse(std::string(line) + "\r\n").kind, Kind::kCommand) << line;
  for (const char* line : {"delete a 5", "delete a b", "delete a noreply 0", "delete a 1 noreply"})
    EXPECT_EQ(text_of(std::string(line) + "\r\n"),
              "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]\r\n")
        << line;
}

TEST(RequestTest, KeysOf250BytesAndNoMore) {
  for (const char* line : {"get %", "get a %", "gat 0 %", "delete %", "incr % 1", "touch % 0"}) {
    std::string good(line), bad(line);
    good.replace(good.find('%'), 1, kLongestKey);
    bad.replace(bad.find('%'), 1, kTooLongKey);
    EXPECT_EQ(parse(good + "\r\n").kind, Kind::kCommand) << line;
    EXPECT_EQ(text_of(bad + "\r\n"), kBadFormat) << line;
  }
  EXPECT_EQ(parse("set " + kLongestKey + " 0 0 0\r\n\r\n").kind, Kind::kCommand);
  EXPECT_EQ(text_of("set " + kTooLongKey + " 0 0 0\r\n"), kBadFormat);
}

TEST(RequestTest, LineEnds) {
  EXPECT_EQ(parse("get a\n").command.keys, std::vector<std::string_view>{"a"});
  EXPECT_EQ(parse("get a\r\r\n").command.keys, std::vector<std::string_view>{"a\r"});
  EXPECT_EQ(parse(std::string_view("get a\0b\r\n", 9)).command.keys, std::vector<std::string_view>{"a"});
  EXPECT_EQ(parse("set a 0 0 1\nx\r\n").kind, Kind::kCommand);
}

TEST(RequestTest, AValueThatDoesNotEndWhereItShould) {
  const Parsed parsed = parse_request("set a 0 0 1\r\nxyz\r\n");
  ASSERT_TRUE(parsed.request);
  EXPECT_EQ(parsed.request->text, "CLIENT_ERROR bad data chunk\r\n");
  EXPECT_EQ(parsed.consumed, 16u);  // the line, "xyz"
  EXPECT_EQ(text_of("set a 0 0 1\nx\n\r"), "CLIENT_ERROR bad data chunk\r\n");
}

TEST(RequestTest, AValueThatIsTooLargeIsSkipped) {
  const Request request = parse("set a 0 0 1048577 noreply\r\n");
  EXPECT_EQ(request.text, "SERVER_ERROR object too large for cache\r\n");
  EXPECT_EQ(request.skip, 1048579u);
  EXPECT_TRUE(request.noreply);
  EXPECT_FALSE(parse_request("set a 0 0 1048576\r\n").request);
}

TEST(RequestTest, WaitsForTheWholeRequest) {
  const std::string whole = "cas a 0 0 5 7\r\nva\r\nl\r\n";
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Parsed parsed = parse_request(std::string_view(whole).substr(0, size));
    EXPECT_FALSE(parsed.request) << size;
    EXPECT_EQ(parsed.consumed, 0u);
    EXPECT_GT(parsed.needed, size);
    EXPECT_LE(parsed.needed, whole.size());
  }
}

TEST(RequestTest, LinesAreLimited) {
  const auto line = [](std::string begin, std::size_t size) {
    begin.resize(size, 'x');
    return begin;
  };
  EXPECT_EQ(text_of(line("foo ", kLineBytesMax) + "\n"), kError);
  const Request cut = parse(line("foo ", kLineBytesMax + 1));
  EXPECT_EQ(cut.text, "CLIENT_ERROR line too long\r\n");
  EXPECT_TRUE(cut.close);
  EXPECT_FALSE(parse_request(line("foo ", kLineBytesMax)).request);
  EXPECT_FALSE(parse_request(line("  get ", kRetrievalLineBytesMax)).request);
  EXPECT_TRUE(parse(line("get ", kRetrievalLineBytesMax + 1)).close);
  EXPECT_FALSE(parse_request(line("gats 0 ", kLineBytesMax + 1)).request);
  EXPECT_TRUE(parse(line("getx ", kLineBytesMax + 1)).close);
}

}  // namespace
}  // namespace bmc::kv
