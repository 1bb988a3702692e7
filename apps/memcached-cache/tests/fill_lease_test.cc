// SPDX-License-Identifier: Apache-2.0
// Leases: each way in which an older datagram's late reply could be taken for a newer one's, and that it
// is refused; beside it the twin in which nothing is in the way. Natively, no kernel.
#include <gtest/gtest.h>

#include <set>
#include <utility>

#include "apps/memcached-cache/coherence/lease.bpf.h"

namespace bmc::test {
namespace {

constexpr __u64 kTag = 0x10 | 2, kOtherTag = 0x20 | 2;
constexpr __u64 kKey = 0xabcdef, kStamp = 77;
constexpr __u64 kEpoch = 41;

class LeaseTest : public testing::Test {
 protected:
  struct Datagram {
    __u64 at;
    __u64 tag = kTag;
    lease_wish wish = LEASE_WISH_FILL;
    __u64 released = 0;  // last release of the key's guard or of the global one, as seen by this datagram
    __u64 barrier = 0;
    __u64 key = kKey;
  };

  lease_result arrive(const Datagram& datagram) {
    const lease_request request{datagram.tag,      datagram.key,     kStamp,      kEpoch,
                                datagram.released, datagram.barrier, datagram.at, datagram.wish};
    return lease_record(&slot_, &request);
  }

  // Whether the reply may fill.
  bool leaves(__u64 tag = kTag, __u64 barrier = 0) { return lease_take(&slot_, tag, barrier, &taken_) != 0; }

