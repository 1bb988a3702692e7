// SPDX-License-Identifier: Apache-2.0
// For every reason in ignored.h a message that is turned away for it, beside its twin that is not.
#include <gtest/gtest.h>

#include "apps/paxos/core/tests/test_cluster.h"

namespace bmc::paxos {
namespace {

constexpr ReplicaIndex kLeader = 0;
constexpr ReplicaIndex kBackup = 1;
constexpr ReplicaIndex kOther = 2;

class IgnoredTest : public testing::Test {
 protected:
  IgnoredTest() : cluster(test_options(3, Durability::kWal)) {
    EXPECT_TRUE(cluster.apply_and_wait(1, "a"));
    EXPECT_TRUE(
        cluster.run_until([this] { return cluster.look(kBackup).commit == cluster.look(kLeader).op; }));
    cluster.loses = [](ReplicaIndex, ReplicaIndex, const Message&) { return true; };
  }

  // How often `message` is turned away for `reason`: 0 or 1.
  std::uint64_t turned_away(ReplicaIndex at, const Message& message, Ignored reason) {
    const std::uint64_t before = cluster.ignored(at, reason);
    cluster.deliver(at, message);
    return cluster.ignored(at, reason) - before;
  }
  static std::shared_ptr<const std::string> bytes(const google::protobuf::MessageLite& body) {
    return std::make_shared<const std::string>(body.SerializeAsString());
  }
  // The PREPARE that would be next.
  Message next_prepare() {
    Message message = cluster.message_from(kLeader, MessageType::kPrepare);
    message.op = cluster.look(kBackup).op + 1;
    message.chain = cluster.core(kBackup).entry(cluster.look(kBackup).op)->chain;
    message.ack_level = PAXOS_ACK_DURABLE;
    message.body = cluster.core(kBackup).entry(cluster.look(kBackup).op)->batch;
    return message;
  }
  // An acknowledgement of the leader's last entry, which nobody has acknowledged yet.
  Message next_prepare_ok() {
    cluster.apply(1, "b");
    Message message = cluster.message_from(kBackup, MessageType::kPrepareOk);
    message.op = cluster.look(kLeader).op;
    message.chain = cluster.core(kLeader).entry(message.op)->chain;
    message.ack_level = PAXOS_ACK_DURABLE;
    return message;
  }
  Message wish(View view) {
    body::StartViewChange body;
    body.set_wished_view(view);
    Message message = cluster.message_from(kOther, MessageType::kStartViewChange);
    message.body = bytes(body);
    return message;
  }
  Message get_state(ReplicaIndex from, Op op) {
    body::GetState body;
    body.set_up_to(op + 1);
    Message message = cluster.message_from(from, MessageType::kGetState);
    message.op = op;
    message.body = bytes(body);
    return message;
  }

