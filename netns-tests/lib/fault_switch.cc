// SPDX-License-Identifier: Apache-2.0
// Packet sockets on veth ends and a timer queue; see fault_switch.h.
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

uint64_t mac_at(const std::vector<uint8_t>& frame, size_t offset) {
  uint64_t mac = 0;
  for (size_t i = 0; i < ETH_ALEN; ++i) mac = mac << 8 | frame[offset + i];
  return mac;
}

}  // namespace

FaultSwitch::FaultSwitch(const Netns& netns, const std::vector<std::string>& devices, uint64_t seed)
    : seed_(seed), ports_(devices.size()) {
  for (size_t i = 0; i < devices.size(); ++i) {
    ports_[i].socket = open_port(netns, devices[i]);
    ports_[i].blocked.assign(devices.size(), false);
    ports_[i].blocked[i] = true;
  }
  thread_ = std::thread([this] { loop(); });
}

FaultSwitch::~FaultSwitch() {
  stop_ = true;
  thread_.join();
}

void FaultSwitch::set_faults(size_t port, const PathFaults& faults) {
  const std::lock_guard lock(mutex_);
  ports_.at(port).faults = faults;
}

void FaultSwitch::set_faults(const PathFaults& faults) {
  for (size_t port = 0; port < ports_.size(); ++port) set_faults(port, faults);
}

void FaultSwitch::set_blocked(size_t from, size_t to, bool blocked) {
  const std::lock_guard lock(mutex_);
  if (from != to) ports_.at(from).blocked.at(to) = blocked;
}

SwitchCounts FaultSwitch::counts(size_t port) const {
  const std::lock_guard lock(mutex_);
  return ports_.at(port).counts;
}

bool FaultSwitch::wait_drained(Deadline deadline) const {
  const int64_t asked = now_ns();
  return eventually(deadline, [&] { return drained_through_ns_.load() >= asked; });
}

void FaultSwitch::loop() {
  std::vector<pollfd> polled;
  for (const auto& port : ports_) polled.push_back({port.socket.get(), POLLIN, 0});
  int64_t wake_ns = 0;
  while (!stop_) {
    const int64_t wait = std::clamp<int64_t>(wake_ns - now_ns(), 0, 5 * kMillisecond);
    const timespec timeout{0, wait};
    ppoll(polled.data(), polled.size(), &timeout, nullptr);
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
  Random random(mix64(seed_ ^ mix64(view.flow)) ^ mix64(nth * ports_.size() + number_of(port)));
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
  if (frame.size() < ETH_HLEN) return;
  port_of_mac_[mac_at(frame, ETH_ALEN)] = number_of(port);
  const bool group = (frame[0] & 1) != 0;
  const auto known = group ? port_of_mac_.end() : port_of_mac_.find(mac_at(frame, 0));
  if (known != port_of_mac_.end()) return send_out(port, known->second, frame);
  for (size_t to = 0; to < ports_.size(); ++to)
    if (to != number_of(port)) send_out(port, to, frame);
}

void FaultSwitch::send_out(Port& port, size_t to, const std::vector<uint8_t>& frame) {
  if (port.blocked[to]) {
    ++port.counts.blocked;
    return;
  }
  if (send(ports_[to].socket.get(), frame.data(), frame.size(), 0) < 0) {
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
