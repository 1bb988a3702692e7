// SPDX-License-Identifier: Apache-2.0
// What is made of a memcached's own words: real ones with every option that matters, and invented ones.
#include "apps/memcached-cache/daemon/server_facts.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "apps/memcached-cache/daemon/tests/memcached_process.h"

namespace bmc::cache::test {
namespace {

const Endpoint kServer = {boost::asio::ip::make_address("127.0.0.1"), 11211};

Stats good_settings() {
  return {{"tcpport", "11211"},      {"udpport", "11211"},        {"inter", "NULL"},
          {"domain_socket", "NULL"}, {"auth_enabled_sasl", "no"}, {"auth_enabled_ascii", "no"},
          {"ssl_enabled", "no"}};
}
Stats good_stats() {
  return {{"pid", "7"}, {"uptime", "100"}, {"time", "1700000100"}, {"version", "1.6.18"}};
}

ServerFacts facts_with(const std::string& name, const std::string& value) {
  Stats settings = good_settings();
  settings[name] = value;
  const auto facts = read_facts(settings, good_stats());
  EXPECT_TRUE(facts) << (facts ? "" : facts.error().what);
  return facts ? *facts : ServerFacts{};
}

TEST(ServerFacts, PlainMemcached) {
  const auto facts = read_facts(good_settings(), good_stats());
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->pid, 7);
  EXPECT_EQ(facts->start_identity, 1700000000);
  EXPECT_EQ(facts->tcp_port, 11211);
  EXPECT_EQ(facts->udp_port, 11211);
  EXPECT_EQ(facts->version, "1.6.18");
  ASSERT_EQ(facts->listens.size(), 1u);
  EXPECT_FALSE(facts->listens[0].address);
  EXPECT_TRUE(facts->unix_socket.empty());
  EXPECT_EQ(refusal(*facts, kServer), "");
}

TEST(ServerFacts, EveryFormOfListen) {
  const ServerFacts facts = facts_with(
      "inter", "10.0.0.1,127.0.0.1:11300;[fe80::1]:11400,::1,notls:10.0.0.2:5,*,0.0.0.0,localhost:9,my.host");
  const auto at = [&](std::size_t i) {
    const ListenSpec& spec = facts.listens.at(i);
    return (spec.address ? spec.address->to_string() : "*") + "/" + std::to_string(spec.port);
  };
  ASSERT_EQ(facts.listens.size(), 9u);
  EXPECT_EQ(at(0), "10.0.0.1/0");
  EXPECT_EQ(at(1), "127.0.0.1/11300");
  EXPECT_EQ(at(2), "fe80::1/11400");
  EXPECT_EQ(at(3), "::1/0");
  EXPECT_EQ(at(4), "10.0.0.2/5");
  EXPECT_EQ(at(5), "*/0");
  EXPECT_EQ(at(6), "*/0");
  EXPECT_EQ(at(7), "127.0.0.1/9");
  EXPECT_EQ(at(8), "::1/9");
  ASSERT_EQ(facts.names.size(), 1u);
  EXPECT_NE(refusal(facts, kServer).find("my.host"), std::string::npos);
}

TEST(ServerFacts, RefusalsSayWhy) {
  EXPECT_NE(refusal(facts_with("ssl_enabled", "yes"), kServer).find("TLS"), std::string::npos);
  EXPECT_NE(refusal(facts_with("auth_enabled_sasl", "yes"), kServer).find("SASL"), std::string::npos);
  EXPECT_NE(refusal(facts_with("auth_enabled_ascii", "/etc/pw"), kServer).find("password"),
            std::string::npos);
  EXPECT_NE(refusal(facts_with("proxy_enabled", "yes"), kServer).find("proxy"), std::string::npos);
  EXPECT_EQ(refusal(facts_with("domain_socket", "/run/mc.sock"), kServer), "");
  EXPECT_EQ(facts_with("domain_socket", "/run/mc.sock").unix_socket, "/run/mc.sock");
}

TEST(ServerFacts, ImpossibleNumbersAreErrors) {
  for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{
           {"tcpport", "65536"}, {"tcpport", "-1"}, {"tcpport", ""}, {"udpport", "x"}, {"udpport", "1 "}}) {
    Stats settings = good_settings();
    settings[name] = value;
    EXPECT_EQ(read_facts(settings, good_stats()).error().code, EPROTO) << name << "=" << value;
  }
  for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{
           {"pid", "0"}, {"uptime", "4294967296"}, {"time", "-1"}, {"time", "9223372036854775807"}}) {
    Stats stats = good_stats();
    stats[name] = value;
    EXPECT_EQ(read_facts(good_settings(), stats).error().code, EPROTO) << name << "=" << value;
  }
  EXPECT_FALSE(read_facts({}, good_stats()));
  EXPECT_FALSE(read_facts(good_settings(), {}));
}

