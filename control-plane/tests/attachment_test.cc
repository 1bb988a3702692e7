// SPDX-License-Identifier: Apache-2.0
// TC and cgroup attachments, and removal: replaced without a gap, idempotent, nothing left behind.
#include <bpf/bpf.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control-plane/cgroup_attachment.h"
#include "control-plane/removal.h"
#include "control-plane/tc_attachment.h"
#include "control-plane/tests/attachment_fixture.h"

namespace bmc {
namespace {

using test::attached_xdp;
using test::Attachments;
using test::eventually;
using test::FrameSocket;
using test::Host;
using test::Stream;
using test::VethPair;

TEST_F(Attachments, TcCountsIsReplacedAndGoes) {
  VethPair veth("left", "right");
  FrameSocket left(veth.left());
  Host first(directory_.path(), 1);
  auto attached = TcAttachment::attach(*first.pins(), veth.left(), *first.skeleton().progs.count_egress);
  ASSERT_TRUE(attached) << attached.error().what;
  left.send();
  EXPECT_TRUE(eventually([&] { return first.count(1) == 1; }));
  first.pins() = Error{0, "closed"};
  Host second(directory_.path(), 2);
  attached = TcAttachment::attach(*second.pins(), veth.left(), *second.skeleton().progs.count_egress);
  ASSERT_TRUE(attached) << attached.error().what;
  left.send();
  EXPECT_TRUE(eventually([&] { return second.count(2) == 1; }));
  EXPECT_EQ(second.count(1), 1u);
  ASSERT_TRUE(attached->detach());
  left.send();
  EXPECT_EQ(second.count(2), 1u);
  // The qdisc was ours and went: making it anew succeeds.
  LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = veth.left().index, .attach_point = BPF_TC_EGRESS);
  EXPECT_EQ(bpf_tc_hook_create(&hook), 0);
}

TEST_F(Attachments, TcReplacementLeavesNoGap) {
  VethPair veth("left", "right");
  Host host(directory_.path(), 1);
  ASSERT_TRUE(TcAttachment::attach(*host.pins(), veth.left(), *host.skeleton().progs.count_egress));
  Stream stream(veth.left());
  for (int i = 0; i < 20; ++i) {
    const std::uint64_t seen = stream.sent();
    ASSERT_TRUE(eventually([&] { return stream.sent() > seen + 100; }));
    ASSERT_TRUE(TcAttachment::attach(*host.pins(), veth.left(), *host.skeleton().progs.count_egress));
  }
  // Each frame that was sent went past the program, no matter when.
  const std::uint64_t sent = stream.stop();
  EXPECT_EQ(host.count(1), sent);
}

TEST_F(Attachments, TcLeavesTheQdiscToOthers) {
  VethPair veth("left", "right");
  Host host(directory_.path(), 1);
  auto attached = TcAttachment::attach(*host.pins(), veth.left(), *host.skeleton().progs.count_egress);
  ASSERT_TRUE(attached);
  LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = veth.left().index, .attach_point = BPF_TC_INGRESS);
  LIBBPF_OPTS(bpf_tc_opts, other, .prog_fd = bpf_program__fd(host.skeleton().progs.count_egress), .handle = 1,
              .priority = 1);
  ASSERT_EQ(bpf_tc_attach(&hook, &other), 0);
  ASSERT_TRUE(attached->detach());
  LIBBPF_OPTS(bpf_tc_opts, query, .handle = 1, .priority = 1);
  EXPECT_EQ(bpf_tc_query(&hook, &query), 0);
}

TEST_F(Attachments, TcDoesNotTakeAnothersPlace) {
  VethPair veth("left", "right");
  SkeletonPtr<test_host> foreign(test_host::open());
  ASSERT_EQ(bpf_object__load(foreign->obj), 0);
  LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = veth.left().index, .attach_point = BPF_TC_EGRESS);
  ASSERT_EQ(bpf_tc_hook_create(&hook), 0);
  LIBBPF_OPTS(bpf_tc_opts, other, .prog_fd = bpf_program__fd(foreign->progs.count_egress), .handle = kTcPlace,
              .priority = kTcPlace);
  ASSERT_EQ(bpf_tc_attach(&hook, &other), 0);
  Host host(directory_.path(), 1);
  const auto attached = TcAttachment::attach(*host.pins(), veth.left(), *host.skeleton().progs.count_egress);
  ASSERT_FALSE(attached);
  EXPECT_EQ(attached.error().code, EBUSY);
  ASSERT_TRUE(detach_tc(directory_.path(), veth.left().index));
  LIBBPF_OPTS(bpf_tc_opts, query, .handle = kTcPlace, .priority = kTcPlace);
  EXPECT_EQ(bpf_tc_query(&hook, &query), 0);
}

