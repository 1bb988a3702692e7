// SPDX-License-Identifier: Apache-2.0
// The pin directory: adoption of maps, versions, locking, permissions.
#include "control-plane/pins.h"

#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control-plane/bpf_object.h"
#include "control-plane/mapped_array.h"
#include "control-plane/tests/network.h"
#include "test_host.skel.h"

namespace bmc {
namespace {

// One life of a daemon: opens, adopts, loads, pins.
struct Life {
  Life(const std::string& directory, std::uint32_t abi, std::uint32_t entries = 8)
      : pins(Pins::open(directory, abi)) {
    if (!pins) return;
    skeleton.reset(test_host::open());
    bpf_map__set_max_entries(skeleton->maps.counts, entries);
    adoption = pins->adopt_maps(*skeleton->obj);
    if (!adoption) return;
    loaded = load_object(*skeleton->obj, "test_host");
    if (loaded) loaded = pins->pin_maps(*skeleton->obj);
    if (loaded) counts = *MappedArray<__u64>::map(bpf_map__fd(skeleton->maps.counts));
  }

  Result<Pins> pins;
  SkeletonPtr<test_host> skeleton;
  Result<Pins::Adoption> adoption = Pins::Adoption::kFresh;
  Result<void> loaded;
  MappedArray<__u64> counts;
};

class PinsTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { route_bpf_messages_to_log(); }
  test::PinDirectory directory_;
};

TEST_F(PinsTest, ContentOutlivesTheDaemon) {
  {
    Life first(directory_.path(), 1);
    ASSERT_TRUE(first.loaded) << first.loaded.error().what;
    EXPECT_EQ(*first.adoption, Pins::Adoption::kFresh);
    first.counts[3] = 4711;
  }
  Life second(directory_.path(), 1);
  ASSERT_TRUE(second.loaded) << second.loaded.error().what;
  EXPECT_EQ(*second.adoption, Pins::Adoption::kAdopted);
  EXPECT_EQ(second.counts[3], 4711u);
  EXPECT_EQ(names_in(directory_.path() + "/maps"), (std::vector<std::string>{"counts", "per_socket"}));
}

TEST_F(PinsTest, OtherAbiVersionStartsAfresh) {
  { Life(directory_.path(), 1).counts[3] = 4711; }
  {
    Life second(directory_.path(), 2);
    ASSERT_TRUE(second.loaded) << second.loaded.error().what;
    EXPECT_EQ(*second.adoption, Pins::Adoption::kReplaced);
    EXPECT_NE(second.pins->why().find("ABI version 1"), std::string::npos) << second.pins->why();
    EXPECT_EQ(second.counts[3], 0u);
  }
  EXPECT_EQ(*Life(directory_.path(), 2).adoption, Pins::Adoption::kAdopted);
}

TEST_F(PinsTest, OtherSizeStartsAllMapsAfresh) {
  std::uint32_t before = 0;
  {
    Life first(directory_.path(), 1);
    first.counts[3] = 4711;
    before = *map_id(bpf_map__fd(first.skeleton->maps.per_socket));
  }
  Life second(directory_.path(), 1, 16);
  ASSERT_TRUE(second.loaded) << second.loaded.error().what;
  EXPECT_EQ(*second.adoption, Pins::Adoption::kReplaced);
  EXPECT_NE(second.pins->why().find("counts"), std::string::npos) << second.pins->why();
  EXPECT_EQ(second.counts.size(), 16u);
  EXPECT_EQ(second.counts[3], 0u);
  EXPECT_NE(*map_id(bpf_map__fd(second.skeleton->maps.per_socket)), before);
}

TEST_F(PinsTest, CrashWhilePinningStartsAfresh) {
  { Life(directory_.path(), 1).counts[3] = 4711; }
  ASSERT_EQ(::unlink((directory_.path() + "/maps/per_socket").c_str()), 0);
  {
    Life second(directory_.path(), 1);
    EXPECT_EQ(*second.adoption, Pins::Adoption::kReplaced);
    EXPECT_EQ(second.counts[3], 0u);
  }
  ASSERT_EQ(::unlink((directory_.path() + "/version").c_str()), 0);
  EXPECT_EQ(*Life(directory_.path(), 1).adoption, Pins::Adoption::kReplaced);
}

TEST_F(PinsTest, MapThatIsNoLongerUsedIsUnpinned) {
  {
    Life first(directory_.path(), 1);
    ASSERT_EQ(
        bpf_obj_pin(bpf_map__fd(first.skeleton->maps.counts), (directory_.path() + "/maps/old").c_str()), 0);
  }
  EXPECT_EQ(*Life(directory_.path(), 1).adoption, Pins::Adoption::kAdopted);
  EXPECT_EQ(names_in(directory_.path() + "/maps").size(), 2u);
}

TEST_F(PinsTest, OneDaemonAtATime) {
  const auto first = Pins::open(directory_.path(), 1);
  ASSERT_TRUE(first) << first.error().what;
  const auto second = Pins::open(directory_.path(), 1);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, EBUSY);
  EXPECT_NE(second.error().what.find("another bmcd"), std::string::npos);
}

