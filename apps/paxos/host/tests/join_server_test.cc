// SPDX-License-Identifier: Apache-2.0
// The join socket with real connections: who is admitted, and what a hostile process can do, which is
// nothing.
#include "apps/paxos/host/join_server.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>

#include "apps/paxos/host/address.h"
#include "apps/paxos/host/join_message.h"
#include "apps/paxos/host/tests/join_client.h"

namespace bmc::paxos::host {
namespace {

using test::address_of;
using test::Answer;
using test::JoinClient;
using test::request_of;
using test::udp_socket;
using namespace std::chrono_literals;

// Grants everything but what it is told not to, and takes notes.
class Notes : public Membership {
 public:
  Result<Grant> join(const Applicant& applicant) override {
    if (refuses) return Error{EBUSY, "pid 4711 is there already"};
    applicants.push_back(applicant);
    Grant grant{blank_reply(), descriptors};
    grant.reply.offloads = applicant.request.wanted;
    return grant;
  }
  void leave(const paxos_address& address) override { left.push_back(to_string(to_endpoint(address))); }

  bool refuses = false;
  std::vector<int> descriptors;
  std::vector<Applicant> applicants;
  std::vector<std::string> left;
};

class JoinServerTest : public testing::Test {
 protected:
  JoinServerTest() {
    allow_.push_back({::getuid(), port_, port_});
    start();
  }
  ~JoinServerTest() override { ::rmdir(directory_.c_str()); }

  void start(std::chrono::milliseconds limit = 20s) {
    server_.reset();
    server_ = std::make_unique<JoinServer>(loop_, admission_, notes_, limit);
    const Result<void> listening = server_->listen(path_);
    if (!listening) throw std::runtime_error(listening.error().what);
  }

  // Runs the loop until it is true; false if it does not become so.
  bool runs_until(const std::function<bool()>& condition) {
    const auto give_up = std::chrono::steady_clock::now() + 10s;
    while (std::chrono::steady_clock::now() < give_up) {
      if (condition()) return true;
      loop_.restart();
      loop_.run_for(1ms);
    }
    return false;
  }
  std::optional<Answer> answer_to(JoinClient& client) {
    std::optional<Answer> answer;
    runs_until([&] {
      answer = client.receive(MSG_DONTWAIT);
      return answer || has_ended(client);
    });
    return answer;
  }
  static bool has_ended(JoinClient& client) {
    pollfd entry{client.get(), POLLIN, 0};
    char byte = 0;
    return ::poll(&entry, 1, 0) == 1 && ::recv(client.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
  }
  bool ends(JoinClient& client) {
    return runs_until([&] { return has_ended(client); });
  }

  paxos_join_request request() const { return request_of({own_, address_of("127.0.0.2", 7400)}); }
  JoinClient joined() {
    JoinClient client(path_);
    EXPECT_TRUE(client.send(request(), {udp_.get()}));
    const auto answer = answer_to(client);
    EXPECT_TRUE(answer && answer->reply.error == 0) << (answer ? answer->text() : "no answer");
    return client;
  }

  const std::string directory_ = "/tmp/bmc_t_join_" + std::to_string(::getpid());
  const std::string path_ = directory_ + "/paxos.sock";
  std::uint16_t port_ = 0;
  Fd udp_ = udp_socket("127.0.0.1", port_);
  const paxos_address own_ = address_of("127.0.0.1", port_);
  std::vector<PortGrant> allow_;
  bool is_local_ = true;
  Admission admission_{allow_, [this](const boost::asio::ip::address&) { return is_local_; }};
  Notes notes_;
  boost::asio::io_context loop_;
  std::unique_ptr<JoinServer> server_;
};

TEST_F(JoinServerTest, AGrantBringsTheDescriptorsInTheirOrder) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const Fd reads(ends[0]), writes(ends[1]);
  notes_.descriptors = {reads.get(), writes.get()};
  JoinClient client(path_);
  ASSERT_TRUE(client.send(request(), {udp_.get()}));
  const auto answer = answer_to(client);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->reply.error, 0) << answer->text();
  EXPECT_EQ(answer->reply.magic, PAXOS_JOIN_MAGIC);
  EXPECT_EQ(answer->reply.version, PAXOS_JOIN_VERSION);
  EXPECT_EQ(answer->reply.offloads, PAXOS_OFFLOADS_ALL);
  ASSERT_EQ(answer->descriptors.size(), 2u);
  ASSERT_EQ(::write(answer->descriptors[1].get(), "x", 1), 1);
  char byte = 0;
  EXPECT_EQ(::read(answer->descriptors[0].get(), &byte, 1), 1);
  ASSERT_EQ(notes_.applicants.size(), 1u);
  EXPECT_EQ(notes_.applicants[0].peer.pid, ::getpid());
  EXPECT_EQ(notes_.applicants[0].peer.uid, ::getuid());
  EXPECT_TRUE(same(notes_.applicants[0].address(), own_));
  EXPECT_EQ(server_->granted(), 1u);
}

TEST_F(JoinServerTest, EverybodyMayConnect) {
  struct stat status = {};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0666u);
}