// A second application, with pins and a place of its own; its maps are a copy.
struct SecondApplication {
  explicit SecondApplication(const Pins& root)
      : pins(root.open_below("second", 1)), skeleton(test_host::open()) {
    skeleton->rodata->version = 3;
    (void)*pins->adopt_maps(*skeleton->obj);
    EXPECT_TRUE(load_object(*skeleton->obj, "second"));
    EXPECT_TRUE(pins->pin_maps(*skeleton->obj));
  }
  Result<void> attach(const Interface& interface) {
    auto attached = TcAttachment::attach(*pins, interface, *skeleton->progs.count_egress, kPlace);
    return attached ? Result<void>() : attached.error();
  }

  static constexpr std::uint32_t kPlace = 0xb3d;
  Result<Pins> pins;
  SkeletonPtr<test_host> skeleton;
};

bool is_filter_at(const Interface& interface, std::uint32_t place) {
  LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = interface.index, .attach_point = BPF_TC_EGRESS);
  LIBBPF_OPTS(bpf_tc_opts, query, .handle = place, .priority = place);
  return bpf_tc_query(&hook, &query) == 0;
}

bool has_clsact(const Interface& interface) {
  LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = interface.index, .attach_point = BPF_TC_EGRESS);
  if (bpf_tc_hook_create(&hook) != 0) return true;
  hook.attach_point = static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS);
  bpf_tc_hook_destroy(&hook);
  return false;
}

TEST_F(Attachments, TwoApplicationsShareAnInterfaceAndGoOneByOne) {
  VethPair veth("left", "right");
  Host first(directory_.path(), 1);
  SecondApplication second(*first.pins());
  ASSERT_TRUE(second.attach(veth.left())) << "it makes the qdisc";
  ASSERT_TRUE(TcAttachment::attach(*first.pins(), veth.left(), *first.skeleton().progs.count_egress));
  ASSERT_TRUE(XdpAttachment::attach(*second.pins, veth.left(), XdpMode::kAuto, first.image(1)));
  const auto kept = XdpAttachment::attach(*first.pins(), veth.left(), XdpMode::kAuto, first.image(1));
  ASSERT_TRUE(kept) << kept.error().what;
  EXPECT_TRUE(kept->placement().kept) << "an interface has one of ours";

  const std::string below = directory_.path() + "/second";
  const Removal removal = remove_application(directory_.path(), below);
  EXPECT_FALSE(removal.error) << removal.error->what;
  EXPECT_EQ(removal.removed, (std::vector<std::string>{"TC program from left", "2 maps"}));
  EXPECT_FALSE(is_filter_at(veth.left(), SecondApplication::kPlace));
  EXPECT_TRUE(is_filter_at(veth.left(), kTcPlace));
  EXPECT_NE(attached_xdp(veth.left()), 0u);
  struct stat status = {};
  EXPECT_NE(::stat(below.c_str(), &status), 0);
  EXPECT_EQ(names_in(directory_.path() + "/maps").size(), 2u);

  SecondApplication again(*first.pins());
  ASSERT_TRUE(again.attach(veth.left()));
  ASSERT_TRUE(detach_tc(directory_.path(), veth.left().index));
  EXPECT_TRUE(is_filter_at(veth.left(), SecondApplication::kPlace));
  first.pins() = Error{0, "closed"};
  const Removal all = remove_everything(directory_.path());
  EXPECT_FALSE(all.error) << all.error->what;
  EXPECT_FALSE(has_clsact(veth.left())) << "the last one of ours takes it away";
  EXPECT_EQ(attached_xdp(veth.left()), 0u);
  EXPECT_NE(::stat(directory_.path().c_str(), &status), 0);
}

