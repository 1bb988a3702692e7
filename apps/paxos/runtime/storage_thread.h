// SPDX-License-Identifier: Apache-2.0
// The thread that writes: all that has piled up while it waited for the disk goes into one write and one sync
// (group commit). A disk that fails ends the process, because nobody knows what is durable then.
#ifndef BMC_PAXOS_RUNTIME_STORAGE_THREAD_H
#define BMC_PAXOS_RUNTIME_STORAGE_THREAD_H

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "apps/paxos/core/effects.h"
#include "apps/paxos/storage/replica_store.h"

namespace bmc::paxos::runtime {

class StorageThread {
 public:
  struct Counters {
    std::uint64_t writes = 0;  // of one or more stores each
    std::uint64_t stores = 0;
  };

  // `store` and `disk` belong to the thread from now on. `durable` is called on the thread with the number of
  // the last store that is durable; it must not block.
  StorageThread(std::unique_ptr<Disk> disk, std::unique_ptr<ReplicaStore> store,
                std::function<void(std::uint64_t number)> durable);
  ~StorageThread();  // finish()
  StorageThread(const StorageThread&) = delete;
  StorageThread& operator=(const StorageThread&) = delete;

  // Does not wait.
  void push(std::vector<Store> stores);

  // Returns when all that was pushed is durable. Then push() writes at once, on the caller's thread, and
  // `durable` is called no more.
  void finish();

  Counters counters() const;

 private:
  void run();
  void write(const std::vector<Store>& stores);

  const std::unique_ptr<Disk> disk_;
  const std::unique_ptr<ReplicaStore> store_;
  const std::function<void(std::uint64_t)> durable_;
  mutable std::mutex mutex_;  // of what follows, but the thread
  std::condition_variable pushed_;
  std::vector<Store> queue_;
  Counters counters_;
  bool finishing_ = false;
  std::thread thread_;
};

}  // namespace bmc::paxos::runtime

#endif
