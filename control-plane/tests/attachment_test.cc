// SPDX-License-Identifier: Apache-2.0
// XDP, TC and cgroup attachments on real veth pairs: replaced without a gap, idempotent, nothing left behind.
#include <bpf/bpf.h>
#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/if_link.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xdp/libxdp.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "control-plane/bpf_object.h"
#include "control-plane/cgroup_attachment.h"
#include "control-plane/host_facts.h"
#include "control-plane/mapped_array.h"
#include "control-plane/pins.h"
#include "control-plane/removal.h"
#include "control-plane/tc_attachment.h"
#include "control-plane/tests/network.h"
#include "control-plane/xdp_attachment.h"
#include "test_host.skel.h"
#include "test_xdp.skel.h"

namespace bmc {
namespace {

using test::FrameSocket;
using test::VethPair;

constexpr std::uint32_t kAbi = 7;

// What an application does, in small: a main object whose maps are pinned, and an XDP object that shares
// them.
class Host {
 public:
  Host(const std::string& directory, std::uint32_t version) : pins_(Pins::open(directory, kAbi)) {
    if (!pins_) return;
    skeleton_.reset(test_host::open());
    skeleton_->rodata->version = version;
    adoption_ = *pins_->adopt_maps(*skeleton_->obj);
    loaded_ = load_object(*skeleton_->obj, "test_host");
    if (loaded_) loaded_ = pins_->pin_maps(*skeleton_->obj);
    auto counts = MappedArray<__u64>::map(bpf_map__fd(skeleton_->maps.counts));
    if (counts) counts_ = *std::move(counts);
  }

  XdpImage image(std::uint32_t version) {
    XdpImage image;
    image.program = "drop_and_count";
    image.build_id = build_id<test_xdp>();
    image.open = [this, version]() -> Result<OpenedObject> {
      SkeletonPtr<test_xdp> skeleton(test_xdp::open());
      if (!skeleton) return errno_error("cannot open test_xdp");
      skeleton->rodata->version = version;
      if (auto shared = share_maps(*skeleton_->obj, *skeleton->obj); !shared) return shared.error();
      return opened(std::move(skeleton));
    };
    return image;
  }

  Result<Pins>& pins() { return pins_; }
  test_host& skeleton() { return *skeleton_; }
  Pins::Adoption adoption() const { return adoption_; }
  const Result<void>& loaded() const { return loaded_; }
  std::uint64_t count(std::uint32_t version) { return __atomic_load_n(&counts_[version], __ATOMIC_RELAXED); }

 private:
  Result<Pins> pins_;
  SkeletonPtr<test_host> skeleton_;
  Pins::Adoption adoption_ = Pins::Adoption::kFresh;
  Result<void> loaded_;
  MappedArray<__u64> counts_;
};

std::uint32_t attached_xdp(const Interface& interface) { return interface_facts(interface.name).xdp_program; }

// Sends frames from another thread as fast as it can until told to stop.
class Stream {
 public:
  explicit Stream(const Interface& interface) : socket_(interface), thread_([this] { run(); }) {}
  ~Stream() { stop(); }
  std::uint64_t stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
    return sent_;
  }
  std::uint64_t sent() const { return sent_; }

 private:
  void run() {
    for (; !stopping_; ++sent_) socket_.send();
  }
  FrameSocket socket_;
  std::atomic<bool> stopping_ = false;
  std::atomic<std::uint64_t> sent_ = 0;
  std::thread thread_;
};

// Waits for a condition that other threads or the kernel bring about; false after five seconds.
bool eventually(const std::function<bool()>& condition) {
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > limit) return false;
    std::this_thread::yield();
  }
  return true;
}

class Attachments : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    route_bpf_messages_to_log();
    test::enter_own_network();
  }

  test::PinDirectory directory_;
};

class XdpAttachments : public Attachments, public testing::WithParamInterface<XdpMode> {};

TEST_P(XdpAttachments, RunsWhereItWasAskedTo) {
  VethPair veth("left", "right");
  Host host(directory_.path(), 0);
  ASSERT_TRUE(host.loaded()) << host.loaded().error().what;
  auto attached = XdpAttachment::attach(*host.pins(), veth.left(), GetParam(), host.image(1));
  ASSERT_TRUE(attached) << attached.error().what;
  EXPECT_EQ(attached->placement().native, GetParam() != XdpMode::kGeneric);
  EXPECT_FALSE(attached->placement().kept);
  EXPECT_NE(attached->program_id(), 0u);
  FrameSocket right(veth.right()), left(veth.left());
  for (int i = 0; i < 100; ++i) right.send();
  EXPECT_TRUE(eventually([&] { return host.count(1) == 100; })) << host.count(1);
  EXPECT_EQ(left.received_now(), 0);

  ASSERT_TRUE(attached->detach());
  EXPECT_EQ(attached_xdp(veth.left()), 0u);
  right.send();
  EXPECT_TRUE(eventually([&] { return left.received_now() == 1; }));
  EXPECT_EQ(host.count(1), 100u);
}