  lease slot_{};
  lease_taken taken_{};
};

TEST_F(LeaseTest, GrantedAndTakenOnce) {
  ASSERT_EQ(arrive({.at = 10}), LEASE_RECORD_GRANTED);
  EXPECT_FALSE(leaves(kOtherTag));
  ASSERT_TRUE(leaves());
  EXPECT_EQ(taken_.key_hash, kKey);
  EXPECT_EQ(taken_.stamp, kStamp);
  EXPECT_EQ(taken_.epoch, kEpoch);
  EXPECT_EQ(taken_.arrival_ns, 10u);
  EXPECT_FALSE(leaves());
  EXPECT_EQ(slot_.unanswered_ns, 0u);
}

TEST_F(LeaseTest, ReleasesDoNotMatterWhenAllIsAnswered) {
  ASSERT_EQ(arrive({.at = 10}), LEASE_RECORD_GRANTED);
  ASSERT_TRUE(leaves());
  EXPECT_EQ(arrive({.at = 30, .released = 20}), LEASE_RECORD_GRANTED);
}

// The first get's reply may carry the value from before the write that was released at 20.
TEST_F(LeaseTest, AnUnansweredGetOfTheSameIdentity) {
  ASSERT_EQ(arrive({.at = 10}), LEASE_RECORD_GRANTED);
  EXPECT_EQ(arrive({.at = 30, .released = 20}), LEASE_RECORD_AMBIGUOUS);
  EXPECT_FALSE(leaves());
}

TEST_F(LeaseTest, AnUnansweredGetWithoutAWriteDoesNoHarm) {
  ASSERT_EQ(arrive({.at = 10}), LEASE_RECORD_GRANTED);
  EXPECT_EQ(arrive({.at = 30}), LEASE_RECORD_GRANTED);
  EXPECT_TRUE(leaves());
}

TEST_F(LeaseTest, TheBarrierSaysThatOlderOnesAreGone) {
  ASSERT_EQ(arrive({.at = 10}), LEASE_RECORD_GRANTED);
  EXPECT_EQ(arrive({.at = 30, .released = 20, .barrier = 10}), LEASE_RECORD_AMBIGUOUS);  // not before 10
  slot_ = {};
  arrive({.at = 10});
  EXPECT_EQ(arrive({.at = 30, .released = 20, .barrier = 11}), LEASE_RECORD_GRANTED);  // the get is gone
  slot_ = {};
  arrive({.at = 10});
  arrive({.at = 25});
  EXPECT_EQ(arrive({.at = 30, .released = 20, .barrier = 20}), LEASE_RECORD_AMBIGUOUS);
  slot_ = {};
  arrive({.at = 10});
  arrive({.at = 25});
  EXPECT_EQ(arrive({.at = 30, .released = 20, .barrier = 21}),
            LEASE_RECORD_GRANTED);  // those before the release are
}

TEST_F(LeaseTest, ASlotSharedByTwoIdentities) {
  ASSERT_EQ(arrive({.at = 10}), LEASE_RECORD_GRANTED);
  ASSERT_EQ(arrive({.at = 11, .tag = kOtherTag}), LEASE_RECORD_GRANTED);
  ASSERT_TRUE(leaves(kOtherTag));
  EXPECT_FALSE(leaves());  // forgotten, so not filled
  EXPECT_EQ(arrive({.at = 30, .released = 20}), LEASE_RECORD_AMBIGUOUS);
  EXPECT_FALSE(leaves());
}

TEST_F(LeaseTest, AnUnansweredOneOfAnotherIdentityDoesNoHarm) {
  arrive({.at = 10});
  arrive({.at = 11, .tag = kOtherTag});
  ASSERT_TRUE(leaves(kOtherTag));
  EXPECT_EQ(arrive({.at = 30, .tag = kOtherTag, .released = 20}), LEASE_RECORD_GRANTED);
  EXPECT_TRUE(leaves(kOtherTag));
  EXPECT_EQ(arrive({.at = 40, .released = 20}), LEASE_RECORD_AMBIGUOUS);
}

TEST_F(LeaseTest, UnansweredOnesOfTwoIdentities) {
  constexpr __u64 kThirdTag = 0x30 | 2;
  arrive({.at = 10});
  arrive({.at = 11, .tag = kOtherTag});
  arrive({.at = 12, .tag = kThirdTag});
  ASSERT_TRUE(leaves(kThirdTag));
  EXPECT_EQ(arrive({.at = 29, .tag = kThirdTag, .released = 20}), LEASE_RECORD_GRANTED);
  ASSERT_TRUE(leaves(kThirdTag));
  for (const __u64 tag : {kTag, kOtherTag}) {
    EXPECT_EQ(arrive({.at = 30, .tag = tag, .released = 20}), LEASE_RECORD_AMBIGUOUS) << tag;
    EXPECT_FALSE(leaves(tag));
  }
  // Behind the barrier the slot is as new.
  EXPECT_EQ(arrive({.at = 50, .tag = kTag, .released = 45, .barrier = 41}), LEASE_RECORD_GRANTED);
  EXPECT_EQ(arrive({.at = 51, .tag = kOtherTag, .released = 45, .barrier = 41}), LEASE_RECORD_GRANTED);
  EXPECT_TRUE(leaves(kOtherTag, 41));
  EXPECT_EQ(arrive({.at = 61, .tag = kOtherTag, .released = 60, .barrier = 41}), LEASE_RECORD_GRANTED);
  EXPECT_TRUE(leaves(kOtherTag, 41));
  EXPECT_EQ(arrive({.at = 62, .tag = kTag, .released = 60, .barrier = 41}), LEASE_RECORD_AMBIGUOUS);
}

// Two datagrams with one identity, one reply: which of them it answers is not known, so the later one
// must be remembered although its tag was consumed. The barrier lies between them.
TEST_F(LeaseTest, AReplyThatMayBeEitherOnes) {
  arrive({.at = 10});
  arrive({.at = 20});
  ASSERT_TRUE(leaves(kTag, 5));
  EXPECT_EQ(slot_.unanswered_ns, 20u);
  EXPECT_EQ(arrive({.at = 40, .released = 30, .barrier = 15}), LEASE_RECORD_AMBIGUOUS);
}

TEST_F(LeaseTest, AReplyThatCanOnlyBeTheLaterOnes) {
  arrive({.at = 10});
  arrive({.at = 20});
  ASSERT_TRUE(leaves(kTag, 15));
  EXPECT_EQ(slot_.unanswered_ns, 10u);
  EXPECT_EQ(arrive({.at = 40, .released = 30, .barrier = 15}), LEASE_RECORD_GRANTED);
}

// The last datagram of `get a k` looks like the reply to `get k`, those before it do not.
TEST_F(LeaseTest, AListIsAnsweredByItsEnd) {
  ASSERT_EQ(arrive({.at = 10, .wish = LEASE_WISH_LIST}), LEASE_RECORD_PLAIN);
  EXPECT_TRUE(lease_awaits_list(&slot_, kTag));
  EXPECT_FALSE(lease_awaits_list(&slot_, kOtherTag));
  EXPECT_FALSE(leaves());
  lease_forget(&slot_, kTag, 0);
  EXPECT_EQ(slot_.tag, kTag);
  lease_list_ends(&slot_, kOtherTag, 0);
  EXPECT_EQ(slot_.tag, kTag);
  lease_list_ends(&slot_, kTag, 0);
  EXPECT_EQ(slot_.tag, kTag) << "the same datagram is still to pass TC egress";
  EXPECT_FALSE(leaves());
  EXPECT_EQ(slot_.tag, 0u);
  EXPECT_EQ(arrive({.at = 30, .released = 20}), LEASE_RECORD_GRANTED);
  EXPECT_FALSE(lease_awaits_list(&slot_, kTag));
  lease_list_ends(&slot_, kTag, 0);
  EXPECT_EQ(slot_.tag, kTag) << "a get of one key is not ended by a list";
}

TEST_F(LeaseTest, AListThatMayBeAnOlderOnes) {
  arrive({.at = 10, .wish = LEASE_WISH_LIST});
  arrive({.at = 20, .wish = LEASE_WISH_LIST});
  lease_list_ends(&slot_, kTag, 5);
  EXPECT_FALSE(leaves(kTag, 5));
  EXPECT_EQ(slot_.tag, kTag);
  EXPECT_EQ(arrive({.at = 40, .released = 30, .barrier = 15}), LEASE_RECORD_AMBIGUOUS);
}

TEST_F(LeaseTest, RequestsWithSeveralRepliesAreNeverTakenForAnswered) {
  ASSERT_EQ(arrive({.at = 10, .wish = LEASE_WISH_NONE}), LEASE_RECORD_PLAIN);
  EXPECT_FALSE(leaves());
  EXPECT_EQ(slot_.tag, kTag);
  lease_forget(&slot_, kTag, 0);
  EXPECT_EQ(slot_.tag, kTag);
  EXPECT_EQ(arrive({.at = 30, .released = 20}), LEASE_RECORD_AMBIGUOUS);
}

TEST_F(LeaseTest, RequestsWithOneReplyAreAnsweredByIt) {
  ASSERT_EQ(arrive({.at = 10, .wish = LEASE_WISH_ONE_REPLY}), LEASE_RECORD_PLAIN);
  EXPECT_FALSE(leaves());
  EXPECT_EQ(slot_.tag, 0u);
  EXPECT_EQ(arrive({.at = 30, .released = 20}), LEASE_RECORD_GRANTED);
}

// A refused get is one with a single reply: the next one is not ambiguous for ever.
TEST_F(LeaseTest, ARefusedGetIsAnsweredByItsReply) {
  arrive({.at = 10});
  ASSERT_EQ(arrive({.at = 30, .released = 20}), LEASE_RECORD_AMBIGUOUS);
  EXPECT_FALSE(leaves(kTag, 0));
  EXPECT_EQ(slot_.tag, 0u);
  EXPECT_EQ(arrive({.at = 40, .released = 20}), LEASE_RECORD_AMBIGUOUS);
  EXPECT_FALSE(leaves(kTag, 41));
  EXPECT_EQ(arrive({.at = 50, .released = 20, .barrier = 41}), LEASE_RECORD_GRANTED);
}

TEST_F(LeaseTest, ForgottenIsAnswered) {
  arrive({.at = 10});
  lease_forget(&slot_, kOtherTag, 0);
  EXPECT_EQ(slot_.tag, kTag);
  lease_forget(&slot_, kTag, 0);
  EXPECT_FALSE(leaves());
  EXPECT_EQ(arrive({.at = 30, .released = 20}), LEASE_RECORD_GRANTED);
}

TEST_F(LeaseTest, ABusySlotRemembersWhoDidNotGetIt) {
  slot_.tag = LEASE_BUSY;
  EXPECT_EQ(arrive({.at = 10}), LEASE_RECORD_BUSY);
  EXPECT_EQ(slot_.contended_ns, 10u);
  EXPECT_FALSE(leaves());
  lease_forget(&slot_, kTag, 0);
  lease_list_ends(&slot_, kTag, 0);
  EXPECT_EQ(slot_.tag, LEASE_BUSY);
  slot_.tag = 0;  // its owner is done
  EXPECT_EQ(arrive({.at = 30, .released = 20}), LEASE_RECORD_AMBIGUOUS);
  EXPECT_EQ(arrive({.at = 31, .tag = kOtherTag, .released = 20}), LEASE_RECORD_AMBIGUOUS)
      << "whose it was is not known";
}

TEST_F(LeaseTest, NoKeyNoLease) {
  EXPECT_EQ(arrive({.at = 10, .key = 0}), LEASE_RECORD_PLAIN);
  EXPECT_FALSE(leaves());
}

TEST_F(LeaseTest, UnansweredIsTheLatest) {
  arrive({.at = 50});
  arrive({.at = 60});
  slot_.unanswered_ns = 100;
  arrive({.at = 70});
  EXPECT_EQ(slot_.unanswered_ns, 100u);
}

// Every part of the identity makes another tag, and slots are spread.
TEST(LeaseIdentity, PartsAndRange) {
  const __u32 address[4] = {0, 0, 0xffff0000, 0x0a0200c0}, other[4] = {0, 0, 0xffff0000, 0x0b0200c0};
  std::set<__u64> tags;
  std::set<__u32> slots;
  const auto add = [&](const lease_identity& identity) {
    EXPECT_GT(identity.tag, LEASE_BUSY);
    EXPECT_LT(identity.slot, 1024u);
    tags.insert(identity.tag);
    slots.insert(identity.slot);
  };
  add(lease_identify(0, address, 1, 1, 99, 1023));
  add(lease_identify(1, address, 1, 1, 99, 1023));
  add(lease_identify(0, other, 1, 1, 99, 1023));
  add(lease_identify(0, address, 2, 1, 99, 1023));
  add(lease_identify(0, address, 1, 2, 99, 1023));
  add(lease_identify(0, address, 1, 1, 98, 1023));
  EXPECT_EQ(tags.size(), 6u);
  for (unsigned id = 0; id < 65536; ++id)
    add(lease_identify(0, address, 7, static_cast<__u16>(id), 99, 1023));
  EXPECT_EQ(tags.size(), 65542u);
  EXPECT_EQ(slots.size(), 1024u);
}

}  // namespace
}  // namespace bmc::test
