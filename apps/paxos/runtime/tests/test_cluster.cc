// SPDX-License-Identifier: Apache-2.0
// Starting, stopping and loading a cluster.
#include "apps/paxos/runtime/tests/test_cluster.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "apps/paxos/runtime/tests/loop.h"

namespace bmc::paxos::runtime {

TestCluster::TestCluster(ClusterSetup setup) : machines_(setup.replicas), replicas_(setup.replicas) {
  for (std::size_t i = 0; i < setup.replicas; i++) {
    addresses_.push_back(format_endpoint(free_endpoint(setup.address)));
  }
  for (std::size_t i = 0; i < setup.replicas; i++) {
    Options options;
    options.data_directory = directory_.path() + "/" + std::to_string(i);
    options.cluster_id = 4711;
    options.replicas = addresses_;
    options.replica_index = static_cast<std::uint8_t>(i);
    options.durability = setup.durability;
    if (setup.change) setup.change(options);
    const auto formatted = format(options);
    EXPECT_TRUE(formatted) << formatted.error().what;
    options_.push_back(options);
  }
  for (int i = 0; i < 2; i++) threads_.emplace_back([this] { loop_.run(); });
}

TestCluster::~TestCluster() {
  for (std::size_t i = 0; i < size(); i++) stop(i);
  work_.reset();
  loop_.stop();
  for (std::thread& thread : threads_) thread.join();
}

void TestCluster::start(std::size_t index) {
  machines_[index] = std::make_unique<TallyMachine>();
  auto started = Replica::start(executor(), options_[index], *machines_[index]);
  ASSERT_TRUE(started) << started.error().what;
  replicas_[index] = *std::move(started);
}

void TestCluster::start_all() {
  for (std::size_t i = 0; i < size(); i++) start(i);
}

void TestCluster::stop(std::size_t index) {
  if (replicas_[index]) replicas_[index]->shutdown();
  replicas_[index].reset();
}

ClientOptions TestCluster::client_options() const {
  ClientOptions options;
  options.cluster_id = options_[0].cluster_id;
  options.replicas = addresses_;
  options.deadline_ms = 30'000;
  return options;
}

std::unique_ptr<Client> TestCluster::client(ClientOptions options) {
  auto opened = Client::open(executor(), options);
  EXPECT_TRUE(opened) << opened.error().what;
  return *std::move(opened);
}

std::size_t TestCluster::leader() {
  const auto asker = client();
  for (;;) {
    const auto answer = asker->read("");
    EXPECT_TRUE(answer) << answer.error().what;
    for (std::size_t i = 0; i < size(); i++) {
      if (replicas_[i] && replicas_[i]->status().role == ReplicaStatus::Role::leader) return i;
    }
  }
}

Load::Load(TestCluster& cluster, std::string name, std::size_t width) : name_(std::move(name)) {
  ClientOptions options = cluster.client_options();
  options.sessions_max = static_cast<std::uint32_t>(width);
  client_ = cluster.client(options);
  for (std::size_t i = 0; i < width; i++) begin();
}

Load::~Load() { stop(); }

void Load::begin() {
  std::string operation;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    under_way_++;
    operation = name_ + " " + std::to_string(begun_++);
  }
  client_->async_call(operation, [this, operation](Result<std::string> result) {
    begin();
    ended(operation, std::move(result));
  });
}

void Load::ended(const std::string& operation, Result<std::string> result) {
  const std::lock_guard lock(mutex_);
  under_way_--;
  if (result) {
    EXPECT_EQ(*result, "1") << operation;  // as often as it was applied
    acknowledged_.push_back(operation);
  } else {
    unknown_.push_back(operation);
  }
  changed_.notify_all();
}

void Load::wait_for(std::size_t count) {
  std::unique_lock lock(mutex_);
  const std::size_t wanted = acknowledged_.size() + count;
  EXPECT_TRUE(changed_.wait_for(lock, kPatience, [&] { return acknowledged_.size() >= wanted; }));
}

void Load::stop() {
  std::unique_lock lock(mutex_);
  stopping_ = true;
  EXPECT_TRUE(changed_.wait_for(lock, kPatience, [&] { return under_way_ == 0; }));
}

void expect_exactly_once(const Load& load, const TallyMachine& machine) {
  const auto& tally = machine.tally();
  for (const std::string& operation : load.acknowledged()) {
    const auto found = tally.find(operation);
    ASSERT_NE(found, tally.end()) << operation << " was acknowledged and is lost";
    EXPECT_EQ(found->second, 1) << operation;
  }
  for (const std::string& operation : load.unknown()) {
    const auto found = tally.find(operation);
    EXPECT_LE(found == tally.end() ? 0 : found->second, 1) << operation;
  }
}

}  // namespace bmc::paxos::runtime