// A cgroup of the test's own below the root.
class Cgroup {
 public:
  Cgroup() : path_(*find_cgroup2_root() + "/bmc_test_" + std::to_string(::getpid())) {
    if (::mkdir(path_.c_str(), 0755) != 0) std::perror(path_.c_str());
  }
  ~Cgroup() { ::rmdir(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::vector<std::uint32_t> programs_of(const std::string& cgroup, bpf_attach_type hook) {
  const Fd directory(::open(cgroup.c_str(), O_RDONLY | O_DIRECTORY));
  std::vector<std::uint32_t> ids(16);
  __u32 count = static_cast<__u32>(ids.size()), flags = 0;
  if (bpf_prog_query(directory.get(), hook, 0, &flags, ids.data(), &count) != 0) return {};
  ids.resize(count);
  return ids;
}

TEST_F(Attachments, CgroupLinkOutlivesIsUpdatedAndGoes) {
  const Cgroup cgroup;
  const auto hook = BPF_CGROUP_INET_INGRESS;
  std::uint32_t first = 0;
  {
    Host host(directory_.path(), 1);
    auto attached =
        CgroupAttachment::attach(*host.pins(), "ingress", *host.skeleton().progs.count_cgroup, cgroup.path());
    ASSERT_TRUE(attached) << attached.error().what;
    auto release = CgroupAttachment::attach(*host.pins(), "release", *host.skeleton().progs.count_release,
                                            cgroup.path());
    ASSERT_TRUE(release) << release.error().what;
    first = attached->program_id();
  }
  EXPECT_EQ(programs_of(cgroup.path(), hook), std::vector<std::uint32_t>{first});
  Host host(directory_.path(), 2);
  auto attached =
      CgroupAttachment::attach(*host.pins(), "ingress", *host.skeleton().progs.count_cgroup, cgroup.path());
  ASSERT_TRUE(attached) << attached.error().what;
  EXPECT_NE(attached->program_id(), first);
  EXPECT_EQ(programs_of(cgroup.path(), hook), std::vector<std::uint32_t>{attached->program_id()});
  ASSERT_TRUE(attached->detach());
  EXPECT_TRUE(programs_of(cgroup.path(), hook).empty());
  EXPECT_EQ(programs_of(cgroup.path(), BPF_CGROUP_INET_SOCK_RELEASE).size(), 1u);
}

TEST_F(Attachments, CgroupLinkOfADeadCgroupIsMadeAnew) {
  {
    const Cgroup dead;
    Host host(directory_.path(), 1);
    ASSERT_TRUE(
        CgroupAttachment::attach(*host.pins(), "ingress", *host.skeleton().progs.count_cgroup, dead.path()));
  }
  const Cgroup cgroup;
  Host host(directory_.path(), 1);
  const auto attached =
      CgroupAttachment::attach(*host.pins(), "ingress", *host.skeleton().progs.count_cgroup, cgroup.path());
  ASSERT_TRUE(attached) << attached.error().what;
  EXPECT_EQ(programs_of(cgroup.path(), BPF_CGROUP_INET_INGRESS).size(), 1u);
}

TEST_F(Attachments, RemoveEverythingLeavesNothing) {
  VethPair veth("left", "right");
  const Cgroup cgroup;
  {
    Host host(directory_.path(), 1);
    ASSERT_TRUE(XdpAttachment::attach(*host.pins(), veth.left(), XdpMode::kAuto, host.image(1)));
    ASSERT_TRUE(XdpAttachment::attach(*host.pins(), veth.right(), XdpMode::kAuto, host.image(1)));
    ASSERT_TRUE(TcAttachment::attach(*host.pins(), veth.left(), *host.skeleton().progs.count_egress));
    ASSERT_TRUE(CgroupAttachment::attach(*host.pins(), "ingress", *host.skeleton().progs.count_cgroup,
                                         cgroup.path()));
    const Removal busy = remove_everything(directory_.path());
    ASSERT_TRUE(busy.error);
    EXPECT_EQ(busy.error->code, EBUSY);
  }
  const Removal removal = remove_everything(directory_.path());
  ASSERT_FALSE(removal.error) << removal.error->what;
  EXPECT_EQ(removal.removed.size(), 5u);
  EXPECT_EQ(attached_xdp(veth.left()), 0u);
  EXPECT_EQ(attached_xdp(veth.right()), 0u);
  EXPECT_TRUE(programs_of(cgroup.path(), BPF_CGROUP_INET_INGRESS).empty());
  LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = veth.left().index, .attach_point = BPF_TC_EGRESS);
  EXPECT_EQ(bpf_tc_hook_create(&hook), 0);
  struct stat status = {};
  EXPECT_NE(::stat(directory_.path().c_str(), &status), 0);
  const Removal again = remove_everything(directory_.path());
  EXPECT_FALSE(again.error);
  EXPECT_TRUE(again.removed.empty());
}

TEST_F(Attachments, InterfaceThatWentIsNoObstacleToRemoval) {
  {
    VethPair veth("left", "right");
    Host host(directory_.path(), 1);
    ASSERT_TRUE(XdpAttachment::attach(*host.pins(), veth.left(), XdpMode::kAuto, host.image(1)));
    ASSERT_TRUE(TcAttachment::attach(*host.pins(), veth.left(), *host.skeleton().progs.count_egress));
  }
  const Removal removal = remove_everything(directory_.path());
  ASSERT_FALSE(removal.error) << removal.error->what;
  struct stat status = {};
  EXPECT_NE(::stat(directory_.path().c_str(), &status), 0);
}

}  // namespace
}  // namespace bmc
