// SPDX-License-Identifier: Apache-2.0
// bmcd's side of the kernel's help for replicas, whole: an unprivileged process joins, the kernel
// acknowledges for it, and it dies; bmcd is killed and comes again; others are refused.
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "apps/paxos/fastpath/tests/fixture.h"
#include "control-plane/fd.h"
#include "netns-tests/lib/bmcd.h"
#include "netns-tests/lib/lab.h"
#include "netns-tests/lib/udp_client.h"

namespace bmc::lab {
namespace {

constexpr std::uint16_t kPort = 7400;
constexpr const char* kUid = "65534";
constexpr std::int64_t kLimitMs = 10'000;

std::uint32_t map_id_at(const std::string& pin) {
  const bmc::Fd map(bpf_obj_get(pin.c_str()));
  bpf_map_info info = {};
  __u32 bytes = sizeof info;
  return map && bpf_obj_get_info_by_fd(map.get(), &info, &bytes) == 0 ? info.id : 0;
}

class PaxosHostTest : public testing::Test {
 protected:
  void TearDown() override {
    bmcd_.reset();
    ::unlink(socket_.c_str());
  }

  void start_bmcd(std::vector<std::string> further = {}) {
    BmcdOptions options;
    options.extra = {"--cache",        "false", "--paxos-allow", "uid=65534,ports=7400-7409",
                     "--paxos-socket", socket_};
    options.extra.insert(options.extra.end(), further.begin(), further.end());
    bmcd_ = std::make_unique<Bmcd>(lab_.server(), options);
  }

  std::unique_ptr<Process> joiner(const std::string& uid = kUid, std::uint16_t port = kPort,
                                  bool elsewhere = false) {
    const Link& link = lab_.link();
    const std::string own = link.server().ip, far = link.far().ip;
    return std::make_unique<Process>(
        ProcessSpec{.argv = {BMC_PAXOS_JOINER_PATH, socket_, uid, "65534", elsewhere ? far : own,
                             std::to_string(port), elsewhere ? own : far},
                    .netns = elsewhere ? &lab_.client() : &lab_.server()});
  }
  static bool says(Process& process, const std::string& text) {
    if (process.wait_for_output(text, Deadline::in_ms(kLimitMs))) return true;
    ADD_FAILURE() << "not said: " << text << "\n" << process.output();
    return false;
  }
  std::unique_ptr<Process> armed() {
    auto replica = joiner();
    says(*replica, "armed");
    EXPECT_EQ(replica->output().find("may use bpf"), std::string::npos);
    return replica;
  }

  // The leader's PREPARE; whether it is acknowledged.
  void send_prepare(UdpClient& leader, paxos::Op op) {
    const auto prepare = paxos::test::prepare(op, paxos::test::kView, "entry " + std::to_string(op));
    ASSERT_TRUE(leader.send_raw(prepare.payload));
  }
  bool is_acknowledged(UdpClient& leader, paxos::Op op) {
    const auto answer = leader.receive(Deadline::in_ms(kLimitMs));
    if (!answer || answer->raw.size() != sizeof(paxos_header)) return false;
    paxos_header header = {};
    std::memcpy(&header, answer->raw.data(), sizeof header);
    return header.type == PAXOS_PREPARE_OK && header.op == op && header.sender == paxos::test::kBackup &&
           (header.flags & PAXOS_FLAG_KERNEL_ACK_OK) != 0;
  }
  UdpClient leader() {
    return {lab_.client(), lab_.link().server(false, kPort), lab_.link().far(false, kPort)};
  }

  double metric(const std::string& name) { return bmcd_->metrics()[name]; }
  double packets(const std::string& where, const std::string& verdict, const std::string& reason) {
    return metric("bmcd_paxos_packets_total{where=\"" + where + "\",verdict=\"" + verdict + "\",reason=\"" +
                  reason + "\"}");
  }
  double armed_gates() { return metric("bmcd_paxos_gates_armed{gate=\"accept\"}"); }
  bool eventually_is(const std::function<bool()>& condition) {
    return eventually(Deadline::in_ms(kLimitMs), condition);
  }
  std::uint32_t map_id() const {
    return map_id_at(bmcd_->pin_directory() + "/paxos/groups/00000000000000000000ffff0a630001_7400_65534");
  }

