// SPDX-License-Identifier: Apache-2.0
// One segment as bytes: what its records make of the log, and torn told from damaged.
#include "apps/paxos/storage/log_reader.h"

#include <gtest/gtest.h>

namespace bmc::paxos::test {
namespace {

constexpr LogOwner kOwner{.cluster_id = 9, .index = 2};

// Builds a segment record by record.
class Segment {
 public:
  std::size_t add(LogRecord record) {
    record.sequence = ++sequence_;
    record.durable = durable_;
    record.incarnation = incarnation_;
    append_record(bytes_, kOwner, record);
    ends_.push_back(bytes_.size());
    return ends_.size() - 1;
  }
  Segment& begin(Op op) { return add({.kind = RecordKind::kBegin, .op = op, .batch = {}}), *this; }
  Segment& entry(Op op, std::string_view batch = "batch") {
    return add({.kind = RecordKind::kEntry, .op = op, .view = 1, .chain = op * 7, .batch = batch}), *this;
  }
  Segment& truncation(Op op) { return add({.kind = RecordKind::kTruncation, .op = op, .batch = {}}), *this; }
  // All so far is durable.
  Segment& sync() { return durable_ = sequence_, *this; }
  Segment& restart() { return incarnation_++, *this; }
  Segment& skip(std::uint64_t records) { return sequence_ += records, *this; }

  std::string bytes() const { return bytes_; }
  std::size_t start(std::size_t record) const { return record == 0 ? 0 : ends_[record - 1]; }