TEST_P(XdpAttachments, UnchangedProgramIsLeftAlone) {
  VethPair veth("left", "right");
  std::uint32_t first = 0;
  {
    Host host(directory_.path(), 0);
    auto attached = XdpAttachment::attach(*host.pins(), veth.left(), GetParam(), host.image(1));
    ASSERT_TRUE(attached) << attached.error().what;
    first = attached->program_id();
  }
  const std::uint32_t on_interface = attached_xdp(veth.left());
  ASSERT_NE(on_interface, 0u);
  Host again(directory_.path(), 0);
  ASSERT_EQ(again.adoption(), Pins::Adoption::kAdopted);
  auto attached = XdpAttachment::attach(*again.pins(), veth.left(), GetParam(), again.image(1));
  ASSERT_TRUE(attached) << attached.error().what;
  EXPECT_TRUE(attached->placement().kept);
  EXPECT_EQ(attached->program_id(), first);
  EXPECT_EQ(attached_xdp(veth.left()), on_interface);
  // The negative twin: other data, another program.
  auto changed = XdpAttachment::attach(*again.pins(), veth.left(), GetParam(), again.image(2));
  ASSERT_TRUE(changed) << changed.error().what;
  EXPECT_FALSE(changed->placement().kept);
  EXPECT_NE(changed->program_id(), first);
}

TEST_P(XdpAttachments, ReplacementLeavesNoGap) {
  VethPair veth("left", "right");
  Host host(directory_.path(), 0);
  auto attached = XdpAttachment::attach(*host.pins(), veth.left(), GetParam(), host.image(1));
  ASSERT_TRUE(attached) << attached.error().what;
  FrameSocket left(veth.left());
  Stream stream(veth.right());
  std::uint64_t seen = 0;
  for (std::uint32_t version = 2; version < 7; ++version) {
    ASSERT_TRUE(eventually([&] { return stream.sent() > seen + 1000; }));
    seen = stream.sent();
    attached = XdpAttachment::attach(*host.pins(), veth.left(), GetParam(), host.image(version));
    ASSERT_TRUE(attached) << attached.error().what;
    ASSERT_TRUE(eventually([&] { return host.count(version) > 0; })) << version;
  }
  stream.stop();
  // The stack saw not one frame: there was a program for each.
  EXPECT_EQ(left.received_now(), 0);
  EXPECT_EQ(attached_xdp(veth.left()) != 0, true);
}

TEST_P(XdpAttachments, RecognisesItsOwnAfterACrashBeforeThePin) {
  VethPair veth("left", "right");
  Host host(directory_.path(), 0);
  {
    auto attached = XdpAttachment::attach(*host.pins(), veth.left(), GetParam(), host.image(1));
    ASSERT_TRUE(attached) << attached.error().what;
  }
  const std::string pin = host.pins()->path("xdp/" + std::to_string(veth.left().index));
  ASSERT_EQ(::unlink(pin.c_str()), 0);
  auto again = XdpAttachment::attach(*host.pins(), veth.left(), GetParam(), host.image(2));
  ASSERT_TRUE(again) << again.error().what;
  ASSERT_TRUE(again->detach());
  EXPECT_EQ(attached_xdp(veth.left()), 0u);
}

INSTANTIATE_TEST_SUITE_P(Modes, XdpAttachments,
                         testing::Values(XdpMode::kAuto, XdpMode::kNative, XdpMode::kGeneric),
                         [](const auto& mode) { return std::string(to_string(mode.param)); });

// kill -9 in the moment after the attach: the program is announced and not settled yet.
TEST_F(Attachments, AnnouncedProgramIsRecognisedAndSettled) {
  VethPair veth("left", "right");
  std::uint32_t first = 0;
  {
    Host host(directory_.path(), 0);
    auto attached = XdpAttachment::attach(*host.pins(), veth.left(), XdpMode::kNative, host.image(1));
    ASSERT_TRUE(attached) << attached.error().what;
    first = attached->program_id();
  }
  const std::string pin = directory_.path() + "/xdp/" + std::to_string(veth.left().index);
  ASSERT_EQ(::rename(pin.c_str(), (pin + "_next").c_str()), 0);
  // Other maps: only the pin can tell.
  std::filesystem::remove_all(directory_.path() + "/maps");
  Host host(directory_.path(), 0);
  auto attached = XdpAttachment::attach(*host.pins(), veth.left(), XdpMode::kNative, host.image(1));
  ASSERT_TRUE(attached) << attached.error().what;
  EXPECT_NE(attached->program_id(), first);
  EXPECT_EQ(names_in(directory_.path() + "/xdp").size(), 2u);  // pin and record
  EXPECT_EQ(pinned_program_id(pin), attached->program_id());
}

