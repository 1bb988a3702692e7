// SPDX-License-Identifier: Apache-2.0
// What a message to several replicas costs its sender, by three ways. Used by the benchmark's program.
#ifndef BMC_NETNS_TESTS_PAXOS_BROADCAST_BENCH_MEASUREMENT_H
#define BMC_NETNS_TESTS_PAXOS_BROADCAST_BENCH_MEASUREMENT_H

#include <array>
#include <memory>
#include <string>
#include <vector>

namespace bmc::bench {

// sendto(): a system call for each recipient. sendmmsg(): one, of which each recipient costs a walk through
// the stack, as the library sends without the offload. broadcast: one datagram, copied at TC egress.
enum Way : std::size_t { kSendto, kSendmmsg, kBroadcast, kWays };
inline constexpr const char* kWayNames[kWays] = {"sendto", "sendmmsg", "broadcast"};

struct BroadcastCase {
  std::size_t recipients = 0;
  std::size_t bytes = 0;  // of UDP payload
  bool v6 = false;
  std::array<std::vector<double>, kWays> runs{};  // processor time of the sender per message, in ns

  std::string name() const;  // "broadcast.4.112.ipv4"
  double median_ns(Way way) const;
  // Of this way's time to another's: the median of the pairs that were measured one after the other.
  double ratio(Way way, Way to) const;
  std::size_t system_calls(Way way) const { return way == kSendto ? recipients : 1; }
};

// A sender whose interface (ifb) swallows everything, so that nothing is measured but sending.
class Sender {
 public:
  // At most `recipients_max` recipients. Throws lab::LabError.
  Sender(std::size_t recipients_max, bool v6);
  ~Sender();
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  // All ways in turn, `messages` each; adds a run to each. Throws lab::LabError when a message did not leave
  // for all.
  void measure(BroadcastCase& into, std::size_t messages);

 private:
  struct State;
  double send(Way way, const BroadcastCase& of, std::size_t messages);
  std::unique_ptr<State> state_;
};

std::string table(const std::vector<BroadcastCase>& cases);
// {"machine":{…},"benchmarks":[{"name","unit",…}]} in one line.
std::string json(const std::vector<BroadcastCase>& cases);

}  // namespace bmc::bench

#endif
