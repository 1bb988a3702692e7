// SPDX-License-Identifier: Apache-2.0
// What the clients do; see workload.h.
#include "netns-tests/paxos/nemesis/workload.h"

#include <algorithm>

namespace bmc::nemesis {

using lab::now_ns;

Workload::Workload(const cluster::KvCluster& cluster, const WorkloadOptions& options)
    : cluster_(cluster), options_(options), last_write_ns_(now_ns()) {
  lab::Random seeds(options.seed);
  for (std::size_t i = 0; i < options.clients; ++i)
    clients_.push_back(
        std::make_unique<Client>(Client{static_cast<std::uint32_t>(i), seeds.fork(i), {}, 0, std::nullopt}));
  for (auto& client : clients_) threads_.emplace_back([this, &client] { serve(*client); });
}

Workload::~Workload() { stop(); }

void Workload::stop() {
  stop_ = true;
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

linearizability::History Workload::history() const {
  linearizability::History all;
  for (const auto& client : clients_) all.insert(all.end(), client->history.begin(), client->history.end());
  return all;
}

std::vector<std::string> Workload::keys() const {
  std::vector<std::string> all;
  for (std::size_t slot = 0; slot < uses_.size(); ++slot)
    for (std::uint64_t use = 0; use < uses_[slot]; use += kOperationsPerKey) all.push_back(key_of(slot, use));
  return all;
}

std::string Workload::key_of(std::size_t slot, std::uint64_t use) const {
  return options_.key_prefix + (slot < kRegisters ? "r" : "l") + std::to_string(slot) + "." +
         std::to_string(use / kOperationsPerKey);
}

void Workload::serve(Client& client) {
  const std::int64_t period_ns = lab::kSecond / std::max<std::int64_t>(1, options_.operations_per_second);
  while (!stop_) {
    const std::int64_t next_ns = now_ns() + client.random.between(0, 2 * period_ns);
    if (connect(client)) operate(client);
    lab::wait_until_ns(next_ns);
  }
}

// To any replica; also to a new one now and then, so that nobody stays with a replica that is cut off.
bool Workload::connect(Client& client) {
  constexpr double kMoves = 0.01;
  if (client.connection && (!client.connection->usable() || client.random.chance(kMoves)))
    client.connection.reset();
  if (client.connection) return true;
  const std::size_t replica = client.random.below(cluster_.size());
  client.connection =
      KvConnection::open(cluster_.mesh().clients(), cluster_.client_endpoint(replica), options_.timeout_ms);
  return client.connection.has_value();
}

void Workload::operate(Client& client) {
  const std::size_t slot = client.random.below(uses_.size());
  const std::string key = key_of(slot, uses_[slot]++);
  if (slot < kRegisters)
    use_register(client, key);
  else
    use_list(client, key);
}

void Workload::use_register(Client& client, const std::string& key) {
  static constexpr Action kMix[] = {Action::kGet, Action::kGet, Action::kGet, Action::kSet, Action::kSet,
                                    Action::kCas, Action::kCas, Action::kCas, Action::kAdd, Action::kDelete};
  const Action action = client.random.pick(kMix);
  if (action == Action::kCas) return compare_and_swap(client, key);
  carry_out(client, make(client, action, key));
}

void Workload::compare_and_swap(Client& client, const std::string& key) {
  Operation read = make(client, Action::kGet, key);
  std::optional<Versioned> found;
  if (!client.connection->gets(read, found)) return;
  record(client, read);
  if (!found) return carry_out(client, make(client, Action::kAdd, key));
  Operation swap = make(client, Action::kCas, key);
  swap.expected = found->value;
  carry_out(client, std::move(swap), found->cas_unique);
}

void Workload::use_list(Client& client, const std::string& key) {
  carry_out(client, make(client, client.random.chance(0.5) ? Action::kAppend : Action::kGet, key));
}

Operation Workload::make(Client& client, Action action, const std::string& key) const {
  Operation made;
  made.client = client.number;
  made.action = action;
  made.key = key;
  // No value is written twice: what is read names its writer.
  if (action != Action::kGet && action != Action::kDelete)
    made.value = std::to_string(client.number) + ":" + std::to_string(client.values++);
  return made;
}

void Workload::carry_out(Client& client, Operation operation, const std::string& unique) {
  if (client.connection->carry_out(operation, unique)) record(client, operation);
}

void Workload::record(Client& client, const Operation& operation) {
  client.history.push_back(operation);
  if (operation.outcome == Outcome::kUnknown) return;
  ++answered_;
  if (operation.action == Action::kGet) return;
  const std::int64_t silence_ns = operation.returned_ns - last_write_ns_.exchange(operation.returned_ns);
  std::int64_t longest = longest_silence_ns_;
  while (silence_ns > longest && !longest_silence_ns_.compare_exchange_weak(longest, silence_ns)) {
  }
}

}  // namespace bmc::nemesis
