// SPDX-License-Identifier: Apache-2.0
// Group commit.
#include "apps/paxos/runtime/storage_thread.h"

#include <cstdio>
#include <cstdlib>
#include <iterator>

namespace bmc::paxos::runtime {

StorageThread::StorageThread(std::unique_ptr<Disk> disk, std::unique_ptr<ReplicaStore> store,
                             std::function<void(std::uint64_t)> durable)
    : disk_(std::move(disk)),
      store_(std::move(store)),
      durable_(std::move(durable)),
      thread_([this] { run(); }) {}

StorageThread::~StorageThread() { finish(); }

void StorageThread::push(std::vector<Store> stores) {
  {
    const std::lock_guard lock(mutex_);
    if (!finishing_) {
      queue_.insert(queue_.end(), std::make_move_iterator(stores.begin()),
                    std::make_move_iterator(stores.end()));
      pushed_.notify_one();
      return;
    }
  }
  write(stores);
}

void StorageThread::finish() {
  {
    const std::lock_guard lock(mutex_);
    finishing_ = true;
    pushed_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void StorageThread::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    pushed_.wait(lock, [this] { return finishing_ || !queue_.empty(); });
    if (queue_.empty()) return;
    const std::vector<Store> stores = std::exchange(queue_, {});
    lock.unlock();
    write(stores);
    durable_(stores.back().number);
    lock.lock();
  }
}

void StorageThread::write(const std::vector<Store>& stores) {
  if (const auto written = store_->write(stores); !written) {
    std::fprintf(stderr, "bmc::paxos: %s; the replica ends here, because nobody knows what is durable\n",
                 written.error().what.c_str());
    std::abort();
  }
  const std::lock_guard lock(mutex_);
  counters_.writes++;
  counters_.stores += stores.size();
}

StorageThread::Counters StorageThread::counters() const {
  const std::lock_guard lock(mutex_);
  return counters_;
}

}  // namespace bmc::paxos::runtime
