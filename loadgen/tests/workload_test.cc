// SPDX-License-Identifier: Apache-2.0
// Keys, values, draws and the user-space check of replies.
#include "loadgen/workload.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "loadgen/workload_abi.h"

namespace bmc::loadgen {
namespace {

Workload make(const WorkloadOptions& options) {
  auto workload = Workload::create(options);
  EXPECT_TRUE(workload) << workload.error().what;
  return *std::move(workload);
}

std::string frame_header(std::uint16_t id) {
  return {static_cast<char>(id >> 8), static_cast<char>(id), 0, 0, 0, 1, 0, 0};
}

TEST(Digits, AreThoseOfPrintf) {
  for (const std::uint32_t index :
       {0u, 9u, 10u, 99u, 100u, 9999u, 10000u, 123456u, 99999999u, 80808080u, 90000001u}) {
    char want[9];
    std::snprintf(want, sizeof want, "%08u", index);
    const std::uint64_t word = workload_digits(index);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(&word), 8), want);
  }
}

TEST(Digits, ComeBackForEveryIndexOfAWideSample) {
  for (std::uint64_t index = 0; index < LOADGEN_KEY_COUNT_MAX; index += 9973) {
    ASSERT_EQ(workload_index(workload_digits(static_cast<std::uint32_t>(index))), index);
  }
}

TEST(Digits, OfOtherBytesAreNoIndex) {
  for (int place = 0; place < 8; ++place) {
    for (const char byte : {'/', ':', ' ', '\0', '\xb0', '\xff', 'a'}) {
      std::uint64_t word = workload_digits(12345678);
      reinterpret_cast<char*>(&word)[place] = byte;
      EXPECT_EQ(workload_index(word), WORKLOAD_NO_INDEX) << "byte " << int{byte} << " at " << place;
    }
  }
}

TEST(Keys, HaveTheSizeAskedAndDifferOnlyInTheirDigits) {
  EXPECT_EQ(make({.key_size = 12}).key(42), "key-00000042");
  EXPECT_EQ(make({.key_size = 16}).key(42), "key-000000000042");
  EXPECT_EQ(make({.key_size = 250, .data_size = 4}).key(1).size(), 250u);
}

TEST(Values, DependOnKeySeedAndPlaceOnly) {
  const Workload one = make({.data_size = 37}), same = make({.data_size = 37, .draw_seed = 9});
  const Workload other = make({.data_size = 37, .value_seed = 1});
  EXPECT_EQ(one.value(5).size(), 37u);
  EXPECT_EQ(one.value(5), same.value(5));
  EXPECT_NE(one.value(5), other.value(5));
  EXPECT_NE(one.value(5), one.value(6));
  EXPECT_NE(one.value(5).substr(0, 8), one.value(5).substr(8, 8));
}

TEST(Values, OfControlCharactersHoldLineEnds) {
  const Workload workload = make({.data_size = 512, .control_characters = true});
  bool feed = false, carriage = false;
  for (std::uint32_t index = 0; index < 10; ++index) {
    feed |= workload.value(index).find('\n') != std::string::npos;
    carriage |= workload.value(index).find('\r') != std::string::npos;
  }
  EXPECT_TRUE(feed && carriage);
  EXPECT_EQ(make({.data_size = 512}).value(0).find_first_of("\r\n"), std::string::npos);
}

TEST(Options, OutOfRangeAreRefused) {
  for (const WorkloadOptions& bad : {WorkloadOptions{.key_count = 0},
                                     {.key_count = 100000001},
                                     {.key_size = 11},
                                     {.key_size = 251},
                                     {.data_size = 0},
                                     {.keys_per_request = 0},
                                     {.keys_per_request = 33},
                                     {.data_size = 1400},
                                     {.pattern = Pattern::kZipf, .zipf_exponent = 0}}) {
    EXPECT_FALSE(Workload::create(bad));
  }
}

TEST(Options, TheLargestReplyThatFitsOneDatagramIsAccepted) {
  // 8 frame header, "VALUE " 6, key 16, " 0 1356\r\n" 9, data, 2, "END\r\n" 5: 1400 in all
  EXPECT_TRUE(Workload::create({.data_size = 1354}));
  EXPECT_FALSE(Workload::create({.data_size = 1355}));
}

// The probability of each outcome, read off the table itself.
std::vector<double> table_probabilities(const std::vector<loadgen_alias>& table) {
  std::vector<double> out(table.size());
  for (std::uint32_t column = 0; column < table.size(); ++column) {
    const double own = table[column].threshold / 4294967295.0;
    out[column] += own;
    out[table[column].alias] += 1 - own;
  }
  for (double& value : out) value /= static_cast<double>(table.size());
  return out;
}

TEST(AliasTable, HoldsExactlyTheWeightsGiven) {
  for (const auto& weights :
       {std::vector<double>{1}, {1, 1}, {1, 3}, {5, 1, 1, 1}, zipf_weights(1000, 0.99)}) {
    double sum = 0;
    for (const double weight : weights) sum += weight;
    const std::vector<double> found = table_probabilities(make_alias_table(weights));
    for (std::size_t i = 0; i < weights.size(); ++i) EXPECT_NEAR(found[i], weights[i] / sum, 1e-8) << i;
  }
}

TEST(Draws, OfZipfFollowRanks) {
  constexpr int kDraws = 400000;
  const Workload workload = make({.key_count = 1000, .pattern = Pattern::kZipf});
  std::vector<int> seen(1000);
  for (int sequence = 0; sequence < kDraws; ++sequence)
    seen[workload.asked(static_cast<std::uint64_t>(sequence))[0]]++;
  const std::vector<double> weights = zipf_weights(1000, 0.99);
  double sum = 0;
  for (const double weight : weights) sum += weight;
  for (const std::size_t rank : {0u, 1u, 9u, 99u}) {
    const double want = kDraws * weights[rank] / sum;
    EXPECT_NEAR(seen[rank], want, 5 * std::sqrt(want)) << rank;  // five standard deviations
  }
}

