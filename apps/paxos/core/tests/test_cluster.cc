// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/core/tests/test_cluster.h"

#include <algorithm>
#include <map>
#include <utility>

namespace bmc::paxos {

std::string ListMachine::apply(std::string_view operation, std::uint64_t time_us) {
  operations.emplace_back(operation);
  times.push_back(time_us);
  return std::to_string(operations.size());
}

std::string ListMachine::read(std::string_view, std::uint64_t) const {
  std::string all;
  for (const std::string& each : operations) all += each + ",";
  return all;
}

std::string ListMachine::snapshot_save() const {
  body::Batch batch;  // a list of byte strings, as good as any
  for (std::size_t i = 0; i < operations.size(); ++i) {
    body::Request& saved = *batch.add_requests();
    saved.set_number(times[i]);
    saved.set_payload(operations[i]);
  }
  return batch.SerializeAsString();
}

bool ListMachine::snapshot_load(std::string_view snapshot) {
  body::Batch batch;
  if (!batch.ParseFromArray(snapshot.data(), static_cast<int>(snapshot.size()))) return false;
  operations.clear();
  times.clear();
  for (const body::Request& saved : batch.requests()) {
    operations.push_back(saved.payload());
    times.push_back(saved.number());
  }
  return true;
}

void TestDisk::write(const Store& store) {
  const auto end = [this] { return entries.empty() ? log_begin : entries.back().op; };
  if (const auto* state_store = std::get_if<StoreState>(&store.what)) {
    state = state_store->state;
    log_is_whole = true;
  } else if (const auto* appended = std::get_if<StoreEntries>(&store.what)) {
    for (const LogEntry& each : appended->entries) {
      if (each.op != end() + 1) std::abort();
      entries.push_back(each);
    }
  } else if (const auto* truncation = std::get_if<StoreTruncation>(&store.what)) {
    while (!entries.empty() && entries.back().op > truncation->end) entries.pop_back();
  } else if (const auto* taken = std::get_if<StoreCheckpoint>(&store.what)) {
    if (end() < taken->op) {
      entries.clear();
      log_begin = taken->op;
    }
    checkpoint = taken->bytes;
    checkpoint_op = taken->op;
    while (!entries.empty() && entries.front().op <= taken->log_begin) entries.erase(entries.begin());
    log_begin = std::max(log_begin, taken->log_begin);
  }
}

TestCluster::TestCluster(CoreOptions options, MutantSet mutants)
    : mutants_(mutants), nodes_(options.replica_count) {
  for (ReplicaIndex i = 0; i < options.replica_count; ++i) {
    nodes_[i].options = options;
    nodes_[i].options.index = i;
    start(i);
  }
  settle();
}

void TestCluster::start(ReplicaIndex index) {
  Node& node = nodes_[index];
  Restored restored;
  ++node.disk.state.incarnation;
  restored.state = node.disk.state;
  restored.log_is_whole = node.disk.log_is_whole;
  restored.entries = node.disk.entries;
  restored.checkpoint = node.disk.checkpoint;
  node.machine = std::make_unique<ListMachine>();
  node.core = std::make_unique<ReplicaCore>(node.options, std::move(restored), *node.machine, 7 + index, now,
                                            nullptr, mutants_);
  collect(index);
}

void TestCluster::crash(ReplicaIndex index) {
  Node& node = nodes_[index];
  node.core.reset();
  node.stores.clear();
  if (node.options.durability == Durability::kMemory) node.disk.log_is_whole = false;
}

void TestCluster::restart(ReplicaIndex index) {
  if (is_up(index)) crash(index);
  start(index);
}

void TestCluster::collect(ReplicaIndex index) {
  Effects effects = core(index).take_effects();
  for (Store& each : effects.stores) nodes_[index].stores.push_back(std::move(each));
  for (const SendToReplicas& send : effects.sends) {
    for (ReplicaIndex to = 0; to < nodes_.size(); ++to) {
      if (!(send.to >> to & 1)) continue;
      if (records) sent.push_back({to, send.message});
      if (!loses || !loses(index, to, send.message)) network_.push_back({to, send.message});
    }
  }
  for (const SendToClient& reply : effects.replies) {
    body::Reply body;
    if (!body.ParseFromString(*reply.message.body)) std::abort();
    if (body.status() == body::Reply::OK && body.kind() == body::Request::REGISTER) {
      clients_[body.client()].session = body.session();
    }
    replies.push_back(std::move(body));
  }
}

bool TestCluster::store_all() {
  bool moved = false;
  for (ReplicaIndex i = 0; i < nodes_.size(); ++i) {
    Node& node = nodes_[i];
    if (!node.core || node.stores.empty() || disks_are_slow) continue;
    const std::uint64_t last = node.stores.back().number;
    for (; !node.stores.empty(); node.stores.pop_front()) node.disk.write(node.stores.front());
    node.core->on_stored(now, wall_us, last);
    collect(i);
    moved = true;
  }
  return moved;
}

void TestCluster::deliver(ReplicaIndex to, const Message& message) {
  if (!is_up(to)) return;
  core(to).on_message(now, wall_us, message);
  collect(to);
}

void TestCluster::settle() {
  do {
    while (!network_.empty()) {
      const InFlight next = std::move(network_.front());
      network_.pop_front();
      deliver(next.to, next.message);
    }
  } while (store_all() || !network_.empty());
}

void TestCluster::run_for(Micros us) {
  const Micros end = now + us;
  settle();
  while (now < end) {
    Micros next = end;
    for (Node& node : nodes_) {
      if (node.core) next = std::min(next, std::max(node.core->next_deadline(), now + 1));
    }
    wall_us += next - now;
    now = next;
    for (ReplicaIndex i = 0; i < nodes_.size(); ++i) {
      if (!nodes_[i].core) continue;
      core(i).on_tick(now, wall_us);
      collect(i);
    }
    settle();
  }
}

bool TestCluster::run_until(const std::function<bool()>& done) {
  for (int i = 0; i < 12'000 && !done(); ++i) run_for(5'000);
  return done();
}

std::optional<ReplicaIndex> TestCluster::leader() {
  std::optional<ReplicaIndex> found;
  for (ReplicaIndex i = 0; i < nodes_.size(); ++i) {
    if (is_up(i) && look(i).is_serving && (!found || look(i).view > look(*found).view)) found = i;
  }
  return found;
}

void TestCluster::request(ReplicaIndex to, const body::Request& request) {
  Message message;
  message.type = MessageType::kRequest;
  message.body = std::make_shared<const std::string>(request.SerializeAsString());
  deliver(to, message);
  settle();
}

std::uint64_t TestCluster::open_session(std::uint64_t client) {
  body::Request request;
  request.set_client(client);
  request.set_kind(body::Request::REGISTER);
  clients_[client] = {};
  run_until([&] {
    if (clients_[client].session == 0 && leader()) this->request(*leader(), request);
    return clients_[client].session != 0;
  });
  return clients_[client].session;
}

void TestCluster::apply(std::uint64_t client, const std::string& operation) {
  Client& known = clients_.at(client);
  body::Request request;
  request.set_client(client);
  request.set_session(known.session);
  request.set_number(++known.number);
  request.set_payload(operation);
  if (leader()) this->request(*leader(), request);
}

bool TestCluster::apply_and_wait(std::uint64_t client, const std::string& operation) {
  if (!clients_.contains(client)) open_session(client);
  Client& known = clients_[client];
  body::Request request;
  request.set_client(client);
  request.set_session(known.session);
  request.set_number(++known.number);
  request.set_payload(operation);
  std::optional<body::Reply> reply;
  run_until([&] {
    if (leader()) this->request(*leader(), request);
    for (const body::Reply& each : replies) {
      if (each.client() != client || each.number() != request.number()) continue;
      if (each.status() == body::Reply::OK || each.status() == body::Reply::SESSION_EVICTED) reply = each;
    }
    return reply.has_value();
  });
  return reply && reply->status() == body::Reply::OK;
}

void TestCluster::read(ReplicaIndex at, const std::string& query, body::Request::Kind kind) {
  body::Request request;
  request.set_client(99);
  request.set_number(1);
  request.set_kind(kind);
  request.set_payload(query);
  this->request(at, request);
}

std::optional<body::Reply> TestCluster::last_reply() const {
  return replies.empty() ? std::nullopt : std::optional(replies.back());
}

Message TestCluster::message_from(ReplicaIndex from, MessageType type) {
  Message message;
  message.type = type;
  message.sender = from;
  message.incarnation = look(from).incarnation;
  message.view = look(from).view;
  message.commit = look(from).commit;
  message.body = std::make_shared<const std::string>();
  return message;
}

CoreOptions test_options(std::uint8_t replicas, Durability durability) {
  CoreOptions options;
  options.replica_count = replicas;
  options.durability = durability;
  return options;
}

}  // namespace bmc::paxos