// What is wrong with an otherwise good request.
struct Wrong {
  const char* what;
  std::function<void(paxos_join_request&)> change;
  int code;
  const char* said;
};

TEST_F(JoinServerTest, WrongRequestsAreRefusedWithASentence) {
  const Wrong all[] = {
      {"magic", [](auto& r) { r.magic++; }, EPROTO, "no request to join"},
      {"version", [](auto& r) { r.version++; }, EPROTONOSUPPORT, "update the older"},
      {"nobody", [](auto& r) { r.replica_count = 0; }, EINVAL, "1 to 9 replicas"},
      {"too many", [](auto& r) { r.replica_count = 10; }, EINVAL, "1 to 9 replicas"},
      {"self outside", [](auto& r) { r.self = 2; }, EINVAL, "no replica 2"},
      {"unknown wish", [](auto& r) { r.wanted = 8; }, EINVAL, "update bmcd"},
      {"reserved", [](auto& r) { r.reserved = 1; }, EINVAL, "update bmcd"},
      {"reserved at the end", [](auto& r) { r.reserved1 = 1; }, EINVAL, "update bmcd"},
      {"another without address", [](auto& r) { r.replica[1] = {}; }, EINVAL, "address of replica 1"},
      {"another without port", [](auto& r) { r.replica[1].port_be = 0; }, EINVAL, "address of replica 1"},
      {"one more address", [](auto& r) { r.replica[2] = r.replica[1]; }, EINVAL, "address of replica 2"},
      {"another port", [](auto& r) { r.replica[0].port_be++; }, EADDRNOTAVAIL,
       "its socket is bound to 127.0.0.1:"},
      {"another address", [](auto& r) { r.self = 1; }, EADDRNOTAVAIL, "replica 1 is at 127.0.0.2:7400"},
  };
  for (const Wrong& wrong : all) {
    paxos_join_request changed = request();
    wrong.change(changed);
    JoinClient client(path_);
    ASSERT_TRUE(client.send(changed, {udp_.get()})) << wrong.what;
    const auto answer = answer_to(client);
    ASSERT_TRUE(answer) << wrong.what;
    EXPECT_EQ(answer->reply.error, wrong.code) << wrong.what << ": " << answer->text();
    EXPECT_NE(answer->text().find(wrong.said), std::string::npos) << answer->text();
    EXPECT_TRUE(answer->descriptors.empty());
    EXPECT_TRUE(ends(client)) << wrong.what;
  }
  EXPECT_TRUE(notes_.applicants.empty());
  EXPECT_TRUE(notes_.left.empty());
  EXPECT_EQ(server_->refused(), std::size(all));
  joined();
}