// The other half: announced and never attached.
TEST_F(Attachments, AnnouncedProgramThatWasNeverAttachedIsForgotten) {
  VethPair veth("left", "right");
  Host host(directory_.path(), 0);
  auto attached = XdpAttachment::attach(*host.pins(), veth.left(), XdpMode::kNative, host.image(1));
  ASSERT_TRUE(attached);
  const std::string pin = directory_.path() + "/xdp/" + std::to_string(veth.left().index);
  ASSERT_TRUE(announce_program(bpf_program__fd(host.skeleton().progs.count_egress), pin));
  attached = XdpAttachment::attach(*host.pins(), veth.left(), XdpMode::kNative, host.image(1));
  ASSERT_TRUE(attached);
  EXPECT_TRUE(attached->placement().kept);
  EXPECT_EQ(names_in(directory_.path() + "/xdp").size(), 2u);
}

TEST_F(Attachments, XdpChangesBetweenDriverAndGeneric) {
  VethPair veth("left", "right");
  Host host(directory_.path(), 0);
  ASSERT_TRUE(XdpAttachment::attach(*host.pins(), veth.left(), XdpMode::kGeneric, host.image(1)));
  // Auto leaves what is there, a plain wish changes it.
  auto attached = XdpAttachment::attach(*host.pins(), veth.left(), XdpMode::kAuto, host.image(1));
  ASSERT_TRUE(attached);
  EXPECT_TRUE(attached->placement().kept);
  EXPECT_FALSE(attached->placement().native);
  attached = XdpAttachment::attach(*host.pins(), veth.left(), XdpMode::kNative, host.image(1));
  ASSERT_TRUE(attached) << attached.error().what;
  EXPECT_TRUE(attached->placement().native);
  EXPECT_TRUE(interface_facts("left").xdp_native);
}

// Loads the test's XDP program outside of any pin directory, as another tool would.
Fd attach_foreign(const Interface& interface) {
  SkeletonPtr<test_xdp> foreign(test_xdp::open());
  if (!foreign || bpf_object__load(foreign->obj) != 0) return {};
  Fd fd(::dup(bpf_program__fd(foreign->progs.drop_and_count)));
  return bpf_xdp_attach(interface.index, fd.get(), XDP_FLAGS_DRV_MODE, nullptr) == 0 ? std::move(fd) : Fd();
}

TEST_F(Attachments, ForeignLoneXdpProgramStays) {
  VethPair veth("left", "right");
  const Fd foreign = attach_foreign(veth.left());
  ASSERT_TRUE(foreign);
  const std::uint32_t id = attached_xdp(veth.left());
  Host host(directory_.path(), 0);
  const auto attached = XdpAttachment::attach(*host.pins(), veth.left(), XdpMode::kAuto, host.image(1));
  ASSERT_FALSE(attached);
  EXPECT_EQ(attached.error().code, EBUSY);
  EXPECT_NE(attached.error().what.find("drop_and_count"), std::string::npos) << attached.error().what;
  EXPECT_NE(attached.error().what.find("xdp off"), std::string::npos) << attached.error().what;
  EXPECT_EQ(attached_xdp(veth.left()), id);
  ASSERT_TRUE(detach_xdp(directory_.path(), veth.left().index));
  EXPECT_EQ(attached_xdp(veth.left()), id);
}

// Attaches the test's XDP program as xdp-loader would; its id.
std::uint32_t attach_foreign_through_libxdp(const Interface& interface) {
  const SkeletonPtr<test_xdp> foreign(test_xdp::open());
  foreign->rodata->version = 7;
  DECLARE_LIBXDP_OPTS(xdp_program_opts, options, .obj = foreign->obj, .prog_name = "drop_and_count");
  xdp_program* program = xdp_program__create(&options);
  const int failed = xdp_program__attach(program, interface.index, XDP_MODE_NATIVE, 0);
  const std::uint32_t id = failed == 0 ? xdp_program__id(program) : 0;
  xdp_program__close(program);
  return id;
}

