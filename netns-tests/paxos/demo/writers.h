// SPDX-License-Identifier: Apache-2.0
// Clients that write one new key after the other and remember which writes were acknowledged, and when. Used
// by the demonstration.
#ifndef BMC_NETNS_TESTS_PAXOS_DEMO_WRITERS_H
#define BMC_NETNS_TESTS_PAXOS_DEMO_WRITERS_H

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "netns-tests/lib/tcp_client.h"
#include "netns-tests/paxos/cluster/kv_cluster.h"

namespace bmc::demo {

class Writers {
 public:
  // Starts them. `cluster` must outlive it.
  Writers(const cluster::KvCluster& cluster, std::size_t count);
  ~Writers();
  Writers(const Writers&) = delete;
  Writers& operator=(const Writers&) = delete;

  std::uint64_t acknowledged() const { return acknowledged_; }
  // Writes acknowledged from `from_ns` to `to_ns`, in order of time.
  std::vector<std::int64_t> acknowledgements(std::int64_t from_ns, std::int64_t to_ns) const;
  // Waits until one is acknowledged that was sent after the call.
  bool wait_for_service(lab::Deadline deadline) const;

  // Ends and joins them.
  void stop();
  // After stop(): writes without an answer.
  std::uint64_t unknown() const;
  // After stop(): the keys of acknowledged writes that `replica` does not tell, or tells wrongly.
  std::vector<std::string> lost(std::size_t replica) const;

 private:
  struct Write {
    std::int64_t sent_ns;
    std::int64_t acknowledged_ns;  // 0: not
  };
  struct Writer {
    std::size_t number;
    mutable std::mutex mutex;
    std::vector<Write> writes;  // the nth is of key (writer, n)
  };

  void write(Writer& writer);
  // Whether the server tells the acknowledged ones of the writes [begin, end).
  static bool tells(lab::TcpClient& socket, const Writer& writer, std::size_t begin, std::size_t end);
  static std::string key_of(const Writer& writer, std::size_t number);
  static std::string value_of(std::size_t number);

  const cluster::KvCluster& cluster_;
  std::atomic<std::uint64_t> acknowledged_{0};
  std::atomic<bool> stop_{false};
  std::vector<std::unique_ptr<Writer>> writers_;
  std::vector<std::thread> threads_;
};

}  // namespace bmc::demo

#endif