TEST_F(PinsTest, DirectoryIsMadeAndKeptPrivate) {
  { ASSERT_TRUE(Pins::open(directory_.path() + "/deep/er", 1)); }
  struct stat status = {};
  ASSERT_EQ(::stat((directory_.path() + "/deep/er").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
  ASSERT_EQ(::chmod((directory_.path() + "/deep/er").c_str(), 0777), 0);
  { ASSERT_TRUE(Pins::open(directory_.path() + "/deep/er", 1)); }
  ASSERT_EQ(::stat((directory_.path() + "/deep/er").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
  // Somebody else's directory could be filled with somebody else's maps.
  ASSERT_EQ(::chown((directory_.path() + "/deep/er").c_str(), 65534, 65534), 0);
  EXPECT_FALSE(Pins::open(directory_.path() + "/deep/er", 1));
}

TEST_F(PinsTest, PinsArePrivate) {
  Life life(directory_.path(), 1);
  ASSERT_TRUE(life.loaded);
  for (const char* below : {"/maps/counts", "/maps/per_socket", "/version"}) {
    struct stat status = {};
    ASSERT_EQ(::stat((directory_.path() + below).c_str(), &status), 0) << below;
    EXPECT_EQ(status.st_mode & 0777, 0600u) << below;
  }
}

TEST(Pins, OrdinaryDirectoryIsRefusedWithTheRemedy) {
  const auto pins = Pins::open("/tmp/bmc_pins_test", 1);
  ASSERT_FALSE(pins);
  EXPECT_NE(pins.error().what.find("mount -t bpf"), std::string::npos) << pins.error().what;
  struct stat status = {};
  EXPECT_NE(::stat("/tmp/bmc_pins_test", &status), 0);
}

TEST_F(PinsTest, OpenMapFindsByNameOrGivesNone) {
  Life life(directory_.path(), 1);
  const auto there = life.pins->open_map("counts");
  ASSERT_TRUE(there);
  EXPECT_TRUE(*there);
  const auto none = life.pins->open_map("nothing");
  ASSERT_TRUE(none);
  EXPECT_FALSE(*none);
}

TEST_F(PinsTest, MappedArrayChecksTheShape) {
  Life life(directory_.path(), 1);
  const int fd = bpf_map__fd(life.skeleton->maps.counts);
  EXPECT_FALSE(MappedArray<__u32>::map(fd));
  EXPECT_FALSE(MappedArray<__u64>::map(bpf_map__fd(life.skeleton->maps.per_socket)));
  const auto good = MappedArray<__u64>::map(fd);
  ASSERT_TRUE(good);
  EXPECT_EQ(good->size(), 8u);
}

// Values of 20 bytes lie 24 bytes apart; BPF's own view must agree.
TEST(MappedArrayTest, StrideIsRoundedUpToEight) {
  struct Value {
    __u32 words[5];
  };
  LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);
  const Fd map(bpf_map_create(BPF_MAP_TYPE_ARRAY, "stride", 4, sizeof(Value), 1000, &options));
  ASSERT_TRUE(map);
  auto mapped = *MappedArray<Value>::map(map.get());
  for (const __u32 index : {0u, 1u, 2u, 999u}) {
    mapped[index].words[4] = index + 7;
    Value read = {};
    ASSERT_EQ(bpf_map_lookup_elem(map.get(), &index, &read), 0);
    EXPECT_EQ(read.words[4], index + 7);
  }
  EXPECT_DEATH((void)mapped[1000], "");
}

}  // namespace
}  // namespace bmc