TEST(Draws, UniformReachEveryKeyAndAreRepeatable) {
  const Workload workload = make({.key_count = 100, .keys_per_request = 4}),
                 again = make({.key_count = 100, .keys_per_request = 4});
  std::set<std::uint32_t> seen;
  for (std::uint64_t sequence = 0; sequence < 1000; ++sequence) {
    const auto asked = workload.asked(sequence);
    EXPECT_EQ(asked, again.asked(sequence));
    seen.insert(asked.begin(), asked.end());
  }
  EXPECT_EQ(seen.size(), 100u);
  EXPECT_LT(*seen.rbegin(), 100u);
}

TEST(Draws, SequentialAskEveryKeyInTurn) {
  const Workload workload = make({.key_count = 5, .keys_per_request = 2, .pattern = Pattern::kSequential});
  EXPECT_EQ(workload.asked(0), (std::vector<std::uint32_t>{0, 1}));
  EXPECT_EQ(workload.asked(2), (std::vector<std::uint32_t>{4, 0}));
}

class CheckPayload : public ::testing::Test {
 protected:
  loadgen_counter check(const std::string& payload, std::uint16_t id = 7) {
    return check_payload(workload_, kSequence, id, payload, progress_);
  }
  std::string reply() const {
    return frame_header(7) + workload_.record(workload_.asked(kSequence)[0]) + "END\r\n";
  }

  static constexpr std::uint64_t kSequence = 11;
  Workload workload_ = make({});
  ReplyProgress progress_;
};

TEST_F(CheckPayload, AcceptsTheRightReply) {
  EXPECT_EQ(check(reply()), LOADGEN_COUNTER_COUNT);
  EXPECT_TRUE(progress_.done);
  EXPECT_EQ(progress_.found, 1u);
}

TEST_F(CheckPayload, AcceptsAMiss) {
  EXPECT_EQ(check(frame_header(7) + "END\r\n"), LOADGEN_COUNTER_COUNT);
  EXPECT_TRUE(progress_.done);
  EXPECT_EQ(progress_.found, 0u);
}

TEST_F(CheckPayload, RefusesEveryChangedByte) {
  const std::string right = reply();
  for (std::size_t place = 0; place < right.size(); ++place) {
    std::string changed = right;
    changed[place] = static_cast<char>(changed[place] ^ 1);
    progress_ = {};
    EXPECT_NE(check(changed), LOADGEN_COUNTER_COUNT) << "byte " << place;
  }
}

TEST_F(CheckPayload, RefusesEveryShorterAndALongerReply) {
  const std::string right = reply();
  for (std::size_t size = 0; size < right.size(); ++size) {
    progress_ = {};
    EXPECT_NE(check(right.substr(0, size)), LOADGEN_COUNTER_COUNT) << size;
  }
  progress_ = {};
  EXPECT_EQ(check(right + "\n"), LOADGEN_WRONG_END);
}

TEST_F(CheckPayload, NamesWhatIsWrong) {
  const std::uint32_t asked = workload_.asked(kSequence)[0];
  EXPECT_EQ(check(frame_header(8) + workload_.record(asked) + "END\r\n"), LOADGEN_WRONG_UNASKED);
  EXPECT_EQ(check(frame_header(7) + workload_.record(asked + 1) + "END\r\n"), LOADGEN_WRONG_KEY);
  EXPECT_EQ(check(frame_header(7) + make({.value_seed = 1}).record(asked) + "END\r\n"), LOADGEN_WRONG_VALUE);
  EXPECT_EQ(check(frame_header(7) + make({.flags = 1}).record(asked) + "END\r\n"), LOADGEN_WRONG_HEAD);
  EXPECT_EQ(check(frame_header(7) + workload_.record(asked)), LOADGEN_WRONG_END);
}

TEST_F(CheckPayload, RefusesASecondReply) {
  EXPECT_EQ(check(reply()), LOADGEN_COUNTER_COUNT);
  EXPECT_EQ(check(reply()), LOADGEN_WRONG_UNASKED);
}

class CheckMultiget : public CheckPayload {
 protected:
  void SetUp() override { workload_ = make({.keys_per_request = 3, .pattern = Pattern::kSequential}); }
  std::string record(std::size_t position) const {
    return workload_.record(workload_.asked(kSequence)[position]);
  }
};

TEST_F(CheckMultiget, AcceptsOneDatagramOrOnePerKey) {
  EXPECT_EQ(check(frame_header(7) + record(0) + record(1) + record(2) + "END\r\n"), LOADGEN_COUNTER_COUNT);
  EXPECT_EQ(progress_.found, 3u);
  progress_ = {};
  for (const std::string& part : {record(0), record(2), std::string("END\r\n")})
    EXPECT_EQ(check(frame_header(7) + part), LOADGEN_COUNTER_COUNT);
  EXPECT_TRUE(progress_.done);
  EXPECT_EQ(progress_.found, 2u);
}

TEST_F(CheckMultiget, RefusesAnotherOrderAndAKeyTwice) {
  EXPECT_EQ(check(frame_header(7) + record(1) + record(0) + "END\r\n"), LOADGEN_WRONG_KEY);
  progress_ = {};
  EXPECT_EQ(check(frame_header(7) + record(0) + record(0) + "END\r\n"), LOADGEN_WRONG_KEY);
}

}  // namespace
}  // namespace bmc::loadgen
