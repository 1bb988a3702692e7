// SPDX-License-Identifier: Apache-2.0
// The parts of the core that can be looked at alone: log, outbox, client table, batcher, peers, chain.
#include <gtest/gtest.h>

#include <set>

#include "apps/paxos/core/batcher.h"
#include "apps/paxos/core/chain.h"
#include "apps/paxos/core/client_table.h"
#include "apps/paxos/core/ignored.h"
#include "apps/paxos/core/invariant.h"
#include "apps/paxos/core/log.h"
#include "apps/paxos/core/mutant.h"
#include "apps/paxos/core/outbox.h"
#include "apps/paxos/core/peers.h"

namespace bmc::paxos {
namespace {

std::shared_ptr<const std::string> bytes(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

LogEntry entry(Op op, Chain before = 0) {
  const auto batch = bytes("batch " + std::to_string(op));
  return {op, 1, chain_of(before, op, 1, *batch), batch};
}

Log log_of(Op end) {
  Log log;
  while (log.end() < end) log.append(entry(log.end() + 1, log.chain_at(log.end())));
  return log;
}

Message message_of(View view) {
  Message message;
  message.view = view;
  message.body = bytes("");
  return message;
}

TEST(ChainTest, DiffersWithEveryIngredient) {
  const std::set<Chain> chains{chain_of(1, 2, 3, "x"), chain_of(0, 2, 3, "x"), chain_of(1, 3, 3, "x"),
                               chain_of(1, 2, 4, "x"), chain_of(1, 2, 3, "y"), chain_of(1, 2, 3, "")};
  EXPECT_EQ(chains.size(), 6u);
  EXPECT_EQ(chain_of(1, 2, 3, "x"), chain_of(1, 2, 3, "x"));
}

TEST(LogTest, KnowsWhatItHolds) {
  Log log = log_of(5);
  log.trim(2);
  EXPECT_EQ(log.begin(), 2u);
  EXPECT_EQ(log.end(), 5u);
  EXPECT_FALSE(log.has(2));
  EXPECT_TRUE(log.has(3));
  EXPECT_TRUE(log.has(5));
  EXPECT_FALSE(log.has(6));
  const Log whole = log_of(5);
  EXPECT_TRUE(log.agrees(2, whole.chain_at(2)));
  EXPECT_FALSE(log.agrees(1, whole.chain_at(1))) << "trimmed: not known";
  EXPECT_FALSE(log.agrees(3, whole.chain_at(4)));
  EXPECT_FALSE(log.agrees(6, whole.chain_at(5)));
}

TEST(LogTest, TruncatesAndGoesOn) {
  Log log = log_of(5);
  log.truncate(3);
  EXPECT_EQ(log.end(), 3u);
  log.append(entry(4, log.chain_at(3)));
  EXPECT_EQ(log.end(), 4u);
  log.reset(9, 77);
  EXPECT_EQ(log.end(), 9u);
  EXPECT_TRUE(log.agrees(9, 77));
}

TEST(LogDeathTest, RefusesAGapAndWhatItDoesNotHold) {
  Log log = log_of(3);
  EXPECT_DEATH(log.append(entry(5)), "log_is_consecutive");
  EXPECT_DEATH(log.append(entry(3)), "log_is_consecutive");
  EXPECT_DEATH((void)log.at(4), "entry_present");
  log.trim(2);
  EXPECT_DEATH(log.truncate(1), "committed_stays");
}

TEST(OutboxTest, HoldsMessagesUntilTheStateIsStored) {
  Outbox outbox(Durability::kMemory);
  outbox.send(1, message_of(1));
  EXPECT_EQ(outbox.take().sends.size(), 1u);
  outbox.store_state({2, 1, 1});
  outbox.send(1, message_of(2));
  outbox.reply(5, message_of(2));
  Effects effects = outbox.take();
  EXPECT_EQ(effects.sends.size(), 0u);
  EXPECT_EQ(effects.replies.size(), 1u);
  ASSERT_EQ(effects.stores.size(), 1u);
  EXPECT_EQ(effects.stores[0].number, 1u);
  outbox.stored(1);
  EXPECT_EQ(outbox.take().sends.size(), 1u);
}

TEST(OutboxTest, ReleasesOnlyWhatTheStoreAllows) {
  Outbox outbox(Durability::kMemory);
  outbox.store_state({2, 1, 1});
  outbox.send(1, message_of(2));
  outbox.store_state({3, 1, 1});
  outbox.send(1, message_of(3));
  outbox.stored(1);
  const Effects effects = outbox.take();
  ASSERT_EQ(effects.sends.size(), 1u);
  EXPECT_EQ(effects.sends[0].message.view, 2u);
}

TEST(OutboxTest, DropsHeldMessagesOfOlderViews) {
  Outbox outbox(Durability::kMemory);
  outbox.store_state({2, 1, 1});
  outbox.send(1, message_of(2));
  outbox.send(1, message_of(3));
  outbox.drop_older_than(3);
  outbox.stored(1);
  const Effects effects = outbox.take();
  ASSERT_EQ(effects.sends.size(), 1u);
  EXPECT_EQ(effects.sends[0].message.view, 3u);
}

TEST(OutboxTest, DropsAHeldVoteWhenItsViewHasBegun) {
  Outbox outbox(Durability::kMemory);
  outbox.store_state({2, 1, 1});
  Message vote = message_of(2);
  vote.type = MessageType::kDoViewChange;
  outbox.send(1, vote);
  outbox.send(1, message_of(2));
  outbox.drop_votes();
  outbox.stored(1);
  const Effects effects = outbox.take();
  ASSERT_EQ(effects.sends.size(), 1u);
  EXPECT_EQ(effects.sends[0].message.type, MessageType::kPing);
}

TEST(OutboxTest, HoldsNoMoreThanItsLimit) {
  Outbox outbox(Durability::kMemory);
  outbox.store_state({2, 1, 1});
  for (int i = 0; i < 10'000; ++i) outbox.send(1, message_of(2));
  outbox.stored(1);
  EXPECT_EQ(outbox.take().sends.size(), 4096u);
}

TEST(OutboxTest, KnowsWhichEntriesAreDurable) {
  Outbox outbox(Durability::kWal);
  outbox.restored(3);
  EXPECT_EQ(outbox.stored_op(), 3u);
  outbox.store_entries({entry(4), entry(5)});
  outbox.store_entries({entry(6)});
  outbox.stored(1);
  EXPECT_EQ(outbox.stored_op(), 5u);
  outbox.store_truncation(4);
  EXPECT_EQ(outbox.stored_op(), 4u) << "at once: entry 5 is no longer part of the log";
  outbox.stored(2);
  EXPECT_EQ(outbox.stored_op(), 4u) << "entry 6 is durable, but another log's";
  outbox.store_entries({entry(5)});
  outbox.stored(4);
  EXPECT_EQ(outbox.stored_op(), 5u);
}

TEST(OutboxTest, ACheckpointInPlaceOfTheLogCountsWhenDurable) {
  Outbox outbox(Durability::kWal);
  outbox.restored(7);
  outbox.store_checkpoint({9, 9, bytes("x")}, 9, true);
  EXPECT_EQ(outbox.stored_op(), 0u);
  outbox.stored(1);
  EXPECT_EQ(outbox.stored_op(), 9u);
}

TEST(OutboxTest, MemoryStoresTheStateOnly) {
  Outbox outbox(Durability::kMemory);
  outbox.store_entries({entry(1)});
  outbox.store_truncation(0);
  outbox.store_checkpoint({1, 1, bytes("x")}, 1, false);
  EXPECT_TRUE(outbox.take().empty());
}

TEST(OutboxDeathTest, NothingIsStoredBeforeItWasAskedFor) {
  Outbox outbox(Durability::kMemory);
  EXPECT_DEATH(outbox.stored(1), "stores_in_order");
}

TEST(ClientTableTest, OpensOnceAndKeepsTheLastReply) {
  ClientTable table(10);
  EXPECT_EQ(table.find(7), nullptr);
  EXPECT_EQ(table.open(7, 3).session, 3u);
  table.applied(7, 1, 4, "one");
  EXPECT_EQ(table.open(7, 5).session, 3u) << "a REGISTER that comes twice does not end the session";
  ASSERT_NE(table.find(7), nullptr);
  EXPECT_EQ(table.find(7)->number, 1u);
  EXPECT_EQ(table.find(7)->result, "one");
}

TEST(ClientTableTest, EvictsTheSessionThatRestedLongest) {
  ClientTable table(2);
  table.open(1, 1);
  table.open(2, 1);  // in the same batch
  table.applied(1, 1, 2, "");
  table.open(3, 3);
  EXPECT_NE(table.find(1), nullptr);
  EXPECT_EQ(table.find(2), nullptr);
  EXPECT_EQ(table.size(), 2u);
}

TEST(ClientTableTest, SurvivesACheckpointWithItsOrder) {
  ClientTable table(2);
  table.open(9, 1);
  table.open(2, 1);
  table.applied(9, 4, 5, "result");
  body::Checkpoint saved;
  table.save(saved);
  ClientTable loaded(2);
  loaded.open(55, 1);
  loaded.load(saved);
  EXPECT_EQ(loaded.find(55), nullptr);
  EXPECT_EQ(loaded.find(9)->number, 4u);
  EXPECT_EQ(loaded.find(9)->result, "result");
  body::Checkpoint again;
  loaded.save(again);
  EXPECT_EQ(saved.SerializeAsString(), again.SerializeAsString());
  loaded.open(3, 7);
  EXPECT_EQ(loaded.find(2), nullptr);
}

class BatcherTest : public testing::Test {
 protected:
  void add(std::uint64_t client, std::size_t payload = 10) {
    body::Request request;
    request.set_client(client);
    request.set_session(1);
    request.set_number(1);
    request.set_payload(std::string(payload, 'x'));
    batcher.add({client, 1, 1, body::Request::APPLY, 0, bytes(request.SerializeAsString())});
  }
  static body::Batch parse(const std::string& batch) {
    body::Batch parsed;
    EXPECT_TRUE(parsed.ParseFromString(batch));
    return parsed;
  }
  CoreOptions options = [] {
    CoreOptions some;
    some.batch_requests_max = 3;
    some.batch_bytes_max = 200;
    some.waiting_requests_max = 5;
    return some;
  }();
  Batcher batcher{options};
};

TEST_F(BatcherTest, MakesWhatProtobufReads) {
  for (std::uint64_t client = 1; client <= 2; ++client) add(client);
  const auto batch = batcher.take(123456789);
  const body::Batch parsed = parse(*batch);
  EXPECT_EQ(parsed.time_us(), 123456789u);
  ASSERT_EQ(parsed.requests_size(), 2);
  EXPECT_EQ(parsed.requests(0).client(), 1u);
  EXPECT_EQ(parsed.requests(1).client(), 2u);
  EXPECT_EQ(batch_time(*batch), 123456789u);
  EXPECT_EQ(batch_time(""), 0u);
  EXPECT_TRUE(batcher.empty());
}

TEST_F(BatcherTest, StopsAtTheLimitOfRequests) {
  batcher.observe(0, true);
  for (std::uint64_t client = 1; client <= 4; ++client) {
    add(client);
    EXPECT_EQ(batcher.is_due(0), client >= 3);
  }
  EXPECT_EQ(parse(*batcher.take(0)).requests_size(), 3);
  EXPECT_EQ(batcher.size(), 1u);
}

TEST_F(BatcherTest, StopsAtTheLimitOfBytes) {
  batcher.observe(0, true);
  add(1, 100);
  EXPECT_FALSE(batcher.is_due(0));
  add(2, 100);
  EXPECT_TRUE(batcher.is_due(0));
  EXPECT_EQ(parse(*batcher.take(~std::uint64_t{0})).requests_size(), 1);
  EXPECT_EQ(parse(*batcher.take(~std::uint64_t{0})).requests_size(), 1);
}

TEST_F(BatcherTest, TakesALargeRequestAlone) {
  add(1, 5000);
  add(2);
  const auto batch = batcher.take(1);
  EXPECT_EQ(parse(*batch).requests_size(), 1);
  EXPECT_GT(batch->size(), 5000u);
}

TEST_F(BatcherTest, KnowsWhatIsUnderWay) {
  EXPECT_FALSE(batcher.in_pipeline(1, 1));
  add(1);
  EXPECT_TRUE(batcher.in_pipeline(1, 1));
  EXPECT_FALSE(batcher.in_pipeline(1, 2));
  batcher.take(0);
  EXPECT_TRUE(batcher.in_pipeline(1, 1)) << "proposed, not applied";
  batcher.applied(1, 1);
  EXPECT_FALSE(batcher.in_pipeline(1, 1));
}

TEST_F(BatcherTest, WaitsWhileSomethingIsInFlight) {
  batcher.observe(0, true);
  add(1);
  EXPECT_EQ(batcher.due_at(), options.batch_delay_us);
  EXPECT_FALSE(batcher.is_due(options.batch_delay_us - 1));
  EXPECT_TRUE(batcher.is_due(options.batch_delay_us));
}

TEST_F(BatcherTest, ALoneClientNeverWaits) {
  Micros now = 1000;
  for (int round = 0; round < 3; ++round) {
    add(1);
    EXPECT_TRUE(batcher.is_due(now));
    batcher.take(now);
    batcher.observe(now, true);
    now += 400;
    batcher.applied(1, 1);
    batcher.observe(now, false);
  }
}

// For as many as were answered, at most a quarter of what that took.
TEST_F(BatcherTest, WaitsForThoseWhomItAnswered) {
  batcher.observe(1000, true);
  for (std::uint64_t client = 1; client <= 2; ++client) batcher.applied(client, 1);
  batcher.observe(1400, false);
  add(1);
  EXPECT_FALSE(batcher.is_due(1400));
  EXPECT_EQ(batcher.due_at(), 1500u);
  EXPECT_TRUE(batcher.is_due(1500));
  add(2);
  EXPECT_TRUE(batcher.is_due(1400));
}

TEST_F(BatcherTest, WithoutBatchingNothingWaits) {
  options.batch_requests_max = 1;
  batcher.observe(0, true);
  add(1);
  EXPECT_TRUE(batcher.is_due(0));
}

TEST_F(BatcherTest, IsFullAtItsLimit) {
  for (std::uint64_t client = 1; client <= 5; ++client) {
    EXPECT_FALSE(batcher.is_full());
    add(client);
  }
  EXPECT_TRUE(batcher.is_full());
  EXPECT_EQ(batcher.clear().size(), 5u);
  EXPECT_TRUE(batcher.empty());
  EXPECT_FALSE(batcher.in_pipeline(1, 1));
}

TEST(PeersTest, CountsQuorums) {
  CoreOptions options;
  options.replica_count = 5;
  Peers peers(options, 100);
  const Op acked[] = {9, 3, 7, 5, 0};
  for (ReplicaIndex i = 0; i < 5; ++i) peers[i].acked = acked[i];
  EXPECT_EQ(peers.acked_by(1), 9u);
  EXPECT_EQ(peers.acked_by(3), 5u);
  EXPECT_EQ(peers.acked_by(5), 0u);
}

TEST(PeersTest, HearsAQuorumWhenEnoughOthersSpoke) {
  CoreOptions options;
  options.replica_count = 5;
  Peers peers(options, 100);
  peers[1].heard = 200;
  EXPECT_EQ(peers.quorum_heard(300), 100u) << "itself and one other are no quorum of five";
  peers[4].heard = 250;
  EXPECT_EQ(peers.quorum_heard(300), 200u);
}

TEST(PeersTest, AWishLapses) {
  CoreOptions options;
  options.replica_count = 3;
  Peers peers(options, 0);
  peers[1].wish = 5;
  peers[1].wished = 1000;
  EXPECT_EQ(peers.wished_by(2, 5, 1100, 100), 5u);
  EXPECT_EQ(peers.wished_by(2, 4, 1100, 100), 4u);
  EXPECT_EQ(peers.wished_by(2, 5, 1101, 100), 0u);
}

template <typename Enum>
void expect_names(std::size_t count) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < count; ++i) {
    names.insert(name_of(static_cast<Enum>(i)));
    EXPECT_GT(std::string(text_of(static_cast<Enum>(i))).size(), 10u);
  }
  EXPECT_EQ(names.size(), count);
}

TEST(NamesTest, EveryNameIsThereOnce) {
  expect_names<Ignored>(kIgnoredReasons);
  expect_names<Mutant>(kMutants);
  EXPECT_STREQ(name_of(Invariant::committed_stays), "committed_stays");
  EXPECT_GE(kMutants, 24u);
}

TEST(InvariantTest, AHandlerMayThrow) {
  on_broken_invariant([](Invariant invariant) { throw invariant; });
  EXPECT_THROW(check(false, Invariant::entry_present), Invariant);
  EXPECT_NO_THROW(check(true, Invariant::entry_present));
  on_broken_invariant(nullptr);
}

}  // namespace
}  // namespace bmc::paxos
