// SPDX-License-Identifier: Apache-2.0
// What the tests of attachments share: an application in small, a stream of frames, a private network.
#ifndef BMC_CONTROL_PLANE_TESTS_ATTACHMENT_FIXTURE_H
#define BMC_CONTROL_PLANE_TESTS_ATTACHMENT_FIXTURE_H

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

#include "control-plane/bpf_object.h"
#include "control-plane/host_facts.h"
#include "control-plane/mapped_array.h"
#include "control-plane/pins.h"
#include "control-plane/tests/eventually.h"
#include "control-plane/tests/network.h"
#include "control-plane/xdp_attachment.h"
#include "test_host.skel.h"
#include "test_xdp.skel.h"

namespace bmc::test {

inline constexpr std::uint32_t kAbi = 7;

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

inline std::uint32_t attached_xdp(const Interface& interface) {
  return interface_facts(interface.name).xdp_program;
}

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

class Attachments : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    route_bpf_messages_to_log();
    enter_own_network();
  }

  PinDirectory directory_;
};

}  // namespace bmc::test

#endif
