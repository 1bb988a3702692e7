// SPDX-License-Identifier: Apache-2.0
// The leader's queue of requests that wait to be proposed, and the making of batches from them. Used by
// ReplicaCore only.
#ifndef BMC_PAXOS_CORE_BATCHER_H
#define BMC_PAXOS_CORE_BATCHER_H

#include <deque>
#include <memory>
#include <string>
#include <unordered_map>

#include "apps/paxos/core/bodies.pb.h"
#include "apps/paxos/core/core_options.h"

namespace bmc::paxos {

class Batcher {
 public:
  struct Waiting {
    std::uint64_t client = 0;
    std::uint64_t session = 0;
    std::uint64_t number = 0;
    body::Request::Kind kind = body::Request::APPLY;
    Micros since = 0;
    std::shared_ptr<const std::string> request;  // serialized body::Request
  };

  explicit Batcher(const CoreOptions& options) : options_(options) {}

  // Whether `number` of the client, or a later one, waits or is proposed and not yet applied.
  bool in_pipeline(std::uint64_t client, std::uint64_t number) const;
  bool is_full() const { return queue_.size() >= options_.waiting_requests_max; }
  void add(Waiting request);

  bool empty() const { return queue_.empty(); }
  std::size_t size() const { return queue_.size(); }
  // To be told, before the others are asked, whether entries are in flight now.
  void observe(Micros now, bool in_flight);
  // Whether the next batch is to be proposed now, and when it will be if nothing else happens. Only if not
  // empty().
  bool is_due(Micros now) const;
  Micros due_at() const;
  // Takes the next batch: at least one request, as many as the limits allow. Only if not empty().
  std::shared_ptr<const std::string> take(std::uint64_t time_us);

  // A request was applied; it may be asked for again.
  void applied(std::uint64_t client, std::uint64_t number);
  // Forgets everything; gives back what was not proposed.
  std::deque<Waiting> clear();

 private:
  // From the first entry in flight to the last one committed. Whom it has answered is likely to ask again at
  // once, so the next round waits for as many requests, for a part of the time it took: they then share a
  // batch and, in kWal, a sync of the disk. A lone client waits for nobody.
  struct Round {
    bool is_on = false;
    Micros began = 0;
    Micros ended = 0;
    std::size_t answered = 0;
    std::size_t asked_since = 0;
  };

  static std::size_t bytes_in_batch(const Waiting& request);
  bool batch_is_full() const;
  Micros gathered_at() const;

  const CoreOptions& options_;
  std::deque<Waiting> queue_;
  std::size_t queue_bytes_ = 0;
  std::unordered_map<std::uint64_t, std::uint64_t> pipeline_;  // client -> highest number in it
  Round round_;
};

// Batch.time_us of a serialized Batch; 0 if it has none.
std::uint64_t batch_time(const std::string& batch);

}  // namespace bmc::paxos

#endif
