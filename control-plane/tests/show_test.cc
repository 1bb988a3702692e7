// SPDX-License-Identifier: Apache-2.0
// bmcctl's output for people and as JSON.
#include "control-plane/bmcctl/show.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace bmc {
namespace {

TEST(Show, StatsInMemcachedsForm) {
  control::Response response;
  auto* stat = response.mutable_stats()->add_stats();
  stat->set_name("get_hits");
  stat->set_value("12");
  EXPECT_EQ(show_text(response, ""), "STAT get_hits 12\nEND\n");
  EXPECT_EQ(nlohmann::json::parse(show_json(response)), (nlohmann::json{{"get_hits", "12"}}));
}

TEST(Show, ValuesCannotSteerTheTerminal) {
  control::Response response;
  auto* entry = response.mutable_get()->add_entries();
  entry->set_value("a\x1b[2J\n\x7f\\\xc3\xa9");
  entry->set_state("servable");
  const std::string text = show_text(response, "k\x07");
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find('\x07'), std::string::npos);
  EXPECT_NE(text.find("a\\x1b[2J\\x0a\\x7f\\x5c\xc3\xa9"), std::string::npos) << text;
}

TEST(Show, MissingKeyIsNotGood) {
  control::Response response;
  response.mutable_get();
  EXPECT_FALSE(is_good(response));
  EXPECT_EQ(show_text(response, "k"), "k is not in the kernel's cache\n");
  response.mutable_get()->add_entries();
  EXPECT_TRUE(is_good(response));
}

TEST(Show, HotKeysAsATable) {
  control::Response response;
  control::TopReply& top = *response.mutable_top();
  top.set_seconds(5);
  top.set_requests_per_s(1234);
  top.set_samples(617);
  EXPECT_EQ(show_text(response, ""), "1234 keys/s, estimated from 617 samples in 5.0 s\n");
  const auto add = [&](const std::string& key, double rate) {
    control::HotKey& hot = *top.add_keys();
    hot.set_key(key);
    hot.set_hash(0xabc);
    hot.set_server("10.0.0.1:11211");
    hot.set_requests_per_s(rate);
    return &hot;
  };
  control::HotKey* first = add("a\x1b[2J", 1000);
  first->set_kernel_share(0.987);
  first->set_cached(true);
  first->set_bytes(32);
  add("b", 20.5);
  control::HotKey* last = add("c", 2);
  last->set_cached(true);
  last->set_expires(true);
  last->set_expires_in_s(59.5);
  EXPECT_EQ(show_text(response, ""),
            "1234 keys/s, estimated from 617 samples in 5.0 s\n"
            "  requests/s  kernel   bytes         TTL  key\n"
            "      1000.0    99 %      32       never  a\\x1b[2J\n"
            "        20.5     0 %       -           -  b\n"
            "         2.0     0 %       0      59.5 s  c\n");
  last->set_server("10.0.0.1:11212");
  first->clear_key();
  EXPECT_NE(show_text(response, "").find("  c  at 10.0.0.1:11212\n"), std::string::npos);
  EXPECT_NE(show_text(response, "").find("  0000000000000abc  at 10.0.0.1:11211\n"), std::string::npos);
  EXPECT_TRUE(is_good(response));
}

TEST(Show, PaxosReplicasAndSwitches) {
  control::Response response;
  control::PaxosReply& paxos = *response.mutable_paxos();
  auto* ack = paxos.add_switches();
  ack->set_offload("ack");
  ack->set_on(true);
  paxos.add_switches()->set_offload("broadcast");
  EXPECT_EQ(show_text(response, ""), "ack        on\nbroadcast  off\nno replica has joined\n");
  auto* member = paxos.add_members();
  member->set_address("10.0.0.1:7400");
  member->set_uid(1000);
  member->set_pid(4711);
  member->add_wanted("ack");
  member->add_wanted("broadcast");
  member->add_on("ack");
  member->set_accepts(true);
  member->set_waiting(2);
  member->set_shows_life(true);
  member->set_alive_s_ago(0.25);
  auto* count = paxos.add_counts();
  count->set_where("accept");
  count->set_verdict("tx");
  count->set_reason("acked");
  count->set_packets(12);
  EXPECT_EQ(show_text(response, ""),
            "ack        on\nbroadcast  off\n"
            "replica  10.0.0.1:7400  pid 4711  user 1000  on: ack (wants ack broadcast), the kernel accepts, "
            "2 accepted "
            "entries wait, looked 0.2 s ago\n"
            "accept     tx           acked          12\n");
  const auto json = nlohmann::json::parse(show_json(response));
  EXPECT_EQ(json["switches"][1]["on"], false);
  EXPECT_EQ(json["members"][0]["on"], nlohmann::json({"ack"}));
  EXPECT_EQ(json["counts"][0]["packets"], "12");
  EXPECT_TRUE(is_good(response));
}

TEST(Show, ProbeEndsWithItsVerdict) {
  control::Response response;
  auto* check = response.mutable_probe()->add_checks();
  check->set_subject("kernel");
  check->set_finding("Linux 6.1");
  EXPECT_TRUE(is_good(response));
  EXPECT_NE(show_text(response, "").find("bmcd can run here\n"), std::string::npos);
  check->set_verdict(control::Check::MISSING);
  check->set_remedy("upgrade");
  EXPECT_FALSE(is_good(response));
  EXPECT_NE(show_text(response, "").find("-> upgrade\n"), std::string::npos);
  EXPECT_NE(show_text(response, "").find("cannot run here yet: 1 missing"), std::string::npos);
}

TEST(Show, StatusHasEveryPartInBothForms) {
  control::Response response;
  auto* status = response.mutable_status();
  status->set_version("0.1.0");
  status->set_pid(42);
  status->set_mode(control::MODE_SERVE);
  status->set_summary("serving");
  auto* attachment = status->add_attachments();
  attachment->set_hook("xdp");
  attachment->set_target("eth0");
  attachment->set_how("native, single program");
  attachment->set_program_id(7);
  auto* server = status->add_servers();
  server->set_address("10.0.0.1:11211");
  server->set_state("serving");
  const std::string text = show_text(response, "");
  for (const char* part : {"bmcd 0.1.0", "pid 42", "mode serve", "eth0", "native, single program",
                           "program 7", "10.0.0.1:11211"})
    EXPECT_NE(text.find(part), std::string::npos) << part;
  const auto json = nlohmann::json::parse(show_json(response));
  EXPECT_EQ(json["mode"], "MODE_SERVE");
  EXPECT_EQ(json["attachments"][0]["program_id"], 7);
  EXPECT_EQ(json["uptime_s"], 0);
}

}  // namespace
}  // namespace bmc
