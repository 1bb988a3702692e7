// SPDX-License-Identifier: Apache-2.0
// bmcd's end of the join socket for tests: answers in a thread of its own, as it is told, with memory that no
// program works in (files in memory: the tests need no privilege).
#ifndef BMC_PAXOS_RUNTIME_TESTS_FAKE_BMCD_H
#define BMC_PAXOS_RUNTIME_TESTS_FAKE_BMCD_H

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "apps/paxos/abi/broadcast_abi.h"
#include "apps/paxos/abi/join_abi.h"
#include "apps/paxos/runtime/kernel_memory.h"
#include "control-plane/fd.h"

namespace bmc::paxos::runtime {

// One replica's group and doorbell.
class FakeMemory {
 public:
  FakeMemory();
  int group() const { return group_.get(); }
  int doorbell() const { return doorbell_.get(); }
  paxos_cells& cells() const { return mapped_->at<paxos_group>(0)->cells; }
  // Of the doorbell: consumer's and producer's position, and the records.
  __u64& consumer() const { return *bell_->at<__u64>(0); }
  __u64& producer() const { return *bell_->at<__u64>(4096); }
  __u32& record(std::size_t at) const { return *bell_->at<__u32>(8192 + at); }

  bool is_armed() const { return shared_load(&cells().gate) & PAXOS_ARMED; }
  bool leads() const { return shared_load(&cells().leader_gate) & PAXOS_ARMED; }
  std::uint64_t generation() const { return PAXOS_GENERATION(shared_load(&cells().gate)); }

 private:
  Fd group_, doorbell_;
  std::unique_ptr<Mapping> mapped_, bell_;
};

// What a request is answered with.
struct FakeAnswer {
  paxos_join_reply reply;
  std::size_t bytes = sizeof(paxos_join_reply);
  std::vector<int> descriptors = {};  // lent
  bool hangs_up = false;              // afterwards; with no bytes: in place of an answer
};

class FakeBmcd {
 public:
  explicit FakeBmcd(std::string path);
  ~FakeBmcd();

  static paxos_join_reply reply(std::uint32_t offloads);
  // Of the next request; else: granted, all offloads but broadcasts, and memory() of its address.
  void answer_next(FakeAnswer answer);
  // Where this replica's requests get their memory from.
  FakeMemory& memory(std::uint16_t port);
  void forget_memory(std::uint16_t port);  // a new one is made; the old one stays for whoever has it
  // To all connections.
  void tell(std::uint32_t offloads);
  void tell(const std::string& bytes);
  void hang_up();

  struct Request {
    paxos_join_request request;
    std::uint16_t socket_port = 0;  // of the descriptor that came with it
  };
  std::vector<Request> requests();

 private:
  void run();
  void accept();
  void serve(std::size_t index);
  void answer(int connection, const Request& request);
  static void send(int connection, const void* bytes, std::size_t size, const std::vector<int>& descriptors);

  Fd listener_, stop_;
  std::string path_;
  std::mutex mutex_;
  std::vector<Fd> connections_;
  std::deque<FakeAnswer> answers_;
  std::map<std::uint16_t, std::vector<std::unique_ptr<FakeMemory>>> memories_;
  std::vector<Request> requests_;
  std::thread thread_;
};

}  // namespace bmc::paxos::runtime

#endif
