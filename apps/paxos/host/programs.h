// SPDX-License-Identifier: Apache-2.0
// Programs: the Paxos programs and their maps, from the embedded objects into the kernel, and the
// attachments. Owned by PaxosApp.
#ifndef BMC_PAXOS_HOST_PROGRAMS_H
#define BMC_PAXOS_HOST_PROGRAMS_H

#include <bpf/libbpf.h>

#include <array>
#include <cstdint>
#include <map>
#include <memory>

#include "apps/paxos/abi/broadcast_abi.h"
#include "apps/paxos/abi/fast_abi.h"
#include "control-plane/config.h"
#include "control-plane/interface_watch.h"
#include "control-plane/mapped_array.h"
#include "control-plane/pins.h"
#include "control-plane/result.h"
#include "control-plane/tc_attachment.h"
#include "control-plane/xdp_attachment.h"

namespace bmc::paxos::host {

using FastCounts = std::array<std::uint64_t, PAXOS_FAST_COUNTER_COUNT>;
using BroadcastCounts = std::array<std::uint64_t, BROADCAST_COUNTER_COUNT>;

// In the order of their use: load(), then attach() for each interface.
class Programs {
 public:
  Programs(Pins& pins, const Config& config);
  ~Programs();
  Programs(const Programs&) = delete;
  Programs& operator=(const Programs&) = delete;

  // All maps, those of an earlier bmcd where they fit, and the program of TC. What ran on maps that do not
  // fit decides nothing any more when this returns. The offloads are off.
  Result<void> load();
  // Whether the maps are an earlier bmcd's; after load().
  bool adopted() const { return adopted_; }

  // The loaded object that has every map: what an image that contains our step shares (share_maps()).
  const bpf_object& object() const;

  // Lent; after load().
  int groups() const;
  int doorbells() const;
  int broadcast_reports() const;  // frozen: may be given to whoever shall read them
  Result<MappedArray<broadcast_group>> broadcast_groups() const;

  // PAXOS_OFFLOAD_ACK and _QUORUM: which of the two the programs do. Nothing before load().
  void set_offloads(std::uint32_t offloads);

  FastCounts fast_counts() const;
  BroadcastCounts broadcast_counts() const;

  // `with_xdp`: also our XDP program; else who composes one attaches it. The interface is up to date.
  Result<void> attach(const Interface& interface, bool with_xdp);
  // The interface is gone: nothing is left to detach.
  void forget(int index);

  const std::map<int, XdpAttachment>& xdp() const { return xdp_; }
  const std::map<int, TcAttachment>& tc() const { return tc_; }

 private:
  struct Objects;

  Result<Pins::Adoption> adopt(bpf_object& object);
  Result<OpenedObject> open_xdp() const;

  Pins& pins_;
  const Config& config_;
  std::unique_ptr<Objects> objects_;
  MappedArray<paxos_control> control_;
  bool adopted_ = false;
  std::map<int, TcAttachment> tc_;    // by interface index
  std::map<int, XdpAttachment> xdp_;  // by interface index
};

// Routes can be asked for by a program only where forwarding is on at lo; packets from outside never arrive
// there.
Result<void> allow_route_lookups();

}  // namespace bmc::paxos::host

#endif
