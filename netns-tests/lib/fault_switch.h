// SPDX-License-Identifier: Apache-2.0
// A two-port Ethernet switch in user space that loses, repeats, delays, reorders and corrupts packets.
// Sits on the writers' path of a Lab; owned by it, driven by tests and by the hammer's fault injector.
#ifndef BMC_NETNS_TESTS_FAULT_SWITCH_H
#define BMC_NETNS_TESTS_FAULT_SWITCH_H

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
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
};

enum class Direction { kToServer = 0, kToWriter = 1 };

class FaultSwitch {
 public:
  FaultSwitch(const Netns& netns, const std::string& writer_device, const std::string& server_device,
              uint64_t seed);
  ~FaultSwitch();
  FaultSwitch(const FaultSwitch&) = delete;
  FaultSwitch& operator=(const FaultSwitch&) = delete;

  void set_faults(Direction direction, const PathFaults& faults);
  /// Both directions.
  void set_faults(const PathFaults& faults);
  SwitchCounts counts(Direction direction) const;

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
    Fd socket;  ///< frames come in here
    int out = -1;
    PathFaults faults;
    SwitchCounts counts;
    std::map<uint64_t, uint64_t> packets_of_flow;
    std::vector<Held> held;
    uint64_t forwarded = 0;
  };

  void loop();
  void receive(Port& port);
  void mistreat(Port& port, std::vector<uint8_t> frame);
  void forward(Port& port, const std::vector<uint8_t>& frame);
  void release_due(Port& port, int64_t now);
  int64_t next_release_ns() const;
  void publish_drained(int64_t looked_at_ns);

  uint64_t seed_;
  mutable std::mutex mutex_;
  Port ports_[2];
  int64_t last_look_ns_ = 0;
  std::atomic<int64_t> drained_through_ns_{0};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace bmc::lab

#endif
