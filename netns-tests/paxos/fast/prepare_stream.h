// SPDX-License-Identifier: Apache-2.0
// A leader that sends one backup a PREPARE after the other, in the background, and knows of each who took it:
// the program, which acknowledged it, or the backup's process. Used by tests that change programs under load.
#ifndef BMC_NETNS_TESTS_PAXOS_FAST_PREPARE_STREAM_H
#define BMC_NETNS_TESTS_PAXOS_FAST_PREPARE_STREAM_H

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

#include "apps/paxos/core/types.h"
#include "netns-tests/lib/clock.h"
#include "netns-tests/lib/endpoint.h"
#include "netns-tests/lib/fd.h"
#include "netns-tests/lib/netns.h"
#include "netns-tests/paxos/fast/member.h"

namespace bmc::fast {

class PrepareStream {
 public:
  // From `leader` in `netns` to `backup`, the member's address. The member outlives it.
  PrepareStream(const lab::Netns& netns, const lab::Endpoint& leader, const lab::Endpoint& backup,
                Member& member);
  ~PrepareStream() { stop(); }
  PrepareStream(const PrepareStream&) = delete;
  PrepareStream& operator=(const PrepareStream&) = delete;

  // While nothing is on its way: arms the member's gate, so that the next PREPARE is the first of a term.
  void arm();
  // The same after the member has joined anew.
  void rejoin(const std::string& socket_path);
  // After it, nothing is on its way.
  void stop();

  std::uint64_t acknowledged() const { return acknowledged_; }  // by the program
  std::uint64_t delivered() const { return delivered_; }        // to the process
  std::uint64_t lost() const { return lost_; }
  bool wait_acknowledged(std::uint64_t more, lab::Deadline deadline) const;
  bool wait_delivered(std::uint64_t more, lab::Deadline deadline) const;

 private:
  void loop();
  void exchange();
  void arm_gate();

  const lab::Endpoint leader_;
  const lab::Endpoint backup_;
  Member& member_;
  lab::Fd socket_;
  std::mutex exchange_;    // held while one is on its way
  paxos::Op last_;         // of what was sent
  bool is_armed_ = false;  // at some time: before, there is no memory to take from
  std::atomic<bool> stop_{false};
  std::atomic<std::uint64_t> acknowledged_{0}, delivered_{0}, lost_{0};
  std::thread thread_;
};

}  // namespace bmc::fast

#endif
