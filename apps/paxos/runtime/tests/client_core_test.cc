// SPDX-License-Identifier: Apache-2.0
// The client's state machine with a time and a cluster of the test's own: what it sends to whom, and what it
// tells its caller.
#include "apps/paxos/runtime/client_core.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>

namespace bmc::paxos::runtime {
namespace {

using body::Reply;
using body::Request;

constexpr Micros kMs = 1000;
constexpr std::uint32_t kNoHint = 255;

class ClientCoreTest : public testing::Test {
 protected:
  ClientCoreTest() {
    options_.cluster_id = 7;
    options_.replicas = {"10.0.0.1:7400", "10.0.0.2:7400", "10.0.0.3:7400"};
    options_.sessions_max = 2;
    options_.calls_waiting_max = 1;
    options_.deadline_ms = 1000;
    options_.retransmit_ms = 40;
    options_.retransmit_ms_max = 160;
  }

  ClientCore& core() {
    if (!core_) core_.emplace(options_, [this] { return ++drawn_; });
    return *core_;
  }

  using Answer = std::shared_ptr<std::optional<Result<std::string>>>;
  Answer start(Request::Kind kind, std::string payload) {
    auto answer = std::make_shared<std::optional<Result<std::string>>>();
    core().start(now_, kind, std::move(payload),
                 internal::Completion(loop_.get_executor(),
                                      [answer](Result<std::string> result) { *answer = std::move(result); }));
    return answer;
  }

  struct Asked {
    ReplicaIndex to;
    Request request;
  };
  std::vector<Asked> asked() {
    std::vector<Asked> all;
    for (const ClientSend& send : core().take_sends()) {
      EXPECT_EQ(send.message.type, MessageType::kRequest);
      EXPECT_EQ(send.message.sender, PAXOS_SENDER_CLIENT);
      all.push_back({send.to, {}});
      EXPECT_TRUE(all.back().request.ParseFromString(*send.message.body));
    }
    return all;
  }
  // The only one.
  Asked asked_once() {
    auto all = asked();
    EXPECT_EQ(all.size(), 1u);
    return all.empty() ? Asked{255, {}} : all.front();
  }

  void reply(ReplicaIndex from, const Request& request, Reply::Status status, const std::string& result = "",
             std::uint32_t leader = kNoHint) {
    Reply body;
    body.set_client(request.client());
    body.set_session(request.kind() == Request::REGISTER ? std::strtoull(result.c_str(), nullptr, 10)
                                                         : request.session());
    body.set_number(request.number());
    body.set_kind(request.kind());
    body.set_status(status);
    body.set_result(result);
    body.set_leader(leader);
    Message message;
    message.type = MessageType::kReply;
    message.sender = from;
    message.body = std::make_shared<const std::string>(body.SerializeAsString());
    core().on_message(now_, from, message);
  }

  void pass(Micros us) {
    now_ += us;
    core().on_tick(now_);
  }

  // Opens the session that a call needs; returns the call's request.
  Asked opened(const char* session = "10") {
    const Asked registration = asked_once();
    EXPECT_EQ(registration.request.kind(), Request::REGISTER);
    reply(registration.to, registration.request, Reply::OK, session);
    return asked_once();
  }

  void expect_error(const Answer& answer, ErrorCode code) {
    loop_.restart();
    loop_.poll();
    ASSERT_TRUE(answer->has_value());
    ASSERT_FALSE((*answer)->ok());
    EXPECT_EQ((*answer)->error().code, code) << (*answer)->error().what;
    EXPECT_FALSE((*answer)->error().what.empty());
  }
  void expect_value(const Answer& answer, const std::string& value) {
    loop_.restart();
    loop_.poll();
    ASSERT_TRUE(answer->has_value());
    ASSERT_TRUE((*answer)->ok()) << (*answer)->error().what;
    EXPECT_EQ(***answer, value);
  }
  void expect_unanswered(const Answer& answer) {
    loop_.restart();
    loop_.poll();
    EXPECT_FALSE(answer->has_value());
  }