 private:
  std::string bytes_;
  std::vector<std::size_t> ends_;
  std::uint64_t sequence_ = 0;
  std::uint64_t durable_ = 0;
  std::uint32_t incarnation_ = 1;
};

struct Found {
  LogContent content;
  LogPosition position;
  SegmentReading reading;
};

Found read(const std::string& bytes) {
  Found found;
  found.reading = read_segment(bytes, kOwner, found.position, found.content);
  return found;
}

TEST(LogReaderTest, EntriesInOrder) {
  const Segment segment =
      Segment().begin(0).entry(1, "one").sync().entry(2, "").entry(3, std::string(1000, 'x'));
  const Found found = read(segment.bytes());
  EXPECT_EQ(found.reading.bad, nullptr);
  EXPECT_EQ(found.reading.records, 4u);
  EXPECT_EQ(found.reading.bytes, segment.bytes().size());
  EXPECT_EQ(found.reading.unsettled_from, segment.start(2));
  EXPECT_EQ(found.reading.op_max, 3u);
  EXPECT_EQ(found.position.sequence, 4u);
  ASSERT_EQ(found.content.entries.size(), 3u);
  EXPECT_EQ(*found.content.entries[0].batch, "one");
  EXPECT_EQ(found.content.entries[2].op, 3u);
  EXPECT_EQ(found.content.entries[2].view, 1u);
  EXPECT_EQ(found.content.entries[2].chain, 21u);
}

TEST(LogReaderTest, ATruncationTakesEntriesAway) {
  const Found found = read(Segment().begin(5).entry(6).entry(7).truncation(6).entry(7, "other").bytes());
  EXPECT_EQ(found.reading.bad, nullptr);
  EXPECT_EQ(found.content.begin, 5u);
  ASSERT_EQ(found.content.entries.size(), 2u);
  EXPECT_EQ(*found.content.entries[1].batch, "other");
}

TEST(LogReaderTest, ATruncationOfWhatWasTrimmedMovesTheBeginning) {
  const Found found = read(Segment().begin(9).truncation(6).entry(7).bytes());
  EXPECT_EQ(found.reading.bad, nullptr);
  EXPECT_EQ(found.content.begin, 6u);
  EXPECT_EQ(found.content.end(), 7u);
}

TEST(LogReaderTest, AnotherBeginningVoidsWhatWasBefore) {
  const Found same = read(Segment().begin(0).entry(1).begin(1).entry(2).bytes());
  EXPECT_EQ(same.content.begin, 0u);
  EXPECT_EQ(same.content.end(), 2u);
  const Found other = read(Segment().begin(0).entry(1).begin(50).entry(51).bytes());
  EXPECT_EQ(other.content.begin, 50u);
  EXPECT_EQ(other.content.end(), 51u);
}

TEST(LogReaderTest, WhatCannotFollowIsBad) {
  const auto bad = [](const Segment& segment) { return std::string(read(segment.bytes()).reading.bad); };
  EXPECT_EQ(bad(Segment().entry(1)), "not the beginning of a segment");
  EXPECT_EQ(bad(Segment().begin(0).entry(2)), "an entry out of order");
  EXPECT_EQ(bad(Segment().begin(0).entry(1).entry(1)), "an entry out of order");
  EXPECT_EQ(bad(Segment().begin(0).entry(1).truncation(2)), "a truncation behind the end");
  EXPECT_EQ(bad(Segment().begin(0).skip(1).entry(1)), "sequence");
  EXPECT_EQ(bad(Segment().restart().begin(0).restart().skip(~0ull).entry(1)), "sequence");
}

TEST(LogReaderTest, AnEarlierLifeCannotFollow) {
  std::string bytes = Segment().restart().begin(0).bytes();
  const Segment old = Segment().begin(0).entry(1);
  bytes += old.bytes().substr(old.start(1));
  EXPECT_STREQ(read(bytes).reading.bad, "incarnation");
}

// For each byte of each record: damage exactly if a later record says that it was durable.
TEST(LogReaderTest, TornToldFromDamaged) {
  const Segment segment =
      Segment().begin(0).entry(1).sync().entry(2, "abc").entry(3).sync().restart().entry(4).entry(5);
  const std::string good = segment.bytes();
  for (std::size_t at = 0; at < good.size(); at++) {
    std::string bytes = good;
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    const Found found = read(bytes);
    ASSERT_NE(found.reading.bad, nullptr) << "byte " << at;
    std::size_t record = 0;
    while (segment.start(record + 1) <= at) record++;
    EXPECT_EQ(found.reading.bytes, segment.start(record)) << "byte " << at;
    EXPECT_EQ(found.reading.was_durable, record < 4) << "byte " << at;
    EXPECT_EQ(found.content.entries.size(), record == 0 ? 0 : record - 1) << "byte " << at;
  }
}

// A client has stored a copy of this replica's log of before a recover(), where the numbers were higher.
TEST(LogReaderTest, TheLogOfAnEarlierLifeInsideATornRecordIsNoProof) {
  const Segment old = Segment().begin(0).entry(1).entry(2).entry(3).sync().entry(4);
  const Segment now = Segment().restart().begin(0).sync().entry(1, old.bytes());
  std::string bytes = now.bytes();
  bytes[now.start(1)] = 'x';
  EXPECT_FALSE(read(bytes).reading.was_durable);
  const Segment same_life = Segment().begin(0).sync().entry(1, old.bytes());
  bytes = same_life.bytes();
  bytes[same_life.start(1)] = 'x';
  EXPECT_TRUE(read(bytes).reading.was_durable) << "the copy would be found";
}

TEST(LogReaderTest, EveryPrefixIsATornTail) {
  const Segment segment = Segment().begin(0).entry(1).sync().entry(2).sync().entry(3);
  const std::string good = segment.bytes();
  for (std::size_t length = 0; length < good.size(); length++) {
    for (const std::string& rest : {std::string(), std::string(good.size() - length, '\0')}) {
      const Found found = read(good.substr(0, length) + rest);
      EXPECT_FALSE(found.reading.was_durable) << length;
      EXPECT_LE(found.reading.bytes, length + (rest.empty() ? 0 : 16))
          << length << ": a record may end with 16 zeros";
      EXPECT_EQ(found.position.sequence, found.reading.records);
    }
  }
}

TEST(LogReaderTest, RecordsOfAnotherReplicaAreNone) {
  std::string bytes = Segment().begin(0).entry(1).bytes();
  append_record(bytes, {.cluster_id = 9, .index = 1},
                {.kind = RecordKind::kEntry, .op = 2, .sequence = 3, .batch = {}});
  EXPECT_STREQ(read(bytes).reading.bad, "of another replica");
}

}  // namespace
}  // namespace bmc::paxos::test
