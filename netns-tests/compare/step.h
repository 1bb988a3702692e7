// SPDX-License-Identifier: Apache-2.0
// One step of a comparison: what is sent to both servers, and how. Made by Generator, executed by Twins.
#ifndef BMC_NETNS_TESTS_COMPARE_STEP_H
#define BMC_NETNS_TESTS_COMPARE_STEP_H

#include <cstdint>
#include <string>
#include <vector>

#include "netns-tests/lib/tcp_client.h"

namespace bmc::compare {

/// The ways into a server; each is a connection (or a UDP socket) to both.
enum class Channel { kText4, kText6, kTextLoopback, kBinary4, kBinary6, kUdp4, kUdp6, kUdpBinary4, kCount };
constexpr size_t kChannels = static_cast<size_t>(Channel::kCount);

inline bool is_udp(Channel channel) { return channel >= Channel::kUdp4 && channel < Channel::kCount; }
inline bool is_binary(Channel channel) {
  return channel == Channel::kBinary4 || channel == Channel::kBinary6 || channel == Channel::kUdpBinary4;
}
const char* to_string(Channel channel);

enum class StepKind {
  kSend,
  kWaitGone,  ///< until both servers say on their own that `keys` have expired or are flushed
  kWaitTick,  ///< until the clocks of both have moved on by two seconds
};

struct Step {
  StepKind kind = StepKind::kSend;
  Channel channel = Channel::kText4;
  std::string bytes{};         ///< commands; for UDP the datagram behind the frame header
  std::string frame_header{};  ///< UDP: other than id, 0, 1, 0 when not empty (2 id bytes are put in front)
  std::vector<size_t> cuts{};  ///< TCP: where segments end
  lab::CutMode mode = lab::CutMode::kBackToBack;
  bool ends_quiet = false;  ///< the last command gives no reply: a barrier must follow
  bool may_hang = false;    ///< malformed: the server may wait for more; then both connections start anew
  std::vector<std::string> keys{};  ///< kWaitGone

  /// For reports: readable, all bytes visible.
  std::string text() const;
};

/// `bytes` with everything unprintable as \r, \n or \xNN; long runs shortened.
std::string visible(std::string_view bytes);

}  // namespace bmc::compare
#endif
