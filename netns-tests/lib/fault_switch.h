// SPDX-License-Identifier: Apache-2.0
// An Ethernet switch in user space that loses, repeats, delays, reorders and corrupts packets, and cuts ports
// off from each other. Sits on the writers' path of a Lab (two ports) and between the replicas of a Paxos
// cluster; driven by tests, the hammer's fault injector and the nemesis.
#ifndef BMC_NETNS_TESTS_FAULT_SWITCH_H
#define BMC_NETNS_TESTS_FAULT_SWITCH_H

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "netns-tests/lib/clock.h"
#include "netns-tests/lib/fd.h"

namespace bmc::lab {

class Netns;

/// Probabilities, each per packet. What the nth packet of a flow suffers depends only on seed, flow and n.
struct PathFaults {
  double drop = 0;
  double duplicate = 0;
  double reorder = 0;  ///< held until up to 8 later packets of its direction went by, or 20 ms
  double delay = 0;    ///< for up to delay_ms_max
  double corrupt = 0;  ///< one payload bit flipped, checksums left as they were
  int64_t delay_ms_max = 20;
  bool udp = true;             ///< false: UDP passes unharmed
  bool duplicate_udp = false;  ///< a repeated UDP write may legally take effect much later: ask for it
};

struct SwitchCounts {
  uint64_t forwarded = 0, dropped = 0, duplicated = 0, reordered = 0, delayed = 0, corrupted = 0;
  uint64_t refused = 0;  ///< the kernel would not take a frame (longer than the MTU, no buffer)
  uint64_t blocked = 0;  ///< there was no way from its port to the other
};

/// Of a switch of two ports: the number of the port where its packets come in.
enum class Direction { kToServer = 0, kToWriter = 1 };

/// Port i is devices[i]. Learns who is behind which port, and floods what it does not know.
class FaultSwitch {
 public:
  FaultSwitch(const Netns& netns, const std::vector<std::string>& devices, uint64_t seed);
  ~FaultSwitch();
  FaultSwitch(const FaultSwitch&) = delete;
  FaultSwitch& operator=(const FaultSwitch&) = delete;

  /// Of packets that come in at `port`.
  void set_faults(size_t port, const PathFaults& faults);
  void set_faults(Direction direction, const PathFaults& faults) {
    set_faults(static_cast<size_t>(direction), faults);
  }
  /// Of all packets.
  void set_faults(const PathFaults& faults);

  /// Whether packets that came in at `from` may leave at `to`; the way back is another matter.
  void set_blocked(size_t from, size_t to, bool blocked);

  SwitchCounts counts(size_t port) const;
  SwitchCounts counts(Direction direction) const { return counts(static_cast<size_t>(direction)); }

  /// Waits until every packet that entered before the call has left (or was dropped).
  bool wait_drained(Deadline deadline) const;

 private:
  struct Held {
    std::vector<uint8_t> frame;
    int64_t arrival_ns;      ///< not before this: the look before the one that found it
    int64_t release_ns;      ///< at the latest
    uint64_t release_count;  ///< or when the port has forwarded this many; UINT64_MAX: only by time
  };
  struct Port {
    Fd socket;
    PathFaults faults;
    SwitchCounts counts;
    std::vector<bool> blocked;  ///< the ports that its packets do not reach
    std::map<uint64_t, uint64_t> packets_of_flow;
    std::vector<Held> held;
    uint64_t forwarded = 0;
  };

  void loop();
  void receive(Port& port);
  void mistreat(Port& port, std::vector<uint8_t> frame);
  void forward(Port& port, const std::vector<uint8_t>& frame);
  void send_out(Port& port, size_t to, const std::vector<uint8_t>& frame);
  size_t number_of(const Port& port) const { return static_cast<size_t>(&port - ports_.data()); }
  void release_due(Port& port, int64_t now);
  int64_t next_release_ns() const;
  void publish_drained(int64_t looked_at_ns);

  uint64_t seed_;
  mutable std::mutex mutex_;
  std::vector<Port> ports_;
  std::unordered_map<uint64_t, size_t> port_of_mac_;
  int64_t last_look_ns_ = 0;
  std::atomic<int64_t> drained_through_ns_{0};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace bmc::lab

#endif