  Lab lab_;
  const std::string socket_ = "/tmp/bmc-t-" + std::to_string(::getpid()) + "-paxos.sock";
  std::unique_ptr<Bmcd> bmcd_;
};

using paxos::test::kBase;

TEST_F(PaxosHostTest, TheKernelAcknowledgesForAnUnprivilegedProcessUntilItDies) {
  start_bmcd();
  UdpClient leader = this->leader();
  auto replica = armed();
  EXPECT_NE(replica->output().find("granted offloads 7 descriptors 3"), std::string::npos)
      << replica->output();
  // What bmcd wrote into the broadcast group, and the mark, let it reach the leader by a group address.
  EXPECT_TRUE(says(*replica, "broadcast sent delivered 1"));
  const auto hello = leader.receive(Deadline::in_ms(kLimitMs));
  ASSERT_TRUE(hello);
  EXPECT_EQ(hello->raw, "this is for all");

  send_prepare(leader, kBase + 1);
  EXPECT_TRUE(is_acknowledged(leader, kBase + 1));
  EXPECT_TRUE(says(*replica, "took entry 101"));
  EXPECT_EQ(packets("accept", "tx", "acked"), 1);
  EXPECT_EQ(metric("bmcd_paxos_members"), 1);
  EXPECT_EQ(armed_gates(), 1);
  const auto told = nlohmann::json::parse(bmcd_->ctl_json({"paxos"}));
  ASSERT_EQ(told["members"].size(), 1u);
  EXPECT_EQ(told["members"][0]["address"], "10.99.0.1:7400");
  EXPECT_EQ(told["members"][0]["uid"], 65534);
  EXPECT_EQ(told["members"][0]["pid"], replica->pid());
  EXPECT_EQ(told["members"][0]["accepts"], true);
  EXPECT_EQ(told["members"][0]["on"], nlohmann::json({"ack", "quorum", "broadcast"}));

  replica->kill_hard();
  EXPECT_TRUE(eventually_is([&] { return metric("bmcd_paxos_members") == 0; }));
  EXPECT_EQ(armed_gates(), 0);
  send_prepare(leader, kBase + 2);
  EXPECT_TRUE(eventually_is([&] { return packets("accept", "pass", "frozen") == 1; }));
  EXPECT_EQ(packets("accept", "tx", "acked"), 1);
}

TEST_F(PaxosHostTest, OthersAreRefusedWithTheReason) {
  start_bmcd();
  auto replica = armed();
  const auto refused = [&](std::unique_ptr<Process> other, int code, const std::string& reason) {
    EXPECT_TRUE(says(*other, "refused " + std::to_string(code) + ": "));
    EXPECT_NE(other->output().find(reason), std::string::npos) << other->output();
    EXPECT_TRUE(other->wait_exit(Deadline::in_ms(kLimitMs)));
  };
  refused(joiner("65533", 7401), EACCES, "nothing is allowed to user 65533");
  refused(joiner("0", 7401), EACCES, "nothing is allowed to user 0");
  refused(joiner(kUid, 7410), EACCES, "paxos-allow = [\"uid=65534,ports=7410\"]");
  refused(joiner(kUid, kPort, true), EXDEV, "another network namespace");
  EXPECT_EQ(metric("bmcd_paxos_joins_total{outcome=\"granted\"}"), 1);
  EXPECT_EQ(metric("bmcd_paxos_joins_total{outcome=\"refused\"}"), 4);
  EXPECT_TRUE(replica->running());
  EXPECT_EQ(armed_gates(), 1);
}

TEST_F(PaxosHostTest, ABmcdThatIsKilledComesAgainWithTheSameMemory) {
  start_bmcd();
  UdpClient leader = this->leader();
  auto replica = armed();
  ASSERT_TRUE(leader.receive(Deadline::in_ms(kLimitMs))) << "the broadcast";
  const std::uint32_t id = map_id();
  ASSERT_NE(id, 0u);
  const auto program = nlohmann::json::parse(bmcd_->ctl_json({"status"}))["attachments"][0];
  EXPECT_EQ(program["hook"], "xdp");
  send_prepare(leader, kBase + 1);
  EXPECT_TRUE(is_acknowledged(leader, kBase + 1));

  bmcd_->kill_hard();
  EXPECT_TRUE(says(*replica, "bmcd has ended, armed")) << "the lease and the process itself see to it";
  bmcd_->start_again();
  EXPECT_EQ(armed_gates(), 0);
  EXPECT_EQ(nlohmann::json::parse(bmcd_->ctl_json({"status"}))["attachments"][0], program)
      << "kept, not replaced";
  EXPECT_EQ(packets("accept", "tx", "acked"), 1) << "the counters go on";
  replica->kill_hard();
  replica = armed();
  EXPECT_EQ(map_id(), id);
  ASSERT_TRUE(leader.receive(Deadline::in_ms(kLimitMs))) << "the broadcast";
  send_prepare(leader, kBase + 1);
  EXPECT_TRUE(is_acknowledged(leader, kBase + 1)) << "of the new generation";
}

TEST_F(PaxosHostTest, StoppingFreezesAndSwitchingTakesHoldAtOnce) {
  start_bmcd();
  UdpClient leader = this->leader();
  auto replica = armed();
  ASSERT_TRUE(leader.receive(Deadline::in_ms(kLimitMs))) << "the broadcast";
  const auto off = bmcd_->ctl({"paxos", "ack", "off"});
  EXPECT_EQ(off.exit_code, 0) << off.output;
  EXPECT_NE(off.output.find("ack        off"), std::string::npos) << off.output;
  EXPECT_TRUE(says(*replica, "offloads 6"));
  send_prepare(leader, kBase + 1);
  EXPECT_TRUE(eventually_is([&] { return packets("parse", "pass", "off") == 1; }));
  bmcd_->ctl({"paxos", "broadcast", "off"});
  EXPECT_TRUE(says(*replica, "offloads 2"));
  bmcd_->ctl({"paxos", "ack", "on"});
  EXPECT_TRUE(says(*replica, "offloads 3"));
  send_prepare(leader, kBase + 1);
  EXPECT_TRUE(is_acknowledged(leader, kBase + 1));
  EXPECT_EQ(bmcd_->ctl({"paxos", "ack", "maybe"}).exit_code, 2);
  EXPECT_EQ(bmcd_->ctl({"paxos", "ack"}).exit_code, 2);
  EXPECT_NE(bmcd_->ctl({"audit"}).output.find("user 65534"), std::string::npos);
  // Of the end it learns by the connection, when the gate is frozen already.
  EXPECT_TRUE(bmcd_->stop());
  EXPECT_TRUE(says(*replica, "bmcd has ended, frozen"));
}

TEST_F(PaxosHostTest, AnInterfaceThatComesLaterIsAttachedToAndDetachRemovesAll) {
  start_bmcd({"--iface", "eth1"});
  const auto hooks = [&] {
    std::vector<std::string> all;
    const auto status = nlohmann::json::parse(bmcd_->ctl_json({"status"}));
    for (const auto& each : status["attachments"])
      all.push_back(each["target"].get<std::string>() + " " + each["hook"].get<std::string>());
    return all;
  };
  EXPECT_EQ(hooks(), (std::vector<std::string>{"eth0 xdp", "eth0 tc egress"}));
  lab_.add_link();
  EXPECT_TRUE(eventually_is([&] { return hooks().size() == 4; }));
  auto replica = armed();
  const auto detached = bmcd_->ctl({"detach"});
  EXPECT_EQ(detached.exit_code, 0) << detached.output;
  EXPECT_TRUE(says(*replica, "bmcd has ended, frozen"));
  for (const char* device : {"eth0", "eth1"}) {
    EXPECT_EQ(run_checked({"ip", "-d", "link", "show", device}, &lab_.server()).find("xdp"),
              std::string::npos);
    EXPECT_EQ(run_checked({"tc", "qdisc", "show", "dev", device}, &lab_.server()).find("clsact"),
              std::string::npos);
  }
  EXPECT_NE(::access(bmcd_->pin_directory().c_str(), F_OK), 0);
}

}  // namespace
}  // namespace bmc::lab