TEST_F(JoinServerTest, WrongSizesAndDescriptorsAreRefused) {
  const paxos_join_request good = request();
  char long_one[sizeof good + 1] = {};
  std::memcpy(long_one, &good, sizeof good);
  std::uint16_t any = 0;
  const Fd tcp(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)), unbound(::socket(AF_INET, SOCK_DGRAM, 0)),
      unix_datagram(::socket(AF_UNIX, SOCK_DGRAM, 0)), other_port = udp_socket("127.0.0.1", any);
  const int udp = udp_.get();
  const struct {
    const void* bytes;
    std::size_t size;
    std::vector<int> descriptors;
    int code;
  } all[] = {{&good, sizeof good - 1, {udp}, EMSGSIZE},
             {long_one, sizeof long_one, {udp}, EMSGSIZE},
             {&good, 1, {udp}, EPROTO},
             {&good, sizeof good, {}, EBADMSG},
             {&good, sizeof good, {udp, udp}, EBADMSG},
             {&good, sizeof good, std::vector<int>(100, udp), EBADMSG},
             {&good, sizeof good, {STDIN_FILENO}, ENOTSOCK},
             {&good, sizeof good, {tcp.get()}, ENOTSOCK},
             {&good, sizeof good, {unix_datagram.get()}, ENOTSOCK},
             {&good, sizeof good, {unbound.get()}, EINVAL},
             {&good, sizeof good, {other_port.get()}, EACCES}};
  for (const auto& each : all) {
    JoinClient client(path_);
    ASSERT_TRUE(client.send(each.bytes, each.size, each.descriptors));
    const auto answer = answer_to(client);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->reply.error, each.code) << answer->text();
    EXPECT_TRUE(ends(client));
  }
  EXPECT_TRUE(notes_.applicants.empty());
}

TEST_F(JoinServerTest, ASocketAtAnyAddressWillDoWhereTheHostHasTheReplicas) {
  Fd any = udp_socket("0.0.0.0", port_ = 0);
  allow_[0].first_port = allow_[0].last_port = port_;
  const paxos_join_request asked = request_of({address_of("127.0.0.1", port_)});
  const auto answer_for = [&](const paxos_join_request& each) {
    JoinClient client(path_);
    EXPECT_TRUE(client.send(each, {any.get()}));
    return answer_to(client);
  };
  EXPECT_EQ(answer_for(asked)->reply.error, 0);
  EXPECT_EQ(answer_for(request_of({address_of("::1", port_)}))->reply.error, EADDRNOTAVAIL)
      << "it hears only IPv4";
  is_local_ = false;
  const auto answer = answer_for(asked);
  EXPECT_EQ(answer->reply.error, EADDRNOTAVAIL);
  EXPECT_NE(answer->text().find("this host has no address 127.0.0.1"), std::string::npos) << answer->text();
}

TEST_F(JoinServerTest, TheEndOfAConnectionIsTheEndOfTheMembership) {
  {
    JoinClient client = joined();
    EXPECT_TRUE(notes_.left.empty());
  }
  EXPECT_TRUE(runs_until([&] { return notes_.left.size() == 1; }));
  EXPECT_EQ(notes_.left[0], to_string(to_endpoint(own_)));
}

TEST_F(JoinServerTest, WhoAsksTwiceLosesWhatHeHas) {
  JoinClient client = joined();
  ASSERT_TRUE(client.send(request(), {udp_.get()}));
  const auto answer = answer_to(client);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->reply.error, EPROTO);
  EXPECT_EQ(notes_.left.size(), 1u);
  EXPECT_TRUE(ends(client));
}

TEST_F(JoinServerTest, WhatMembershipRefusesIsTold) {
  notes_.refuses = true;
  JoinClient client(path_);
  ASSERT_TRUE(client.send(request(), {udp_.get()}));
  const auto answer = answer_to(client);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->reply.error, EBUSY);
  EXPECT_EQ(answer->text(), "pid 4711 is there already");
  EXPECT_TRUE(ends(client));
  EXPECT_TRUE(notes_.left.empty());
}

TEST_F(JoinServerTest, MembersAreToldOfSwitches) {
  JoinClient client = joined();
  server_->tell(address_of("127.0.0.9", 1), PAXOS_OFFLOAD_ACK);
  server_->tell(own_, PAXOS_OFFLOAD_QUORUM);
  const auto answer = answer_to(client);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->reply.offloads, PAXOS_OFFLOAD_QUORUM);
  EXPECT_EQ(answer->reply.error, 0);
  EXPECT_TRUE(answer->descriptors.empty());
  EXPECT_FALSE(client.receive(MSG_DONTWAIT));
}

