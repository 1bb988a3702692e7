// SPDX-License-Identifier: Apache-2.0
// The composed program between two sets of maps, attached by the cache's own loader, in a network namespace
// of its own.
#include "control-plane/bmcd/composed_image.h"

#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "apps/memcached-cache/daemon/cache_app.h"
#include "apps/memcached-cache/daemon/loader.h"
#include "control-plane/bpf_object.h"
#include "control-plane/interface_watch.h"
#include "control-plane/pins.h"
#include "control-plane/removal.h"
#include "paxos_fast.skel.h"

namespace bmc {
namespace {

std::set<std::uint32_t> maps_of(int program) {
  std::vector<__u32> ids(64);
  bpf_prog_info info = {};
  info.nr_map_ids = static_cast<__u32>(ids.size());
  info.map_ids = reinterpret_cast<std::uintptr_t>(ids.data());
  __u32 bytes = sizeof info;
  EXPECT_EQ(bpf_obj_get_info_by_fd(program, &info, &bytes), 0);
  return {ids.begin(), ids.begin() + info.nr_map_ids};
}

std::string name_of(int program) {
  bpf_prog_info info = {};
  __u32 bytes = sizeof info;
  EXPECT_EQ(bpf_obj_get_info_by_fd(program, &info, &bytes), 0);
  return info.name;
}

class ComposedImage : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0) << "root is needed";
    route_bpf_messages_to_log();
  }
  void SetUp() override {
    config_.ifaces = {"lo"};
    config_.memory_bytes = 16 << 20;
    config_.pin = "/sys/fs/bpf/bmc-t-composed-" + std::to_string(::getpid());
    auto pins = Pins::open(config_.pin, cache::kAbiVersion);
    ASSERT_TRUE(pins) << pins.error().what;
    pins_.emplace(*std::move(pins));
    ASSERT_TRUE(interfaces_.start());
    paxos_.reset(paxos_fast::open());
    ASSERT_TRUE(load_object(*paxos_->obj, "paxos_fast"));
  }
  void TearDown() override {
    loader_.reset();
    pins_.reset();
    const Removal removed = remove_everything(config_.pin);
    EXPECT_FALSE(removed.error) << removed.error->what;
  }

  XdpImage composed() {
    return cache_and_paxos_image([this](bpf_object& to) { return share_maps(*paxos_->obj, to); });
  }
  // The maps are adopted from the loader before.
  Result<void> attach(XdpImage image) {
    loader_.emplace(*pins_, config_, std::move(image));
    if (Result<void> loaded = loader_->load(); !loaded) return loaded;
    return loader_->attach_interface(lo());
  }
  const Interface& lo() { return *interfaces_.find("lo"); }
  int attached() { return loader_->xdp().at(lo().index).program_fd(); }

  Config config_;
  std::optional<Pins> pins_;
  boost::asio::io_context loop_;
  InterfaceWatch interfaces_{loop_};
  SkeletonPtr<paxos_fast> paxos_;
  std::optional<cache::Loader> loader_;
};

TEST_F(ComposedImage, HasTheMapsOfBoth) {
  const Result<void> done = attach(composed());
  ASSERT_TRUE(done) << done.error().what;
  EXPECT_EQ(name_of(attached()), "cache_and_paxos");
  const auto maps = maps_of(attached());
  for (const bpf_map* map :
       {paxos_->maps.paxos_control, paxos_->maps.paxos_groups, paxos_->maps.paxos_doorbells,
        paxos_->maps.paxos_counters, paxos_->maps.paxos_scratches})
    EXPECT_EQ(maps.count(*map_id(bpf_map__fd(map))), 1u) << bpf_map__name(map);
  for (const char* name : {"control", "servers", "buckets", "segments", "log_bytes", "counters"}) {
    const auto map = pins_->open_map(name);
    ASSERT_TRUE(map && *map) << name;
    EXPECT_EQ(maps.count(*map_id(map->get())), 1u) << name;
  }
}

TEST_F(ComposedImage, TakesThePlaceOfTheCachesOwnAndBack) {
  ASSERT_TRUE(attach(cache::cache_get_image()));
  EXPECT_EQ(name_of(attached()), "cache_get");
  const auto alone = maps_of(attached());
  ASSERT_TRUE(attach(composed()));
  EXPECT_EQ(name_of(attached()), "cache_and_paxos");
  const auto buckets = pins_->open_map("buckets");
  ASSERT_TRUE(buckets && *buckets);
  EXPECT_EQ(alone.count(*map_id(buckets->get())), 1u) << "the cache is the one from before";
  EXPECT_EQ(maps_of(attached()).count(*map_id(buckets->get())), 1u);
  ASSERT_TRUE(attach(cache::cache_get_image()));
  EXPECT_EQ(name_of(attached()), "cache_get");
  EXPECT_EQ(maps_of(attached()).count(*map_id(bpf_map__fd(paxos_->maps.paxos_control))), 0u);
}

TEST_F(ComposedImage, IsNotAttachedWithMapsOfNobody) {
  const Result<void> done = attach(cache_and_paxos_image([](bpf_object&) { return Result<void>(); }));
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().what.find("paxos_"), std::string::npos) << done.error().what;
  EXPECT_NE(done.error().what.find("is nobody's"), std::string::npos) << done.error().what;
  EXPECT_TRUE(loader_->xdp().empty());
}

TEST_F(ComposedImage, SaysWhyItHasNoMaps) {
  const Result<void> done = attach(cache_and_paxos_image([](bpf_object&) {
    return Result<void>(Error{ESHUTDOWN, "not running"});
  }));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ESHUTDOWN);
  EXPECT_EQ(done.error().what, "not running");
}

}  // namespace
}  // namespace bmc
