// SPDX-License-Identifier: Apache-2.0
// The connection to bmcd (abi/join_abi.h): asks for the kernel programs' help in this replica's name, takes
// the answer and what is told later, and asks again when it breaks. Knows nothing of what is done with it.
// Used by KernelOffload; everything is called under the monitor's lock, the handlers too.
#ifndef BMC_PAXOS_RUNTIME_KERNEL_LINK_H
#define BMC_PAXOS_RUNTIME_KERNEL_LINK_H

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "apps/paxos/abi/join_abi.h"
#include "apps/paxos/include/bmc/paxos/error.h"
#include "apps/paxos/runtime/endpoint.h"
#include "apps/paxos/runtime/kernel_message.h"
#include "apps/paxos/runtime/monitor.h"

namespace bmc::paxos::runtime {

struct KernelLinkCounters {
  std::uint64_t granted = 0;  // requests
  std::uint64_t refused = 0;  // by bmcd, or its answer was not one
  std::uint64_t lost = 0;     // connections that had been granted
};

class KernelLink {
 public:
  struct Handlers {
    std::function<void(KernelGrant)> granted;
    std::function<void(std::uint32_t offloads)> switched;  // after a grant
    std::function<void(std::string_view)> log;             // one sentence
  };

  KernelLink(boost::asio::any_io_executor executor, std::shared_ptr<Monitor> monitor, std::string path,
             const paxos_join_request& request, Handlers handlers);

  // Asks for the first time; waits so long for the answer, which otherwise comes to the handlers later.
  // `udp_socket` is bound, and outlives this.
  void start(int udp_socket, std::chrono::milliseconds patience);

  bool is_granted() const { return is_granted_; }
  const KernelLinkCounters& counters() const { return counters_; }

 private:
  void ask();
  Result<void> connect();
  void wait_readable();
  void wait_answer();
  void receive();
  bool take(KernelMessage message);
  void lose(const std::string& sentence);
  void say(const std::string& sentence);

  const boost::asio::any_io_executor executor_;
  const std::shared_ptr<Monitor> monitor_;
  const std::string path_;
  const paxos_join_request request_;
  const Handlers handlers_;
  int udp_socket_ = -1;
  std::optional<boost::asio::posix::stream_descriptor> socket_;  // none: not connected
  boost::asio::steady_timer timer_;  // until bmcd must have answered, or is asked again
  std::uint64_t attempts_ = 0;       // which of them a handler belongs to
  bool is_granted_ = false;
  std::chrono::milliseconds pause_;  // before the next attempt
  std::string said_;                 // not again and again
  KernelLinkCounters counters_;
};

}  // namespace bmc::paxos::runtime

#endif
