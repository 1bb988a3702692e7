// SPDX-License-Identifier: Apache-2.0
// Whole replicas, each in a namespace of its own, with the offload at all of them, at some, and taken off
// while clients call. Run by ctest, label netns.
#include "apps/paxos/include/bmc/paxos/replica.h"

#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <thread>

#include "apps/paxos/fastpath/broadcast_program.h"
#include "apps/paxos/include/bmc/paxos/client.h"
#include "apps/paxos/runtime/tests/tally_machine.h"
#include "apps/paxos/runtime/tests/temporary_directory.h"
#include "netns-tests/lib/clock.h"
#include "netns-tests/lib/lab_error.h"
#include "netns-tests/lib/process.h"
#include "netns-tests/paxos/broadcast/lab.h"

namespace bmc::broadcast {
namespace {

using paxos::fastpath::BroadcastProgram;

// A thread inside a namespace, and what runs there.
struct Member {
  explicit Member(const lab::Netns& in)
      : netns(in), thread([this] {
          const lab::ScopedNetns inside(netns);
          context.run();
        }) {}
  ~Member() {
    work.reset();
    context.stop();
    thread.join();
    const lab::ScopedNetns inside(netns);
    program.reset();
  }

  const lab::Netns& netns;
  boost::asio::io_context context;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{context.get_executor()};
  std::optional<BroadcastProgram> program;
  paxos::runtime::TallyMachine machine;
  std::unique_ptr<paxos::Replica> replica;
  std::thread thread;
};

class ReplicaTest : public testing::Test {
 protected:
  ~ReplicaTest() override {
    client_.reset();
    for (const auto& member : members_) member->replica.reset();
  }

  void start(const std::vector<bool>& offloaded) {
    lab_.emplace(LabOptions{.receivers = offloaded.size()});
    std::vector<std::string> addresses;
    for (std::size_t i = 0; i < offloaded.size(); ++i) addresses.push_back(lab_->address(i, false).text());
    for (std::size_t i = 0; i < offloaded.size(); ++i) {
      members_.push_back(std::make_unique<Member>(lab_->receiver(i)));
      Member& member = *members_[i];
      const lab::ScopedNetns inside(member.netns);
      paxos::Options options;
      options.data_directory = directory_.path() + "/" + std::to_string(i);
      options.cluster_id = 7;
      options.replicas = addresses;
      options.replica_index = static_cast<std::uint8_t>(i);
      options.durability = paxos::Options::Durability::memory;
      if (offloaded[i]) options.broadcast_offload = offload(member);
      if (const auto made = format(options); !made) throw lab::LabError(made.error().what);
      auto started = paxos::Replica::start(member.context.get_executor(), options, member.machine);
      if (!started) throw lab::LabError(started.error().what);
      member.replica = *std::move(started);
    }
    caller_.emplace(lab_->sender());
    const lab::ScopedNetns inside(lab_->sender());
    paxos::ClientOptions options;
    options.cluster_id = 7;
    options.replicas = addresses;
    auto opened = paxos::Client::open(caller_->context.get_executor(), options);
    if (!opened) throw lab::LabError(opened.error().what);
    client_ = *std::move(opened);
  }

  static paxos::BroadcastOffload offload(Member& member) {
    auto loaded = BroadcastProgram::load();
    if (!loaded) throw lab::LabError(loaded.error().what);
    member.program.emplace(*std::move(loaded));
    if (const auto attached = member.program->attach("eth0"); !attached)
      throw lab::LabError(attached.error().what);
    return {member.program->reports(), member.program->groups(), 0, "eth0"};
  }

  void call(int count) {
    for (int i = 0; i < count; ++i) {
      const auto result = client_->call("operation " + std::to_string(calls_++));
      ASSERT_TRUE(result) << result.error().what;
      ASSERT_EQ(*result, "1") << "applied once";
    }
  }

  std::uint64_t counter(std::size_t replica, std::string_view name, std::string_view label) const {
    for (const auto& each : members_[replica]->replica->counters())
      if (each.name == name && each.label == label) return each.value;
    throw lab::LabError("no such counter");
  }
  std::size_t leader() const { return members_[0]->replica->status().leader; }

  // All have applied the same.
  void expect_agreement() {
    const auto applied = [&](std::size_t i) { return members_[i]->replica->status().applied; };
    EXPECT_TRUE(lab::eventually(lab::Deadline::in_ms(10'000), [&] {
      for (std::size_t i = 0; i < members_.size(); ++i)
        if (applied(i) != applied(leader()) || members_[i]->replica->status().commit != applied(i))
          return false;
      return true;
    }));
    for (const auto& member : members_) member->replica->shutdown();
    for (const auto& member : members_)
      EXPECT_EQ(member->machine.tally().size(), static_cast<std::size_t>(calls_));
  }

  paxos::runtime::TemporaryDirectory directory_;
  std::optional<Lab> lab_;
  std::vector<std::unique_ptr<Member>> members_;
  std::optional<Member> caller_;
  std::unique_ptr<paxos::Client> client_;
  int calls_ = 0;
};

TEST_F(ReplicaTest, AllWithTheOffload) {
  start(std::vector<bool>(9, true));
  call(300);
  EXPECT_GE(counter(leader(), "broadcasts", "taken"), 250u);
  EXPECT_EQ(counter(leader(), "broadcasts", "unanswered"), 0u);
  expect_agreement();
}

TEST_F(ReplicaTest, SomeWithTheOffload) {
  start({true, false, true});
  call(200);
  for (const std::size_t i : {0u, 2u}) {
    if (leader() == i) {
      EXPECT_GE(counter(i, "broadcasts", "taken"), 150u);
    }
  }
  EXPECT_EQ(counter(1, "broadcasts", "taken"), 0u);
  expect_agreement();
}

TEST_F(ReplicaTest, TheProgramComesAndGoes) {
  start({true, true, true});
  call(50);
  for (int i = 0; i < 5; ++i) {
    for (const auto& member : members_)
      lab::run_checked({"tc", "-n", member->netns.name(), "filter", "del", "dev", "eth0", "egress"});
    call(50);
    for (const auto& member : members_) {
      const lab::ScopedNetns inside(member->netns);
      ASSERT_TRUE(member->program->attach("eth0"));
    }
    call(50);
  }
  EXPECT_GE(counter(leader(), "broadcasts", "unanswered"), 1u);
  expect_agreement();
}

}  // namespace
}  // namespace bmc::broadcast
