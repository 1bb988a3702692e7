// SPDX-License-Identifier: Apache-2.0
// The topologies of the whole-system tests. Built by each test and by the hammer; owns namespaces and links.
//
//   client ns ── veth ── server ns (eth0)            readers, and writers on the served interface
//   writer ns ── veth ── switch ns ── veth ── server ns (eth1)   writers whose packets a FaultSwitch
//   mistreats
//
// Link n has 10.99.n.0/24 and fd99:n::/64; the server's end is .1, the other .2. Neighbours are static, there
// is no DAD, checksums are complete (tx off) and the far end has an XDP program of its own, so that XDP_TX
// arrives.
#ifndef BMC_NETNS_TESTS_LAB_H
#define BMC_NETNS_TESTS_LAB_H

#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "netns-tests/lib/endpoint.h"
#include "netns-tests/lib/fault_switch.h"
#include "netns-tests/lib/netns.h"
#include "netns-tests/lib/xdp_pass.h"

namespace bmc::lab {

constexpr uint16_t kMemcachedPort = 11211;

struct LinkOptions {
  bool server_gro = true;  ///< merge TCP segments on arrival, as real NICs' drivers do
  bool quick_ack = false;  ///< no delayed acknowledgements, for many segments sent one by one
  bool far_xdp = true;     ///< an XDP program at the far end; false: the test has one of its own for it
};

/// One veth pair between the server and another namespace; removed with the namespaces.
struct Link {
  unsigned number;
  std::string server_device;  ///< "eth<number>" in the server's namespace
  std::string far_device;     ///< the same name in the far namespace

  Endpoint server(bool v6 = false, uint16_t port = kMemcachedPort) const;
  Endpoint far(bool v6 = false, uint16_t port = 0) const;
  std::string server_mac() const;
  std::string far_mac() const;
};

class Lab {
 public:
  explicit Lab(LinkOptions options = {});  ///< of the readers' link

  Netns& server() { return server_; }
  Netns& client() { return client_; }
  /// The readers' link: eth0 between client and server. Always there.
  const Link& link() const { return link_; }

  /// Adds another direct link between client and server, also while everything runs.
  Link add_link(LinkOptions options = {});

  /// Adds the writers' path through a user-space switch (once). `seed` decides all its mischief.
  void add_faulty_path(uint64_t seed);
  Netns& writer() { return *writer_; }
  const Link& faulty_link() const { return *faulty_link_; }
  FaultSwitch& fault_switch() { return *switch_; }

 private:
  Link connect(Netns& far, LinkOptions options);
  void make_pair(const Netns& left, const std::string& left_device, const Netns& right,
                 const std::string& right_device);
  void address_link(const Link& link, const Netns& far);
  void receive_at_once(const Netns& far, const std::string& device);

  unsigned links_ = 0;
  Netns server_{"server"};
  Netns client_{"client"};
  std::unique_ptr<Netns> writer_;
  std::unique_ptr<Netns> middle_;
  std::deque<XdpPass> receivers_;  ///< on the far ends: they take what XDP sends back
  Link link_;
  std::optional<Link> faulty_link_;
  std::unique_ptr<FaultSwitch> switch_;
};

}  // namespace bmc::lab

#endif
