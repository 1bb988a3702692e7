// SPDX-License-Identifier: Apache-2.0
// PaxosApp: the kernel's help for replicas of Paxos groups as an application of bmcd. Made by bmcd's main.
#ifndef BMC_PAXOS_HOST_PAXOS_APP_H
#define BMC_PAXOS_HOST_PAXOS_APP_H

#include <bpf/libbpf.h>

#include <cstdint>
#include <memory>

#include "control-plane/app.h"

namespace bmc::paxos::host {

// Of everything pinned: the versions of both layouts in abi/, and of what is pinned how.
extern const std::uint32_t kAbiVersion;
inline constexpr const char* kPinFolder = "paxos";

// Whose XDP program has the Paxos step. An interface has one of ours.
enum class XdpOwner {
  kSelf,   // PaxosApp attaches one that has nothing else
  kOther,  // another application attaches one that has this step too, with our maps: lend_maps()
};

// See app.h for the life of an application.
class PaxosApp final : public App {
 public:
  PaxosApp(const AppContext& context, XdpOwner xdp);
  ~PaxosApp() override;

  Result<void> start() override;
  void stop() override;
  Result<control::Response> control(const control::Request& request) override;
  void collect(std::vector<prometheus::MetricFamily>& families) override;
  std::string status_line() override;

  // From start() to stop(): makes the maps of `image` (opened, not loaded) that are ours the same as ours.
  Result<void> lend_maps(bpf_object& image) const;

 private:
  class Running;

  AppContext context_;
  XdpOwner xdp_;
  std::unique_ptr<Running> running_;  // from start() until stop()
};

}  // namespace bmc::paxos::host

#endif