TEST_F(JoinServerTest, WhoDoesNotReadWhatHeIsToldIsNoMemberAnyLonger) {
  JoinClient client = joined();
  for (int i = 0; i < 100'000 && notes_.left.empty(); i++) server_->tell(own_, 0);
  EXPECT_EQ(notes_.left.size(), 1u);
}

TEST_F(JoinServerTest, StrangersAreTurnedAwayUnread) {
  allow_[0].uid++;
  JoinClient client(path_);
  ASSERT_TRUE(client.send("?", 1, {STDIN_FILENO, STDIN_FILENO}));
  const auto answer = answer_to(client);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->reply.error, EACCES);
  EXPECT_NE(answer->text().find("uid=" + std::to_string(::getuid())), std::string::npos) << answer->text();
  EXPECT_TRUE(ends(client));
}

TEST_F(JoinServerTest, AFloodOfConnectionsCostsOthersNothing) {
  allow_.push_back({::getuid() + 1, 1, 1});
  allow_[0].uid += 2;  // us: a stranger now
  std::vector<JoinClient> strangers;
  for (std::size_t i = 0; i < 2 * JoinServer::kConnectionsOfStrangers; i++) {
    strangers.emplace_back(path_);
    loop_.restart();
    loop_.poll();
  }
  const auto ended = std::ranges::count_if(strangers, [](JoinClient& each) { return has_ended(each); });
  EXPECT_EQ(static_cast<std::size_t>(ended), JoinServer::kConnectionsOfStrangers);
  allow_[0].uid = ::getuid();
  joined();
}

TEST_F(JoinServerTest, AUserHasSoManyConnections) {
  std::vector<JoinClient> clients;
  for (std::size_t i = 0; i < JoinServer::kConnectionsPerUser; i++) {
    clients.emplace_back(path_);
    loop_.restart();
    loop_.poll();
  }
  EXPECT_TRUE(std::ranges::none_of(clients, [](JoinClient& each) { return has_ended(each); }));
  JoinClient too_many(path_);
  EXPECT_TRUE(ends(too_many));
  clients.pop_back();
  EXPECT_TRUE(runs_until([&] {
    JoinClient next(path_);
    loop_.restart();
    loop_.poll();
    return !has_ended(next);
  }));
}

TEST_F(JoinServerTest, WhoSaysNothingIsNotWaitedFor) {
  start(200ms);
  JoinClient silent(path_);
  EXPECT_TRUE(ends(silent));
  JoinClient lingering(path_);
  ASSERT_TRUE(lingering.send("?", 1, {}));
  ASSERT_TRUE(answer_to(lingering));
  EXPECT_TRUE(runs_until([&] { return !lingering.send("?", 1, {}); })) << "it was refused, and does not go";
  JoinClient member = joined();
  JoinClient later(path_);
  EXPECT_TRUE(ends(later));
  EXPECT_FALSE(has_ended(member));
}

TEST_F(JoinServerTest, StopEndsAllMemberships) {
  JoinClient client = joined();
  server_->stop();
  EXPECT_EQ(notes_.left.size(), 1u);
  EXPECT_TRUE(has_ended(client));
  EXPECT_NE(::access(path_.c_str(), F_OK), 0);
  server_->stop();
  EXPECT_EQ(notes_.left.size(), 1u);
}

TEST(PaxosAddress, NamesOfPinsLeadBack) {
  for (const auto& [ip, name] : {std::pair{"10.0.0.1", "00000000000000000000ffff0a000001_7400"},
                                 {"2001:db8::1", "20010db8000000000000000000000001_7400"}}) {
    const paxos_address address = address_of(ip, 7400);
    EXPECT_EQ(pin_name(address), name);
    ASSERT_TRUE(from_pin_name(name));
    EXPECT_TRUE(same(*from_pin_name(name), address));
    EXPECT_EQ(to_endpoint(address).address.to_string(), ip);
    EXPECT_TRUE(same(to_words(to_endpoint(address)), address));
  }
  for (const char* name :
       {"", "x", "20010db8000000000000000000000001", "20010db8000000000000000000000001_74000",
        "20010db8000000000000000000000001_7400x", "20010DB8000000000000000000000001_7400"})
    EXPECT_FALSE(from_pin_name(name)) << name;
}

}  // namespace
}  // namespace bmc::paxos::host
