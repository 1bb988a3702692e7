// SPDX-License-Identifier: Apache-2.0
// See load.h.
#include "netns-tests/paxos/bench/load.h"

#include <time.h>

#include <algorithm>

#include "netns-tests/lib/clock.h"
#include "netns-tests/lib/lab_error.h"

namespace bmc::bench {
namespace {

const std::string kRequest(16, 'x');

double thread_cpu_seconds() {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

}  // namespace

double LoadResult::latency_us(double part) {
  if (latencies_ns.empty()) return 0;
  const auto at = static_cast<std::ptrdiff_t>(static_cast<double>(latencies_ns.size() - 1) * part);
  std::nth_element(latencies_ns.begin(), latencies_ns.begin() + at, latencies_ns.end());
  return static_cast<double>(latencies_ns[static_cast<std::size_t>(at)]) / 1000;
}

Load::Load(const std::vector<std::string>& replicas, std::size_t clients, std::size_t outstanding,
           std::uint32_t busy_poll_us)
    : outstanding_(outstanding) {
  paxos::ClientOptions options;
  options.cluster_id = 1;
  options.replicas = replicas;
  options.sessions_max = static_cast<std::uint32_t>(outstanding);
  options.busy_poll_us = busy_poll_us;
  for (std::size_t i = 0; i < clients; ++i) {
    auto client = paxos::Client::open(loop_.get_executor(), options);
    if (!client) throw lab::LabError(client.error().what);
    clients_.push_back(*std::move(client));
  }
}

LoadResult Load::run(double seconds) {
  result_ = {};
  const std::int64_t start_ns = lab::now_ns();
  end_ns_ = start_ns + static_cast<std::int64_t>(seconds * 1e9);
  const double cpu_before = thread_cpu_seconds();
  for (std::size_t client = 0; client < clients_.size(); ++client)
    for (std::size_t i = 0; i < outstanding_; ++i) send(client);
  while (lab::now_ns() < end_ns_) loop_.run_one();
  result_.seconds = static_cast<double>(lab::now_ns() - start_ns) * 1e-9;
  result_.cpu_seconds = thread_cpu_seconds() - cpu_before;
  LoadResult measured = std::move(result_);
  while (under_way_ > 0) loop_.run_one();
  return measured;
}

void Load::send(std::size_t client) {
  const std::int64_t sent_ns = lab::now_ns();
  ++under_way_;
  clients_[client]->async_call(kRequest, [this, client, sent_ns](paxos::Result<std::string> reply) {
    answered(client, sent_ns, reply);
  });
}

void Load::answered(std::size_t client, std::int64_t sent_ns, const paxos::Result<std::string>& reply) {
  const std::int64_t now = lab::now_ns();
  --under_way_;
  if (now >= end_ns_) return;
  if (reply && *reply == kRequest) {
    ++result_.requests;
    result_.latencies_ns.push_back(
        static_cast<std::uint32_t>(std::min<std::int64_t>(now - sent_ns, UINT32_MAX)));
  } else {
    if (result_.failures++ == 0) result_.first_failure = reply ? "a wrong answer" : reply.error().what;
  }
  send(client);
}

}  // namespace bmc::bench
