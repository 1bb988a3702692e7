// SPDX-License-Identifier: Apache-2.0
// The same bytes to a real memcached and to the server: the same bytes must come back, uniques included.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "apps/paxos/kv/tests/command_generator.h"
#include "apps/paxos/kv/tests/local_server.h"

namespace bmc::kv {
namespace {

using test::CommandGenerator;
using test::connect_to;
using test::LocalServer;
using test::Process;

class TruthTest : public testing::Test {
 protected:
  TruthTest()
      : memcached_port(test::free_port()),
        memcached({"memcached", "-u", "root", "-U", "0", "-t", "1", "-l", "127.0.0.1", "-p",
                   std::to_string(memcached_port), "-o", "no_lru_maintainer,no_lru_crawler"}) {}

  // Everything one connection is answered to `stream` before it is closed.
  static std::string talk(std::uint16_t port, const std::string& stream) {
    const Fd client = connect_to(port);
    EXPECT_TRUE(client) << "nobody listens";
    test::send_all(client.get(), stream);
    ::shutdown(client.get(), SHUT_WR);
    return test::receive(client.get(), "");
  }

  void expect_same(const std::string& stream) {
    const std::string truth = talk(memcached_port, stream);
    ASSERT_EQ(talk(server.port(), stream), truth) << testing::PrintToString(stream);
    bytes_compared += truth.size();
  }

  std::uint16_t memcached_port;
  // Without its threads in the background: what they hold at the moment is counted in another way.
  Process memcached;
  LocalServer server;
  std::size_t bytes_compared = 0;
};

// One after the other, each waiting for the answer: the end is told by the answer to what is sent behind it.
TEST_F(TruthTest, WellFormedRequests) {
  CommandGenerator generator(1);
  const Fd here = connect_to(server.port()), there = connect_to(memcached_port);
  const std::string last = "SENTINEL\r\nEND\r\n", ask_last = "set ~ 0 0 8\r\nSENTINEL\r\nget ~\r\n";
  for (int i = 0; i < 10'000; ++i) {
    const std::string request = generator.request();
    const std::string truth = test::ask(there.get(), request + ask_last, last);
    ASSERT_TRUE(truth.ends_with(last));
    ASSERT_EQ(test::ask(here.get(), request + ask_last, last), truth) << testing::PrintToString(request);
  }
}

// A spoilt number may have become long: of expiration times memcached takes the low 32 bits, and the length
// of a value would be more than what follows the stream.
bool has_long_number(const std::string& text) {
  constexpr int kDigitsMax = 4;
  int digits = 0;
  for (const char c : text) {
    digits = c >= '0' && c <= '9' ? digits + 1 : 0;
    if (digits > kDigitsMax) return true;
  }
  return false;
}

TEST_F(TruthTest, SpoiltStreams) {
  CommandGenerator generator(2);
  // Ends whatever value the stream left open: memcached sends nothing at all if one stays so.
  std::string end = "\r\n";
  for (int i = 0; i < 6; ++i) end += std::string(2000, 'x') + "\r\n";
  for (int compared = 0; compared < 1500 && !HasFatalFailure();) {
    const std::string stream = generator.spoilt_stream(10);
    if (has_long_number(stream)) continue;
    expect_same(stream + end);
    ++compared;
  }
  EXPECT_GT(bytes_compared, 100'000u);
}

TEST_F(TruthTest, WordsOfEveryNumber) {
  for (const char* verb : {"get", "gets", "set", "add", "cas", "append", "delete", "incr", "decr", "touch",
                           "gat", "gats", "flush_all", "verbosity", "nonsense", "GET", ""})
    for (const char* word : {" 0", " 1 ", " a", " noreply", " -1", " 99999999999999999999", " 1x"}) {
      std::string line = verb;
      for (int words = 0; words < 9; ++words, line += word) expect_same(line + "\r\n0\r\n");
    }
}

TEST_F(TruthTest, SignedAndOddNumbers) {
  for (const char* value : {"-1", "-0", "+7", "\t7", "7\t", "007", "7 7", "7x", "18446744073709551615",
                            "18446744073709551616", "-18446744073709551615", "1e3", "0x10", "7.5"}) {
    const std::string size = std::to_string(std::string(value).size());
    expect_same("set n 1 0 " + size + "\r\n" + value + "\r\nincr n 3\r\ngets n\r\ndecr n 9\r\ngets n\r\n");
    expect_same(std::string("set n 1 0 1\r\n7\r\nincr n ") + value + "\r\ntouch n " + value + "\r\n");
    if (std::string(value).find("18446744073709551615") == std::string::npos)
      expect_same(std::string("set m ") + value + " 0 1\r\n7\r\nget m\r\n");
  }
}

TEST_F(TruthTest, LargeValues) {
  for (const std::size_t size : {1'000u, 17'000u, 500'000u, 1'048'000u, 1'048'577u, 3'000'000u}) {
    const std::string value(size, 'v');
    expect_same("set k" + std::to_string(size) + " 0 0 " + std::to_string(size) + "\r\n" + value +
                "\r\nget k" + std::to_string(size) + "\r\nappend k" + std::to_string(size) + " 0 0 2000\r\n" +
                std::string(2000, 'w') + "\r\n");
  }
}

TEST_F(TruthTest, RetrievalsOfManyKeys) {
  std::string stream = "set k7 0 0 1\r\n7\r\nget", long_line = "gets";
  for (int i = 0; i < 100; ++i) stream += " k" + std::to_string(i);
  for (int i = 0; i < 5000; ++i) long_line += " k" + std::to_string(i);
  expect_same(stream + "\r\n" + long_line + "\r\n");
}

// The two clocks differ, so each is waited for by itself.
TEST_F(TruthTest, ItemsEndAfterTheirTime) {
  const auto ends = [](std::uint16_t port) {
    EXPECT_EQ(talk(port, "set a 0 2 1\r\nx\r\nset b 0 0 1\r\nx\r\ntouch b 2\r\nset c 0 0 1\r\nx\r\n"),
              "STORED\r\nSTORED\r\nTOUCHED\r\nSTORED\r\n");
    return test::eventually([&] { return talk(port, "get a b c\r\n") == "VALUE c 0 1\r\nx\r\nEND\r\n"; });
  };
  EXPECT_TRUE(ends(memcached_port));
  EXPECT_TRUE(ends(server.port()));
}

TEST_F(TruthTest, AFlushToComeComes) {
  const auto ends = [](std::uint16_t port) {
    talk(port, "set a 0 0 1\r\nx\r\nflush_all 2\r\n");
    return test::eventually([&] { return talk(port, "get a\r\n") == "END\r\n"; });
  };
  EXPECT_TRUE(ends(memcached_port));
  EXPECT_TRUE(ends(server.port()));
}

}  // namespace
}  // namespace bmc::kv
