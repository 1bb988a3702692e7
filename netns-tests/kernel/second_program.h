// SPDX-License-Identifier: Apache-2.0
// Another user of XDP on the served interface, and what stands on the interface. Used by beside_test.cc.
#ifndef BMC_NETNS_TESTS_KERNEL_SECOND_PROGRAM_H
#define BMC_NETNS_TESTS_KERNEL_SECOND_PROGRAM_H

#include <cstdint>
#include <string>
#include <vector>

#include "netns-tests/lib/fd.h"
#include "netns-tests/lib/netns.h"

namespace bmc::lab {

/// count_gets.bpf.c on `device`, put there by xdp-loader(8); taken off with unload() or at the end.
class SecondProgram {
 public:
  static constexpr const char* kName = "count_gets";
  /// Places in the dispatcher's order; bmcd has libxdp's default, 50. Lower runs earlier.
  enum Priority : int { kBeforeBmcd = 10, kBehindBmcd = 90 };

  /// Throws LabError with what xdp-loader said.
  SecondProgram(const Netns& netns, std::string device, Priority priority);
  ~SecondProgram();
  SecondProgram(const SecondProgram&) = delete;
  SecondProgram& operator=(const SecondProgram&) = delete;

  /// UDP datagrams for memcached that it has seen so far.
  std::uint64_t seen() const;
  /// Takes it off; throws LabError with what xdp-loader said.
  void unload();

 private:
  const Netns& netns_;
  const std::string device_;
  Fd counts_;  ///< its map
  bool loaded_ = false;
};

/// One program behind libxdp's dispatcher.
struct Placed {
  std::string name;
  std::uint32_t id;
};

/// The programs behind libxdp's dispatcher on `device`, in the order in which they run. Empty: nothing is
/// attached, or one program without a dispatcher.
std::vector<Placed> behind_dispatcher(const Netns& netns, const std::string& device);

/// Every path below the bpffs, the number of the dispatcher in its directory's name left out: it is a new one
/// with each program that comes or goes.
std::vector<std::string> pinned_paths();

}  // namespace bmc::lab

#endif
