// SPDX-License-Identifier: Apache-2.0
// See injector.h.
#include "netns-tests/hammer/injector.h"

#include <cstdio>
#include <fstream>
#include <sstream>

#include "netns-tests/lib/lab_error.h"
#include "netns-tests/lib/udp_client.h"

namespace bmc::hammer {
namespace {

using lab::kMillisecond;
using lab::kSecond;

/// UdpRcvbufErrors of the namespace, IPv4 and IPv6 together.
uint64_t receive_buffer_errors(const lab::Netns& netns) {
  const lab::ScopedNetns inside(netns);
  uint64_t sum = 0;
  std::ifstream v4("/proc/thread-self/net/snmp");
  std::string names;
  for (std::string line; std::getline(v4, line);) {
    if (!line.starts_with("Udp: ")) continue;
    if (names.empty()) {
      names = line;
      continue;
    }
    std::istringstream name(names);
    std::istringstream value(line);
    for (std::string n, v; name >> n && value >> v;)
      if (n == "RcvbufErrors") sum += std::stoull(v);
  }
  std::ifstream v6("/proc/thread-self/net/snmp6");
  for (std::string name, value; v6 >> name >> value;)
    if (name == "Udp6RcvbufErrors") sum += std::stoull(value);
  return sum;
}

}  // namespace

Injector::Injector(const HammerOptions& options, lab::Lab& lab, lab::Memcached& memcached, lab::Bmcd* bmcd,
                   Board& board, std::function<void(const lab::Link&)> on_interface)
    : options_(options),
      lab_(lab),
      memcached_(memcached),
      bmcd_(bmcd),
      board_(board),
      on_interface_(std::move(on_interface)),
      random_(lab::mix64(options.seed ^ 0xfa017)) {
  for (const Fault fault : options.faults) {
    const bool writers_do_it = fault == Fault::kReset || fault == Fault::kNoreply;
    const bool needs_bmcd =
        fault == Fault::kBmcdKill || fault == Fault::kBmcdRestart || fault == Fault::kMode;
    if (!writers_do_it && (!needs_bmcd || bmcd_ != nullptr)) timed_.push_back(fault);
  }
}

void Injector::run() {
  // Bursts, for faults that meet each other, and calm between them, in which bmcd is sure again and serves.
  uint64_t burst = 0;
  while (!board_.stopping()) {
    const bool calm = bmcd_ != nullptr && burst == 0;
    board_.pause((calm ? random_.between(8000, 14'000) : random_.between(100, 500)) * kMillisecond);
    if (timed_.empty() || board_.stopping()) continue;
    burst = burst == 0 ? random_.between(0, 5) : burst - 1;
    inject(timed_[random_.below(timed_.size())]);
  }
  lab_.fault_switch().set_faults({});
}

void Injector::inject(Fault fault) {
  switch (fault) {
    case Fault::kStop:
      return stop_memcached();
    case Fault::kKill:
      return kill_memcached();
    case Fault::kBmcdRestart:
    case Fault::kBmcdKill:
      return restart_bmcd(fault == Fault::kBmcdKill);
    case Fault::kNetwork:
      return change_network();
    case Fault::kOverflow:
      return overflow_queue();
    case Fault::kFlush:
      return random_.chance(0.3) ? flush_later() : flush();
    case Fault::kMode:
      return switch_mode();
    case Fault::kInterface:
      return add_interface();
    case Fault::kReset:
    case Fault::kNoreply:
      return;
  }
}

void Injector::log(const std::string& text) const {
  if (options_.verbose)
    std::fprintf(stderr, "%.3f %s\n", static_cast<double>(lab::now_ns()) / 1e9, text.c_str());
}

void Injector::stop_memcached() {
  const int64_t length = random_.chance(0.1) ? 3000 : random_.between(20, 500);
  log("memcached stopped for " + std::to_string(length) + " ms");
  ++board_.statistics.freezes;
  board_.set_frozen(true);
  memcached_.freeze();
  board_.pause(length * kMillisecond);
  memcached_.thaw();
  board_.set_frozen(false);
}

void Injector::kill_memcached() {
  const bool same_pid = random_.chance(0.3);
  log(std::string("memcached killed, comes back under ") + (same_pid ? "the same pid" : "another pid"));
  ++board_.statistics.kills;
  const auto excused = begin_clearing();
  board_.set_down();
  memcached_.kill_hard();
  // From here on nothing it ever held may be answered.
  end_clearing(begin_clearing());
  if (random_.chance(0.5)) board_.pause(random_.between(0, 300) * kMillisecond);
  memcached_.start_again(same_pid);
  board_.set_up();
  end_clearing(excused);
}

void Injector::restart_bmcd(bool hard) {
  log(hard ? "bmcd killed" : "bmcd restarted");
  if (hard) {
    ++board_.statistics.bmcd_kills;
    bmcd_->kill_hard();
    board_.pause(random_.between(0, 3000) * kMillisecond);
  } else {
    ++board_.statistics.bmcd_restarts;
    if (!bmcd_->stop()) throw lab::LabError("bmcd does not end: " + bmcd_->process().output());
  }
  bmcd_->start_again();
}

void Injector::change_network() {
  ++board_.statistics.network_changes;
  lab::PathFaults faults;
  if (random_.chance(0.7)) {
    faults.drop = random_.chance(0.5) ? 0.02 : 0;
    faults.duplicate = random_.chance(0.5) ? 0.05 : 0;
    faults.reorder = random_.chance(0.7) ? 0.1 : 0;
    faults.delay = random_.chance(0.5) ? 0.1 : 0;
    faults.corrupt = random_.chance(0.3) ? 0.01 : 0;
    faults.delay_ms_max = 10;
  }
  log("network: drop " + std::to_string(faults.drop) + ", reorder " + std::to_string(faults.reorder));
  lab_.fault_switch().set_faults(faults);
}

void Injector::overflow_queue() {
  log("UDP queue overflows");
  ++board_.statistics.overflows;
  const uint64_t before = receive_buffer_errors(lab_.server());
  board_.set_frozen(true);
  memcached_.freeze();
  lab::UdpClient flood(lab_.client(), lab_.link().server(random_.chance(0.5)));
  const std::string text = "get " + std::string(200, 'f') + "\r\n";
  for (int i = 0; i < 20'000 && receive_buffer_errors(lab_.server()) == before; ++i)
    for (int burst = 0; burst < 50; ++burst) flood.send(flood.next_id(), text);
  if (receive_buffer_errors(lab_.server()) == before) throw lab::LabError("the UDP queue does not overflow");
  // The writers go on meanwhile: their datagrams are lost for good, or wait in the queue.
  board_.pause(random_.between(50, 400) * kMillisecond);
  memcached_.thaw();
  board_.set_frozen(false);
}

std::vector<uint64_t> Injector::begin_clearing() {
  std::vector<uint64_t> floors;
  for (size_t i = 0; i < board_.key_count(); ++i) floors.push_back(board_.key(i).oracle.begin_clearing());
  return floors;
}

void Injector::end_clearing(const std::vector<uint64_t>& floors) {
  for (size_t i = 0; i < board_.key_count(); ++i) board_.key(i).oracle.end_clearing(floors[i]);
}

void Injector::command(const std::string& line, const std::string& expected) {
  const bool local = random_.chance(0.5);
  lab::TcpClient client(local ? lab_.server() : lab_.client(),
                        local ? memcached_.loopback() : lab_.link().server(random_.chance(0.5)));
  const auto reply = client.command(line);
  if (reply != expected) throw lab::LabError("no answer to " + line);
}

void Injector::flush() {
  log("flush_all");
  ++board_.statistics.flushes;
  const auto floors = begin_clearing();
  command("flush_all\r\n", "OK\r\n");
  end_clearing(floors);
}

/// flush_all with a delay; waits for its time, since another flush would replace it.
void Injector::flush_later() {
  if (!board_.clocks_reliable()) return;
  log("flush_all 2");
  ++board_.statistics.delayed_flushes;
  const auto floors = begin_clearing();
  command("flush_all 2\r\n", "OK\r\n");
  const int64_t acted_ns = (lab::now_ns() / kSecond + 3) * kSecond + 500 * kMillisecond;
  board_.pause(acted_ns - lab::now_ns());
  end_clearing(floors);
}

void Injector::switch_mode() {
  ++board_.statistics.mode_switches;
  for (const std::string& mode :
       {std::string(random_.chance(0.5) ? "shadow" : "bypass"), std::string("serve")}) {
    log("mode " + mode);
    const auto result = bmcd_->ctl({"mode", mode});
    if (result.exit_code != 0) throw lab::LabError("bmcctl mode: " + result.output);
    board_.pause(random_.between(10, 500) * kMillisecond);
  }
}

void Injector::add_interface() {
  if (interface_added_) return;
  interface_added_ = true;
  log("another interface");
  ++board_.statistics.interfaces;
  on_interface_(lab_.add_link());
}

}  // namespace bmc::hammer
