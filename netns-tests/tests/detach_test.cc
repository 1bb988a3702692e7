// SPDX-License-Identifier: Apache-2.0
// bmcd leaves nothing behind: not after bmcctl detach, not after a crash and `bmcd --detach`. Run by ctest.
#include <filesystem>

#include "netns-tests/tests/accelerated.h"

namespace bmc::lab {
namespace {

class DetachTest : public Accelerated {
 protected:
  /// What is attached where, as the kernel's own tools tell it.
  struct Attached {
    std::string tc, links, cgroup;
    bool operator==(const Attached&) const = default;
  };

  Attached look() {
    return {.tc = run_checked({"tc", "qdisc", "show"}, &lab_.server()) +
                  run_checked({"tc", "filter", "show", "dev", "eth0", "egress"}, &lab_.server()) +
                  run_checked({"tc", "filter", "show", "dev", "eth0", "ingress"}, &lab_.server()),
            .links = xdp_of_links(),
            .cgroup = run_checked({"bpftool", "cgroup", "tree"})};
  }

  std::string xdp_of_links() {
    const std::string all = run_checked({"ip", "-o", "link", "show"}, &lab_.server());
    return all.find("xdp") != std::string::npos ? all : "no XDP";
  }

  void expect_pins(bool there) { EXPECT_EQ(std::filesystem::exists(bmcd_->pin_directory()), there); }
};

TEST_F(DetachTest, AfterBmcctlDetach) {
  start_memcached();
  const Attached before = look();
  start_bmcd();
  const Attached running = look();
  EXPECT_NE(running.tc, before.tc);
  EXPECT_NE(running.links, before.links);
  EXPECT_NE(running.cgroup, before.cgroup);
  expect_pins(true);
  const CommandResult detached = bmcd_->ctl({"detach"});
  EXPECT_EQ(detached.exit_code, 0) << detached.output;
  EXPECT_TRUE(bmcd_->process().wait_exit(Deadline::in_ms(10'000)));
  EXPECT_TRUE(look() == before) << look().tc << look().links << look().cgroup;
  expect_pins(false);
  store("k", "v");
  EXPECT_EQ(ask("k"), hit("k", "v"));
}

TEST_F(DetachTest, StoppingKeepsEverythingInPlaceForTheNext) {
  start();
  const Attached running = look();
  ASSERT_TRUE(bmcd_->stop());
  EXPECT_TRUE(look() == running);
  expect_pins(true);
}

TEST_F(DetachTest, AfterAKillAndTheDetachOption) {
  start_memcached();
  const Attached before = look();
  start_bmcd();
  bmcd_->kill_hard();
  EXPECT_NE(look().cgroup, before.cgroup);
  const CommandResult detached = bmcd_->run_detach();
  EXPECT_EQ(detached.exit_code, 0) << detached.output;
  EXPECT_TRUE(look() == before) << look().tc << look().links << look().cgroup;
  expect_pins(false);
}

TEST_F(DetachTest, ADeviceThatDisappearsTakesNothingElseAlong) {
  start_memcached();
  const Link second = lab_.add_link();
  start_bmcd({.ifaces = {"eth0", second.server_device}});
  store("k", "v");
  ASSERT_TRUE(becomes_served("k", "v"));
  run_checked({"ip", "-n", lab_.server().name(), "link", "delete", second.server_device});
  store("k", "w");
  EXPECT_TRUE(becomes_served("k", "w"));
}

}  // namespace
}  // namespace bmc::lab