// Ids of the programs behind the dispatcher; empty: there is none.
std::vector<std::uint32_t> behind_dispatcher(const Interface& interface) {
  std::vector<std::uint32_t> ids;
  xdp_multiprog* all = xdp_multiprog__get_from_ifindex(interface.index);
  if (libxdp_get_error(all) != 0) return ids;
  if (!xdp_multiprog__is_legacy(all))
    for (const xdp_program* each = nullptr; (each = xdp_multiprog__next_prog(each, all)) != nullptr;)
      ids.push_back(xdp_program__id(each));
  xdp_multiprog__close(all);
  return ids;
}

// Runs on Debian's kernel; the development machine's refuses program extensions.
TEST_F(Attachments, SharesTheInterfaceThroughTheDispatcher) {
  VethPair veth("left", "right");
  const std::uint32_t foreign = attach_foreign_through_libxdp(veth.left());
  ASSERT_NE(foreign, 0u);
  if (behind_dispatcher(veth.left()).empty()) GTEST_SKIP() << "this kernel refuses libxdp's dispatcher";
  Host host(directory_.path(), 0);
  auto attached = XdpAttachment::attach(*host.pins(), veth.left(), XdpMode::kAuto, host.image(1));
  ASSERT_TRUE(attached) << attached.error().what;
  EXPECT_TRUE(attached->placement().dispatcher);
  EXPECT_EQ(attached->how(), "native, through libxdp's dispatcher");
  EXPECT_EQ(attached->placement().note, "");
  const std::uint32_t first = attached->program_id();
  EXPECT_EQ(behind_dispatcher(veth.left()), (std::vector<std::uint32_t>{foreign, first}));
  // A restart keeps it, a new build takes its place, and only its place.
  attached = XdpAttachment::attach(*host.pins(), veth.left(), XdpMode::kAuto, host.image(1));
  ASSERT_TRUE(attached) << attached.error().what;
  EXPECT_TRUE(attached->placement().kept);
  attached = XdpAttachment::attach(*host.pins(), veth.left(), XdpMode::kAuto, host.image(2));
  ASSERT_TRUE(attached) << attached.error().what;
  EXPECT_EQ(behind_dispatcher(veth.left()), (std::vector<std::uint32_t>{foreign, attached->program_id()}));
  EXPECT_NE(attached->program_id(), first);
  ASSERT_TRUE(attached->detach());
  EXPECT_EQ(behind_dispatcher(veth.left()), std::vector<std::uint32_t>{foreign});
}

TEST_F(Attachments, LargePeerMtuIsExplainedAndAutoFallsBack) {
  VethPair veth("left", "right");
  test::set_mtu("right", 9000);
  Host host(directory_.path(), 0);
  const auto native = XdpAttachment::attach(*host.pins(), veth.left(), XdpMode::kNative, host.image(1));
  ASSERT_FALSE(native);
  EXPECT_NE(native.error().what.find("mtu 1500"), std::string::npos) << native.error().what;
  EXPECT_NE(native.error().what.find("MTU"), std::string::npos) << native.error().what;
  EXPECT_EQ(attached_xdp(veth.left()), 0u);
  const auto fallback = XdpAttachment::attach(*host.pins(), veth.left(), XdpMode::kAuto, host.image(1));
  ASSERT_TRUE(fallback) << fallback.error().what;
  EXPECT_FALSE(fallback->placement().native);
  EXPECT_NE(fallback->placement().note.find("MTU"), std::string::npos) << fallback->placement().note;
  test::set_mtu("right", 1500);
}

TEST_F(Attachments, MissingInterfaceIsExplained) {
  Host host(directory_.path(), 0);
  Interface gone;
  gone.name = "nowhere";
  gone.index = 4711;
  const auto attached = XdpAttachment::attach(*host.pins(), gone, XdpMode::kAuto, host.image(1));
  ASSERT_FALSE(attached);
  EXPECT_NE(attached.error().what.find("no interface nowhere"), std::string::npos) << attached.error().what;
}

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
  LIBBPF_OPTS(bpf_tc_opts, other, .prog_fd = bpf_program__fd(foreign->progs.count_egress),
              .handle = kTcHandle, .priority = kTcPriority);
  ASSERT_EQ(bpf_tc_attach(&hook, &other), 0);
  Host host(directory_.path(), 1);
  const auto attached = TcAttachment::attach(*host.pins(), veth.left(), *host.skeleton().progs.count_egress);
  ASSERT_FALSE(attached);
  EXPECT_EQ(attached.error().code, EBUSY);
  ASSERT_TRUE(detach_tc(directory_.path(), veth.left().index));
  LIBBPF_OPTS(bpf_tc_opts, query, .handle = kTcHandle, .priority = kTcPriority);
  EXPECT_EQ(bpf_tc_query(&hook, &query), 0);
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
