// SPDX-License-Identifier: Apache-2.0
// Packet sockets on two veth ends and a timer queue; see fault_switch.h.
#include "netns-tests/lib/fault_switch.h"

#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <limits>

#include "netns-tests/lib/frame.h"
#include "netns-tests/lib/lab_error.h"
#include "netns-tests/lib/netns.h"
#include "netns-tests/lib/random.h"

namespace bmc::lab {
namespace {

constexpr int kReceiveBuffer = 16 << 20;
constexpr int64_t kReorderHold = 20 * kMillisecond;
constexpr uint64_t kOnlyByTime = std::numeric_limits<uint64_t>::max();

Fd open_port(const Netns& netns, const std::string& device) {
  const ScopedNetns inside(netns);
  return open_packet_socket(device, kReceiveBuffer);
}

}  // namespace

FaultSwitch::FaultSwitch(const Netns& netns, const std::string& writer_device,
                         const std::string& server_device, uint64_t seed)
    : seed_(seed) {
  ports_[0].socket = open_port(netns, writer_device);
  ports_[1].socket = open_port(netns, server_device);
  ports_[0].out = ports_[1].socket.get();
  ports_[1].out = ports_[0].socket.get();
  thread_ = std::thread([this] { loop(); });
}

FaultSwitch::~FaultSwitch() {
  stop_ = true;
  thread_.join();
}

void FaultSwitch::set_faults(Direction direction, const PathFaults& faults) {
  const std::lock_guard lock(mutex_);
  ports_[static_cast<int>(direction)].faults = faults;
}

void FaultSwitch::set_faults(const PathFaults& faults) {
  set_faults(Direction::kToServer, faults);
  set_faults(Direction::kToWriter, faults);
}

SwitchCounts FaultSwitch::counts(Direction direction) const {
  const std::lock_guard lock(mutex_);
  return ports_[static_cast<int>(direction)].counts;
}

bool FaultSwitch::wait_drained(Deadline deadline) const {
  const int64_t asked = now_ns();
  return eventually(deadline, [&] { return drained_through_ns_.load() >= asked; });
}

void FaultSwitch::loop() {
  pollfd polled[2] = {{ports_[0].socket.get(), POLLIN, 0}, {ports_[1].socket.get(), POLLIN, 0}};
  int64_t wake_ns = 0;
  while (!stop_) {
    const int64_t wait = std::clamp<int64_t>(wake_ns - now_ns(), 0, 5 * kMillisecond);
    const timespec timeout{0, wait};
    ppoll(polled, 2, &timeout, nullptr);
    const std::lock_guard lock(mutex_);
    const int64_t now = now_ns();
    for (auto& port : ports_) {
      receive(port);
      release_due(port, now);
    }
    publish_drained(now);
    wake_ns = next_release_ns();
  }
}

void FaultSwitch::receive(Port& port) {
  uint8_t buffer[65536];
  for (;;) {
    const ssize_t length = recv(port.socket.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
    if (length <= 0) return;
    mistreat(port, std::vector<uint8_t>(buffer, buffer + length));
    release_due(port, now_ns());
  }
}

void FaultSwitch::mistreat(Port& port, std::vector<uint8_t> frame) {
  const FrameView view = view_frame(frame);
  const PathFaults& faults = port.faults;
  const bool tcp = view.protocol == IPPROTO_TCP;
  const bool harmed = tcp || (view.protocol == IPPROTO_UDP && faults.udp);
  if (!harmed) return forward(port, frame);

  const uint64_t nth = port.packets_of_flow[view.flow]++;
  const uint64_t direction = static_cast<uint64_t>(&port - ports_);
  Random random(mix64(seed_ ^ mix64(view.flow)) ^ mix64(nth * 2 + direction));
  if (random.chance(faults.drop)) {
    ++port.counts.dropped;
    return;
  }
  if (random.chance(faults.corrupt) && view.payload_length > 0) {
    const size_t bit = random.below(view.payload_length * 8);
    frame[view.payload_offset + bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
    ++port.counts.corrupted;
  }
  const int64_t now = now_ns();
  const auto later = [&] { return now + random.between(0, faults.delay_ms_max * kMillisecond); };
  if (random.chance(faults.duplicate) && (tcp || faults.duplicate_udp)) {
    ++port.counts.duplicated;
    port.held.push_back({frame, last_look_ns_, later(), kOnlyByTime});
  }
  if (random.chance(faults.delay)) {
    ++port.counts.delayed;
    port.held.push_back({std::move(frame), last_look_ns_, later(), kOnlyByTime});
  } else if (random.chance(faults.reorder)) {
    ++port.counts.reordered;
    const uint64_t after = port.forwarded + 1 + random.below(8);
    port.held.push_back({std::move(frame), last_look_ns_, now + kReorderHold, after});
  } else {
    forward(port, frame);
  }
}

void FaultSwitch::forward(Port& port, const std::vector<uint8_t>& frame) {
  if (send(port.out, frame.data(), frame.size(), 0) < 0) {
    ++port.counts.refused;
    return;
  }
  ++port.forwarded;
  ++port.counts.forwarded;
}

void FaultSwitch::release_due(Port& port, int64_t now) {
  for (size_t i = 0; i < port.held.size();) {
    const Held& held = port.held[i];
    if (held.release_ns > now && held.release_count > port.forwarded) {
      ++i;
      continue;
    }
    forward(port, held.frame);
    port.held.erase(port.held.begin() + static_cast<ptrdiff_t>(i));
  }
}

int64_t FaultSwitch::next_release_ns() const {
  int64_t next = std::numeric_limits<int64_t>::max();
  for (const auto& port : ports_)
    for (const auto& held : port.held) next = std::min(next, held.release_ns);
  return next;
}

/// Everything that arrived before `looked_at_ns` has been read; what is still held limits the claim.
void FaultSwitch::publish_drained(int64_t looked_at_ns) {
  int64_t through = looked_at_ns;
  for (const auto& port : ports_)
    for (const auto& held : port.held) through = std::min(through, held.arrival_ns - 1);
  drained_through_ns_ = through;
  last_look_ns_ = looked_at_ns;
}

}  // namespace bmc::lab
