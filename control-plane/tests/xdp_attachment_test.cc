// SPDX-License-Identifier: Apache-2.0
// XDP on real veth pairs: every mode, replaced without a gap, after crashes, beside others' programs.
#include "control-plane/xdp_attachment.h"

#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <linux/if_link.h>
#include <unistd.h>
#include <xdp/libxdp.h>

#include <filesystem>

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

}  // namespace
}  // namespace bmc
