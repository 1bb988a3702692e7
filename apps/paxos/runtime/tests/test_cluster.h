// SPDX-License-Identifier: Apache-2.0
// A whole cluster in this process: real sockets on the loopback device, real disks in a temporary directory,
// an executor with two threads.
#ifndef BMC_PAXOS_RUNTIME_TESTS_TEST_CLUSTER_H
#define BMC_PAXOS_RUNTIME_TESTS_TEST_CLUSTER_H

#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "apps/paxos/include/bmc/paxos/client.h"
#include "apps/paxos/include/bmc/paxos/replica.h"
#include "apps/paxos/runtime/tests/tally_machine.h"
#include "apps/paxos/runtime/tests/temporary_directory.h"

namespace bmc::paxos::runtime {

struct ClusterSetup {
  std::size_t replicas = 3;
  Options::Durability durability = Options::Durability::wal;
  std::string address = "127.0.0.1";
  std::function<void(Options&)> change = {};  // of every replica's options
};

class TestCluster {
 public:
  explicit TestCluster(ClusterSetup setup = {});  // formats all; none is started
  ~TestCluster();                                 // stops all

  std::size_t size() const { return addresses_.size(); }
  const Options& options(std::size_t index) const { return options_[index]; }
  const std::string& directory(std::size_t index) const { return options_[index].data_directory; }
  boost::asio::any_io_executor executor() { return loop_.get_executor(); }

  void start(std::size_t index);
  void start_all();
  // Replica::shutdown(); the machine stays to be looked at.
  void stop(std::size_t index);
  bool is_running(std::size_t index) const { return replicas_[index] != nullptr; }
  Replica& replica(std::size_t index) { return *replicas_[index]; }
  // Only of a replica that is stopped.
  const TallyMachine& machine(std::size_t index) const { return *machines_[index]; }

  ClientOptions client_options() const;
  std::unique_ptr<Client> client(ClientOptions options);
  std::unique_ptr<Client> client() { return client(client_options()); }
  // The one who answers says who leads.
  std::size_t leader();

 private:
  TemporaryDirectory directory_;
  std::vector<std::string> addresses_;
  std::vector<Options> options_;
  boost::asio::io_context loop_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{loop_.get_executor()};
  std::vector<std::unique_ptr<TallyMachine>> machines_;
  std::vector<std::unique_ptr<Replica>> replicas_;  // null: stopped
  std::vector<std::thread> threads_;
};

// Calls without end, `width` at a time, on a client of its own: operations "<name> <i>". Records which were
// acknowledged.
class Load {
 public:
  Load(TestCluster& cluster, std::string name, std::size_t width);
  ~Load();  // stop()

  // Returns once `count` more were acknowledged.
  void wait_for(std::size_t count);
  // Lets what is under way end, and begins nothing more.
  void stop();

  // Only once stopped.
  const std::vector<std::string>& acknowledged() const { return acknowledged_; }
  const std::vector<std::string>& unknown() const { return unknown_; }

 private:
  void begin();
  void ended(const std::string& operation, Result<std::string> result);

  const std::string name_;
  std::unique_ptr<Client> client_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t begun_ = 0;
  std::size_t under_way_ = 0;
  bool stopping_ = false;
  std::vector<std::string> acknowledged_, unknown_;
};

// For the names of tests that run with both.
inline std::string durability_name(const testing::TestParamInfo<Options::Durability>& of) {
  return of.param == Options::Durability::wal ? "wal" : "memory";
}

// Nothing acknowledged is missing in `machine`, and nothing was applied twice.
void expect_exactly_once(const Load& load, const TallyMachine& machine);

}  // namespace bmc::paxos::runtime

#endif
