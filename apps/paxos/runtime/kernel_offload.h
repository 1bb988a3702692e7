// SPDX-License-Identifier: Apache-2.0
// The kernel programs' help as a replica has it at the moment: the fence that its core has for good, and
// behind it what bmcd gives, switches and gives anew. Used by Node; everything is called under the monitor's
// lock, the handlers too.
#ifndef BMC_PAXOS_RUNTIME_KERNEL_OFFLOAD_H
#define BMC_PAXOS_RUNTIME_KERNEL_OFFLOAD_H

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "apps/paxos/fastpath/accelerator.h"
#include "apps/paxos/fastpath/switched_fence.h"
#include "apps/paxos/include/bmc/paxos/replica.h"
#include "apps/paxos/runtime/kernel_link.h"
#include "apps/paxos/runtime/kernel_memory.h"
#include "apps/paxos/runtime/monitor.h"

namespace bmc::paxos::runtime {

struct KernelHandlers {
  // The core takes back what was accepted outside of it: ReplicaCore::on_fence_changes().
  std::function<void()> changing;
  // Another accelerator, or none, is behind the fence: time to act.
  std::function<void()> changed;
  // The programs have news: ReplicaCore::on_accelerated(), and to act.
  std::function<void()> news;
  // Broadcasts can be had, by this; or no more (reports < 0).
  std::function<void(const BroadcastOffload&)> broadcasts;
};

class KernelOffload {
 public:
  // `options` are valid and name a socket.
  KernelOffload(boost::asio::any_io_executor executor, std::shared_ptr<Monitor> monitor,
                const Options& options, KernelHandlers handlers);

  // For the core, which does not outlive it.
  Fence* fence() { return &fence_; }

  // Asks bmcd. `udp_socket`: of this replica, bound.
  void start(int udp_socket);
  // For good, before the core ends: it takes back what was accepted, and gets no help any more.
  void stop();

  // Before a burst of calls of the core: until rest() news come without the doorbell.
  void stay_awake();
  // After it; `commit`: the core's. False: there are news, to be acted upon before it rests. `is_waited_for`:
  // as Accelerator says. `is_polling`: it will not sleep.
  bool rest(Op commit, bool is_waited_for, bool is_polling);
  // In place of resting: calls for news() when others have had their turn.
  void call_for_news();
  // As Accelerator::next_piece().
  bool next_piece() { return accelerator_ && accelerator_->next_piece(); }
  // Of who polls: whether there are news.
  bool has_news(Op commit);

  // All but broadcasts, which the transport knows of.
  KernelHelp help() const;
  void count(std::vector<Counter>& all) const;

 private:
  void take(KernelGrant grant);
  void switch_to(std::uint32_t offloads);
  void exchange(std::unique_ptr<KernelMemory> memory, std::uint32_t offloads);
  void tell_broadcasts();
  void watch(Fd doorbell);
  void wait_bell();
  void say(const std::string& text) const;

  const boost::asio::any_io_executor executor_;
  const std::shared_ptr<Monitor> monitor_;
  const std::function<void(std::string_view)> log_;
  const KernelHandlers handlers_;
  const AcceleratorOptions accelerator_options_;  // all but what it does

  // In the order of use: the accelerator works in the memory, the fence forwards to the accelerator.
  std::unique_ptr<KernelMemory> memory_;    // null: bmcd has given none yet
  std::optional<Accelerator> accelerator_;  // there is one whenever there is memory: it has frozen it
  SwitchedFence fence_;
  std::optional<boost::asio::posix::stream_descriptor> bell_;
  std::uint64_t bells_ = 0;  // which of them a handler belongs to
  Fd reports_;
  bool has_broadcasts_ = false;  // as told
  std::uint8_t broadcast_group_ = 0;
  std::uint32_t offloads_ = 0;  // PAXOS_OFFLOAD_...: that are on
  bool is_called_ = false;      // news() is under way

  KernelLink link_;
  std::uint64_t rung_ = 0, looked_ = 0;
};

}  // namespace bmc::paxos::runtime

#endif