  TestCluster cluster;
};

TEST_F(IgnoredTest, UnknownSender) {
  Message message = cluster.message_from(kOther, MessageType::kPing);
  EXPECT_EQ(turned_away(kBackup, message, Ignored::unknown_sender), 0u);
  for (const unsigned sender : {unsigned{kBackup}, 3u, PAXOS_SENDER_CLIENT}) {
    message.sender = static_cast<ReplicaIndex>(sender);
    EXPECT_EQ(turned_away(kBackup, message, Ignored::unknown_sender), 1u) << sender;
  }
  message.type = MessageType::kRequest;
  message.sender = kOther;
  EXPECT_EQ(turned_away(kBackup, message, Ignored::unknown_sender), 1u) << "requests come from clients";
}

TEST_F(IgnoredTest, MalformedBody) {
  const auto garbage = std::make_shared<const std::string>("\xff\xff\xff");
  for (const MessageType type :
       {MessageType::kStartViewChange, MessageType::kDoViewChange, MessageType::kGetState,
        MessageType::kNewState, MessageType::kRecoveryResponse, MessageType::kGetCheckpoint,
        MessageType::kCheckpoint}) {
    Message message = cluster.message_from(kOther, type);
    message.body = garbage;
    EXPECT_EQ(turned_away(kBackup, message, Ignored::malformed_body), 1u);
  }
  Message request;
  request.type = MessageType::kRequest;
  request.body = garbage;
  EXPECT_EQ(turned_away(kLeader, request, Ignored::malformed_body), 1u);
  Message empty = next_prepare();
  empty.body = std::make_shared<const std::string>();
  EXPECT_EQ(turned_away(kBackup, empty, Ignored::malformed_body), 1u);
  EXPECT_EQ(turned_away(kBackup, next_prepare(), Ignored::malformed_body), 0u);
  Message nothing = get_state(kOther, 5);
  nothing.op = 6;
  EXPECT_EQ(turned_away(kBackup, nothing, Ignored::malformed_body), 1u) << "up to less than from";
}

TEST_F(IgnoredTest, OldIncarnation) {
  cluster.restart(kOther);
  Message message = cluster.message_from(kOther, MessageType::kPing);
  EXPECT_EQ(turned_away(kBackup, message, Ignored::old_incarnation), 0u);
  message.incarnation--;
  EXPECT_EQ(turned_away(kBackup, message, Ignored::old_incarnation), 1u);
}

TEST_F(IgnoredTest, OldView) {
  Message newer = cluster.message_from(kOther, MessageType::kPing);
  newer.view = 4;
  cluster.deliver(kBackup, newer);
  ASSERT_EQ(cluster.look(kBackup).view, 4u);
  for (const MessageType type : {MessageType::kPrepare, MessageType::kPrepareOk, MessageType::kCommit,
                                 MessageType::kStartView, MessageType::kPong, MessageType::kReadIndex}) {
    Message message = next_prepare();
    message.type = type;
    EXPECT_EQ(turned_away(kBackup, message, Ignored::old_view), 1u);
  }
  Message vote = cluster.message_from(kOther, MessageType::kDoViewChange);
  EXPECT_EQ(turned_away(kBackup, vote, Ignored::old_view), 1u);
  vote.view = 4;
  EXPECT_EQ(turned_away(kBackup, vote, Ignored::old_view), 0u);
  EXPECT_EQ(turned_away(kBackup, get_state(kOther, 0), Ignored::old_view), 1u);
  EXPECT_EQ(turned_away(kBackup, wish(4), Ignored::old_view), 1u);
  EXPECT_EQ(turned_away(kBackup, wish(5), Ignored::old_view), 0u);
}

TEST_F(IgnoredTest, NotNormal) {
  Message newer = cluster.message_from(kOther, MessageType::kPing);
  newer.view = 3;
  cluster.deliver(kBackup, newer);
  Message prepare = next_prepare();
  EXPECT_EQ(turned_away(kOther, prepare, Ignored::not_normal), 0u);
  prepare.view = 3;
  EXPECT_EQ(turned_away(kBackup, prepare, Ignored::not_normal), 1u);
  EXPECT_EQ(turned_away(kBackup, cluster.message_from(kOther, MessageType::kRecovery), Ignored::not_normal),
            1u);
}

TEST_F(IgnoredTest, NotLeader) {
  EXPECT_EQ(turned_away(kLeader, next_prepare_ok(), Ignored::not_leader), 0u);
  Message acknowledgement = cluster.message_from(kOther, MessageType::kPrepareOk);
  EXPECT_EQ(turned_away(kBackup, acknowledgement, Ignored::not_leader), 1u);
  EXPECT_EQ(turned_away(kBackup, cluster.message_from(kOther, MessageType::kPong), Ignored::not_leader), 1u);
  Message question = cluster.message_from(kOther, MessageType::kReadIndex);
  EXPECT_EQ(turned_away(kLeader, question, Ignored::not_leader), 0u);
  EXPECT_EQ(turned_away(kBackup, question, Ignored::not_leader), 1u);
  cluster.run_for(1'000'000);  // nobody answers the leader
  EXPECT_EQ(turned_away(kLeader, question, Ignored::not_leader), 1u) << "it does not know any more";
}

TEST_F(IgnoredTest, NotFromLeader) {
  Message prepare = next_prepare();
  prepare.sender = kOther;
  EXPECT_EQ(turned_away(kBackup, prepare, Ignored::not_from_leader), 1u);
  EXPECT_EQ(cluster.look(kBackup).op, prepare.op - 1);
  EXPECT_EQ(turned_away(kBackup, next_prepare(), Ignored::not_from_leader), 0u);
  EXPECT_EQ(cluster.look(kBackup).op, prepare.op);
  Message start_view = cluster.message_from(kOther, MessageType::kStartView);
  EXPECT_EQ(turned_away(kBackup, start_view, Ignored::not_from_leader), 1u);
  Message index = cluster.message_from(kOther, MessageType::kReadIndexReply);
  EXPECT_EQ(turned_away(kBackup, index, Ignored::not_from_leader), 1u);
}

TEST_F(IgnoredTest, NotLeaderOfView) {
  const Message vote = cluster.message_from(kOther, MessageType::kDoViewChange);
  EXPECT_EQ(turned_away(kBackup, vote, Ignored::not_leader_of_view), 1u);
  EXPECT_EQ(turned_away(kLeader, vote, Ignored::not_leader_of_view), 0u);
}

TEST_F(IgnoredTest, Recovering) {
  cluster.disk(kOther).log_is_whole = false;
  cluster.restart(kOther);
  for (const MessageType type : {MessageType::kPrepare, MessageType::kCommit, MessageType::kStartView,
                                 MessageType::kPing, MessageType::kRecovery}) {
    Message message = next_prepare();
    message.type = type;
    EXPECT_EQ(turned_away(kOther, message, Ignored::recovering), 1u);
  }
  EXPECT_EQ(
      turned_away(kOther, cluster.message_from(kLeader, MessageType::kRecoveryResponse), Ignored::recovering),
      0u);
}

TEST_F(IgnoredTest, NotRecovering) {
  const Message answer = cluster.message_from(kLeader, MessageType::kRecoveryResponse);
  EXPECT_EQ(turned_away(kBackup, answer, Ignored::not_recovering), 1u);
}

TEST_F(IgnoredTest, StaleAnswer) {
  EXPECT_EQ(turned_away(kLeader, cluster.message_from(kBackup, MessageType::kPong), Ignored::stale_answer),
            1u);
  EXPECT_EQ(turned_away(kBackup, cluster.message_from(kLeader, MessageType::kReadIndexReply),
                        Ignored::stale_answer),
            1u);
  EXPECT_EQ(
      turned_away(kBackup, cluster.message_from(kLeader, MessageType::kNewState), Ignored::stale_answer), 1u);
  cluster.read(kBackup, "");
  Message index = cluster.message_from(kLeader, MessageType::kReadIndexReply);
  index.echo = 1;
  index.chain = cluster.look(kBackup).incarnation - 1;
  EXPECT_EQ(turned_away(kBackup, index, Ignored::stale_answer), 1u) << "asked in an earlier life";
  index.chain = cluster.look(kBackup).incarnation;
  EXPECT_EQ(turned_away(kBackup, index, Ignored::stale_answer), 0u);
  body::CheckpointChunk chunk;
  chunk.set_total(1);
  chunk.set_data("x");
  Message checkpoint = cluster.message_from(kLeader, MessageType::kCheckpoint);
  checkpoint.op = 5;
  checkpoint.body = bytes(chunk);
  EXPECT_EQ(turned_away(kBackup, checkpoint, Ignored::stale_answer), 1u);
}

TEST_F(IgnoredTest, Duplicate) {
  const Message acknowledgement = next_prepare_ok();
  EXPECT_EQ(turned_away(kLeader, acknowledgement, Ignored::duplicate), 0u);
  EXPECT_EQ(turned_away(kLeader, acknowledgement, Ignored::duplicate), 1u);
  EXPECT_EQ(turned_away(kBackup, cluster.message_from(kLeader, MessageType::kStartView), Ignored::duplicate),
            1u);
  Message question = cluster.message_from(kOther, MessageType::kReadIndex);
  question.echo = 7;
  EXPECT_EQ(turned_away(kLeader, question, Ignored::duplicate), 0u);
  EXPECT_EQ(turned_away(kLeader, question, Ignored::duplicate), 1u);
}

TEST_F(IgnoredTest, DuplicateRequest) {
  body::Request request;
  request.set_client(1);
  request.set_session(cluster.open_session(1));
  request.set_number(50);
  Message message;
  message.type = MessageType::kRequest;
  message.body = bytes(request);
  EXPECT_EQ(turned_away(kLeader, message, Ignored::duplicate), 0u);
  EXPECT_EQ(turned_away(kLeader, message, Ignored::duplicate), 1u) << "proposed already";
}

TEST_F(IgnoredTest, ImpossibleOp) {
  Message message = next_prepare_ok();
  message.op++;
  EXPECT_EQ(turned_away(kLeader, message, Ignored::impossible_op), 1u);
  message.op--;
  EXPECT_EQ(turned_away(kLeader, message, Ignored::impossible_op), 0u);
}

TEST_F(IgnoredTest, ChainMismatch) {
  Message acknowledgement = next_prepare_ok();
  acknowledgement.chain++;
  EXPECT_EQ(turned_away(kLeader, acknowledgement, Ignored::chain_mismatch), 1u);
  EXPECT_EQ(cluster.look(kLeader).commit, acknowledgement.op - 1);
  Message prepare = next_prepare();
  prepare.chain++;
  EXPECT_EQ(turned_away(kBackup, prepare, Ignored::chain_mismatch), 1u);
  Message commit = cluster.message_from(kLeader, MessageType::kCommit);
  commit.commit = cluster.look(kBackup).op;
  commit.chain = 12345;
  EXPECT_EQ(turned_away(kBackup, commit, Ignored::chain_mismatch), 1u);
  commit.chain = cluster.core(kBackup).entry(commit.commit)->chain;
  EXPECT_EQ(turned_away(kBackup, commit, Ignored::chain_mismatch), 0u);
}

TEST_F(IgnoredTest, OutOfWindow) {
  Message prepare = next_prepare();
  prepare.op += 127;
  EXPECT_EQ(turned_away(kBackup, prepare, Ignored::out_of_window), 0u);
  prepare.op += 1;
  EXPECT_EQ(turned_away(kBackup, prepare, Ignored::out_of_window), 1u);
}

TEST_F(IgnoredTest, LowAckLevel) {
  Message message = next_prepare_ok();
  message.ack_level = PAXOS_ACK_MEMORY;
  EXPECT_EQ(turned_away(kLeader, message, Ignored::low_ack_level), 1u);
  message.ack_level = PAXOS_ACK_DURABLE;
  EXPECT_EQ(turned_away(kLeader, message, Ignored::low_ack_level), 0u);
}

TEST_F(IgnoredTest, NothingNewer) {
  const Op end = cluster.look(kBackup).op;
  EXPECT_EQ(turned_away(kBackup, get_state(kOther, end), Ignored::nothing_newer), 1u);
  EXPECT_EQ(turned_away(kBackup, get_state(kOther, end - 1), Ignored::nothing_newer), 0u);
}

TEST_F(IgnoredTest, NoCheckpoint) {
  const Message question = cluster.message_from(kOther, MessageType::kGetCheckpoint);
  EXPECT_EQ(turned_away(kBackup, question, Ignored::no_checkpoint), 1u);
}

TEST_F(IgnoredTest, LeaderIsHeard) {
  EXPECT_EQ(turned_away(kBackup, wish(1), Ignored::leader_is_heard), 1u);
  EXPECT_EQ(cluster.look(kBackup).view, 0u);
}

TEST_F(IgnoredTest, NotForReplicas) {
  EXPECT_EQ(
      turned_away(kBackup, cluster.message_from(kLeader, MessageType::kReply), Ignored::not_for_replicas),
      1u);
}

}  // namespace
}  // namespace bmc::paxos