  ClientOptions options_;
  boost::asio::io_context loop_;
  Micros now_ = 1'000'000;
  std::uint64_t drawn_ = 100;
  std::optional<ClientCore> core_;
};

TEST_F(ClientCoreTest, OpensASessionAndUsesItAgain) {
  const auto first = start(Request::APPLY, "one");
  const Asked one = opened("10");
  EXPECT_EQ(one.request.session(), 10u);
  EXPECT_EQ(one.request.number(), 1u);
  EXPECT_EQ(one.request.payload(), "one");
  reply(0, one.request, Reply::OK, "first");
  expect_value(first, "first");

  const auto second = start(Request::APPLY, "two");
  const Asked two = asked_once();
  EXPECT_EQ(two.request.session(), 10u);
  EXPECT_EQ(two.request.number(), 2u);
  reply(0, two.request, Reply::OK, "second");
  expect_value(second, "second");
  EXPECT_TRUE(core().is_idle());
  EXPECT_EQ(core().sessions_opened(), 1u);
}

TEST_F(ClientCoreTest, ReadsNeedNoSession) {
  const auto answer = start(Request::READ, "what");
  const Asked read = asked_once();
  EXPECT_EQ(read.request.kind(), Request::READ);
  reply(0, read.request, Reply::OK, "that");
  expect_value(answer, "that");
}

TEST_F(ClientCoreTest, SendsTheSameNumberAgainToTheNextReplica) {
  const auto answer = start(Request::APPLY, "one");
  const Asked first = opened();
  pass(39 * kMs);
  EXPECT_TRUE(asked().empty());
  pass(1 * kMs);
  const Asked second = asked_once();
  EXPECT_EQ(second.to, 1);
  EXPECT_EQ(second.request.SerializeAsString(), first.request.SerializeAsString());
  pass(79 * kMs);
  EXPECT_TRUE(asked().empty());
  pass(1 * kMs);
  EXPECT_EQ(asked_once().to, 2);
  reply(2, first.request, Reply::OK, "done");
  expect_value(answer, "done");

  start(Request::APPLY, "two");
  EXPECT_EQ(asked_once().to, 2);  // who answered leads
}

TEST_F(ClientCoreTest, FollowsAHintAtOnce) {
  const auto answer = start(Request::APPLY, "one");
  const Asked first = opened();
  reply(0, first.request, Reply::NOT_LEADER, "", 2);
  const Asked second = asked_once();
  EXPECT_EQ(second.to, 2);
  EXPECT_EQ(second.request.number(), first.request.number());
  reply(0, first.request, Reply::NOT_LEADER, "", 1);  // a duplicate from where we no longer ask
  EXPECT_TRUE(asked().empty());
  reply(2, second.request, Reply::OK, "done");
  expect_value(answer, "done");
}

TEST_F(ClientCoreTest, DoesNotFollowHintsInACircleWithoutAPause) {
  start(Request::READ, "one");
  Asked last = asked_once();
  std::size_t sent = 0;
  for (int i = 0; i < 20; i++) {
    reply(last.to, last.request, Reply::NOT_LEADER, "", last.to == 0 ? 1 : 0);
    const auto next = asked();
    if (next.empty()) break;
    last = next.front();
    sent++;
  }
  EXPECT_EQ(sent, options_.replicas.size());
  pass(40 * kMs);
  EXPECT_EQ(asked().size(), 1u);
}

TEST_F(ClientCoreTest, WithoutALeaderItAsksTheNextSoon) {
  start(Request::READ, "one");
  const Asked first = asked_once();
  pass(40 * kMs);
  asked();
  pass(80 * kMs);  // the pause is now 160 ms
  const Asked third = asked_once();
  reply(third.to, first.request, Reply::NOT_LEADER);
  EXPECT_TRUE(asked().empty());
  pass(40 * kMs);
  EXPECT_EQ(asked().size(), 1u);
}

TEST_F(ClientCoreTest, AnOperationThatWasSentHasAnUnknownOutcome) {
  const auto answer = start(Request::APPLY, "one");
  const Asked request = opened("10");
  pass(999 * kMs);
  expect_unanswered(answer);
  pass(1 * kMs);
  expect_error(answer, ErrorCode::unknown_outcome);
  asked();

  reply(0, request.request, Reply::OK, "late");  // nobody waits for it
  const auto next = start(Request::APPLY, "two");
  const Asked again = asked_once();
  EXPECT_EQ(again.request.kind(), Request::REGISTER);  // the number is not used again
  EXPECT_NE(again.request.client(), request.request.client());
}

TEST_F(ClientCoreTest, AnOperationThatWasNeverSentTimedOut) {
  const auto answer = start(Request::APPLY, "one");
  EXPECT_EQ(asked_once().request.kind(), Request::REGISTER);
  pass(1000 * kMs);
  expect_error(answer, ErrorCode::timed_out);
}

TEST_F(ClientCoreTest, AReadThatWasSentTimedOut) {
  const auto answer = start(Request::READ, "one");
  asked();
  pass(1000 * kMs);
  expect_error(answer, ErrorCode::timed_out);
}

TEST_F(ClientCoreTest, TellsTheLastRefusalWhereNothingWasDone) {
  const auto read = start(Request::READ, "one");
  const auto call = start(Request::APPLY, "two");
  const auto sent = asked();
  ASSERT_EQ(sent.size(), 2u);
  reply(0, sent[0].request, Reply::BUSY);
  reply(0, sent[1].request, Reply::NOT_LEADER, "", 2);
  expect_unanswered(read);
  pass(1000 * kMs);
  expect_error(read, ErrorCode::busy);
  expect_error(call, ErrorCode::not_leader);
  EXPECT_EQ((*call)->error().leader, 2);
}

TEST_F(ClientCoreTest, BusyAfterTheOperationWasSentIsUnknown) {
  const auto answer = start(Request::APPLY, "one");
  const Asked request = opened();
  reply(0, request.request, Reply::BUSY);
  pass(1000 * kMs);
  expect_error(answer, ErrorCode::unknown_outcome);
}

TEST_F(ClientCoreTest, AnEvictedSessionIsToldAndOpenedAnew) {
  const auto first = start(Request::APPLY, "one");
  const Asked request = opened("10");
  reply(0, request.request, Reply::SESSION_EVICTED);
  expect_error(first, ErrorCode::session_evicted);
  const auto second = start(Request::APPLY, "two");
  const Asked two = opened("20");
  EXPECT_NE(two.request.client(), request.request.client());
  EXPECT_EQ(two.request.session(), 20u);
  EXPECT_EQ(two.request.number(), 1u);
  reply(0, two.request, Reply::OK, "done");
  expect_value(second, "done");
}

TEST_F(ClientCoreTest, CallsWaitForASessionInTheirOrder) {
  const auto one = start(Request::APPLY, "one");
  const auto two = start(Request::APPLY, "two");
  const auto sent = asked();
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_NE(sent[0].request.client(), sent[1].request.client());
  const auto three = start(Request::APPLY, "three");
  EXPECT_TRUE(asked().empty());
  const auto four = start(Request::APPLY, "four");
  expect_error(four, ErrorCode::busy);

  reply(0, sent[0].request, Reply::OK, "10");
  reply(0, asked_once().request, Reply::OK, "done");
  expect_value(one, "done");
  const Asked third = asked_once();
  EXPECT_EQ(third.request.payload(), "three");
  EXPECT_EQ(third.request.number(), 2u);
  EXPECT_FALSE(core().is_idle());
  pass(1000 * kMs);
  expect_error(two, ErrorCode::timed_out);
  expect_error(three, ErrorCode::unknown_outcome);
  EXPECT_TRUE(core().is_idle());
}

TEST_F(ClientCoreTest, WhatWaitsTooLongTimedOut) {
  start(Request::APPLY, "one");
  start(Request::APPLY, "two");
  const auto sent = asked();
  pass(500 * kMs);
  const auto three = start(Request::APPLY, "three");
  reply(0, sent[0].request, Reply::OK, "10");
  asked();
  now_ += 1000 * kMs;  // all end at once; the one that waits is not sent any more
  core().on_tick(now_);
  expect_error(three, ErrorCode::timed_out);
  for (const Asked& each : asked()) EXPECT_NE(each.request.payload(), "three");
}

TEST_F(ClientCoreTest, TooLargeIsToldAtOnce) {
  options_.request_bytes_max = 10;
  expect_error(start(Request::APPLY, "12345678901"), ErrorCode::too_large);
  const auto fits = start(Request::READ, "1234567890");
  const Asked read = asked_once();
  expect_unanswered(fits);
  reply(0, read.request, Reply::TOO_LARGE);
  expect_error(fits, ErrorCode::too_large);
}

TEST_F(ClientCoreTest, NotUnderstoodIsIncompatible) {
  const auto answer = start(Request::READ, "one");
  reply(0, asked_once().request, Reply::MALFORMED);
  expect_error(answer, ErrorCode::incompatible);
}

TEST_F(ClientCoreTest, ReadsGoToTheirReplicaFirst) {
  options_.read_replica = 1;
  const auto read = start(Request::READ, "one");
  const Asked first = asked_once();
  EXPECT_EQ(first.to, 1);
  reply(1, first.request, Reply::OK, "done");
  expect_value(read, "done");
  start(Request::APPLY, "two");
  EXPECT_EQ(asked_once().to, 0);  // that a backup reads does not make it the leader
}

TEST_F(ClientCoreTest, AnswersToOtherQuestionsAreNone) {
  const auto answer = start(Request::APPLY, "one");
  const Asked asked_now = opened("10");
  const Request& request = asked_now.request;
  Request other = request;
  other.set_number(2);
  reply(0, other, Reply::OK, "wrong number");
  other = request;
  other.set_session(11);
  reply(0, other, Reply::OK, "wrong session");
  other = request;
  other.set_client(request.client() + 1);
  reply(0, other, Reply::OK, "wrong client");
  other = request;
  other.set_kind(Request::READ);
  reply(0, other, Reply::OK, "wrong kind");
  expect_unanswered(answer);
  reply(0, request, Reply::OK, "right");
  reply(0, request, Reply::OK, "again");
  expect_value(answer, "right");
}

TEST_F(ClientCoreTest, ClosingAnswersEverything) {
  const auto sent = start(Request::APPLY, "one");
  opened();
  const auto read = start(Request::READ, "two");
  const auto waiting = start(Request::APPLY, "three");
  core().close();
  expect_error(sent, ErrorCode::unknown_outcome);
  expect_error(read, ErrorCode::shutting_down);
  expect_error(waiting, ErrorCode::shutting_down);
  expect_error(start(Request::APPLY, "four"), ErrorCode::shutting_down);
  EXPECT_TRUE(core().is_idle());
}

}  // namespace
}  // namespace bmc::paxos::runtime