// The answer to `stats settings`, or what else became of it.
Result<Answer> ask_settings(const Endpoint& server) {
  boost::asio::io_context loop;
  std::optional<Result<Answer>> got;
  MemcachedSession* asked = nullptr;
  SessionTiming timing;
  timing.reply = std::chrono::milliseconds(500);
  MemcachedSession session(loop, server,
                           {[&] { asked->stats("settings", [&](Result<Answer> answer) { got = answer; }); },
                            [](Error) {}, [](Error) {}},
                           timing);
  asked = &session;
  session.start();
  EXPECT_TRUE(run_until(loop, [&] { return got.has_value(); }));
  return got ? *got : Result<Answer>(Error{EIO, "nothing came"});
}

TEST(RealMemcached, PlainOneIsAccepted) {
  MemcachedProcess memcached;
  const Result<Answer> settings = ask_settings(memcached.endpoint());
  ASSERT_TRUE(settings);
  const auto facts = read_facts(settings->reply.stats, good_stats());
  ASSERT_TRUE(facts) << facts.error().what;
  EXPECT_EQ(facts->tcp_port, memcached.port());
  EXPECT_EQ(facts->udp_port, memcached.port());
  EXPECT_EQ(facts->listens.at(0).address->to_string(), "127.0.0.1");
  EXPECT_EQ(refusal(*facts, memcached.endpoint()), "");
}

TEST(RealMemcached, AuthFileIsRefused) {
  const std::string file = testing::TempDir() + "bmc-auth-" + std::to_string(::getpid());
  std::ofstream(file) << "user:password\n";
  {
    MemcachedProcess memcached({"-U", "0", "-Y", file});
    const Result<Answer> settings = ask_settings(memcached.endpoint());
    EXPECT_NE(handshake_refusal(settings, memcached.endpoint()).find("password"), std::string::npos);
  }
  ::unlink(file.c_str());
}

TEST(RealMemcached, BinaryOnlyIsRefused) {
  MemcachedProcess memcached({"-B", "binary"});
  const Result<Answer> settings = ask_settings(memcached.endpoint());
  EXPECT_NE(handshake_refusal(settings, memcached.endpoint()).find("binary"), std::string::npos);
}

TEST(RealMemcached, TlsIsRefused) {
  const std::string base = testing::TempDir() + "bmc-tls-" + std::to_string(::getpid());
  const std::string make = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=x -days 1 -keyout " + base +
                           ".key -out " + base + ".crt 2>/dev/null";
  if (std::system(make.c_str()) != 0) GTEST_SKIP() << "no openssl to make a certificate with";
  {
    MemcachedProcess memcached(
        {"-U", "0", "-Z", "-o", "ssl_chain_cert=" + base + ".crt,ssl_key=" + base + ".key"});
    const Result<Answer> settings = ask_settings(memcached.endpoint());
    EXPECT_NE(handshake_refusal(settings, memcached.endpoint()).find("TLS"), std::string::npos);
  }
  ::unlink((base + ".key").c_str());
  ::unlink((base + ".crt").c_str());
}

TEST(RealMemcached, NothingThereIsNoReasonForEver) {
  EXPECT_EQ(handshake_refusal(Error{ECONNREFUSED, "refused"}, kServer), "");
}

}  // namespace
}  // namespace bmc::cache::test
