// SPDX-License-Identifier: Apache-2.0
// A private network namespace with veth pairs, and raw frames, for tests. Needs no iproute2.
#ifndef BMC_CONTROL_PLANE_TESTS_NETWORK_H
#define BMC_CONTROL_PLANE_TESTS_NETWORK_H

#include <cstdint>
#include <string>

#include "control-plane/fd.h"
#include "control-plane/interface_watch.h"

namespace bmc::test {

inline constexpr std::uint16_t kTestEtherType = 0x88b5;  // IEEE 802: local experimental

// Puts the whole process into a new network namespace (once), which goes with it; threads made later are in
// it too. Aborts without the permission.
void enter_own_network();

// A pair of interfaces, both up; they go with this object.
class VethPair {
 public:
  VethPair(const std::string& left, const std::string& right);
  ~VethPair();
  VethPair(const VethPair&) = delete;
  VethPair& operator=(const VethPair&) = delete;

  Interface left() const { return describe(left_); }
  Interface right() const { return describe(right_); }

 private:
  static Interface describe(const std::string& name);
  std::string left_, right_;
};

void delete_interface(const std::string& name);
void set_mtu(const std::string& name, std::uint32_t mtu);
void set_up(const std::string& name, bool up);
void add_address(const std::string& name, const std::string& address, unsigned prefix);

// Sends and sees frames of kTestEtherType on one interface.
class FrameSocket {
 public:
  explicit FrameSocket(const Interface& interface);
  void send();         // one frame
  int received_now();  // frames that came in from the wire and were not counted yet; does not wait

 private:
  Fd socket_;
  int ifindex_;
};

// A directory in bpffs of this test's own, removed with what is in it. bpffs is mounted if it is not.
class PinDirectory {
 public:
  PinDirectory();
  ~PinDirectory();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace bmc::test

#endif
