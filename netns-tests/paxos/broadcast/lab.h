// SPDX-License-Identifier: Apache-2.0
// A sender and receivers on one Ethernet, each in a namespace of its own, with ARP and neighbour discovery as
// they are. Used by the tests and the benchmark of the broadcast offload.
//
//   sender (10.97.0.1, fd97::1) ──┐
//                                 ├── bridge
//   receiver 0 … (.10, ::10 …) ───┘
#ifndef BMC_NETNS_TESTS_PAXOS_BROADCAST_LAB_H
#define BMC_NETNS_TESTS_PAXOS_BROADCAST_LAB_H

#include <memory>
#include <string>
#include <vector>

#include "netns-tests/lib/endpoint.h"
#include "netns-tests/lib/netns.h"

namespace bmc::broadcast {

inline constexpr std::uint16_t kPort = 7400;  // of everyone

struct LabOptions {
  std::size_t receivers = 9;
  bool sender_offload = true;  // the sender leaves checksums to its interface, as with real ones
  bool last_is_direct =
      false;  // the last receiver hangs at an interface "direct" of the sender's, not at the bridge
};

class Lab {
 public:
  explicit Lab(LabOptions options = {});

  std::size_t receivers() const { return receivers_.size(); }
  const lab::Netns& sender() const { return sender_; }
  const lab::Netns& receiver(std::size_t index) const { return *receivers_.at(index); }
  lab::Endpoint sender_address(bool v6, std::uint16_t port = kPort) const;
  lab::Endpoint address(std::size_t receiver, bool v6, std::uint16_t port = kPort) const;
  std::string mac(std::size_t receiver) const;
  // ip(8) in the sender's namespace.
  void ip(const std::string& arguments) const;

 private:
  void plug_in(const lab::Netns& netns, const std::string& port, bool offload);
  void plug_in_direct(std::size_t index);

  LabOptions options_;
  lab::Netns sender_{"sender"};
  lab::Netns bridge_{"bridge"};
  std::vector<std::unique_ptr<lab::Netns>> receivers_;
};

}  // namespace bmc::broadcast

#endif
