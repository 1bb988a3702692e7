// SPDX-License-Identifier: Apache-2.0
// One server process in its namespace that is killed, stopped and started again, with a disk and a clock that
// the fault shim can spoil. Used by KvCluster.
#ifndef BMC_NETNS_TESTS_PAXOS_CLUSTER_REPLICA_PROCESS_H
#define BMC_NETNS_TESTS_PAXOS_CLUSTER_REPLICA_PROCESS_H

#include <memory>
#include <string>
#include <vector>

#include "netns-tests/lib/netns.h"
#include "netns-tests/lib/process.h"
#include "netns-tests/paxos/cluster/data_directory.h"
#include "netns-tests/paxos/shim/shim_control.h"

namespace bmc::cluster {

class ReplicaProcess {
 public:
  // Not started. `netns` must outlive it. `disk_megabytes`: as of DataDirectory. `with_shim`: faults() work.
  ReplicaProcess(const lab::Netns& netns, std::size_t index, std::uint64_t disk_megabytes, bool with_shim);
  ~ReplicaProcess();
  ReplicaProcess(const ReplicaProcess&) = delete;
  ReplicaProcess& operator=(const ReplicaProcess&) = delete;

  DataDirectory& disk() { return disk_; }
  shim::Control& faults() { return *faults_; }

  // No effect while it runs. `argv` is kept for later starts.
  void start(std::vector<std::string> argv);
  void start_again();
  bool running() { return process_ && process_->running(); }
  pid_t pid() const { return process_->pid(); }
  // SIGKILL; all its sockets are closed on return.
  void kill();
  // SIGSTOP and SIGCONT.
  void pause() { signal(SIGSTOP); }
  void resume() { signal(SIGCONT); }
  // From now to its next start it may end by itself: its disk fails.
  void let_it_end() { may_end_ = true; }
  // Waits for it to end by itself.
  bool wait_end(lab::Deadline deadline) { return !process_ || process_->wait_exit(deadline).has_value(); }

  // How often it ended by itself when it should not have.
  unsigned collapses();
  // What it wrote in all its lives.
  std::string output() const;

 private:
  void signal(int number) {
    if (process_) process_->signal(number);
  }
  void bury();

  const lab::Netns& netns_;
  DataDirectory disk_;
  const bool with_shim_;
  shim::Control* faults_;
  std::vector<std::string> argv_;
  std::unique_ptr<lab::Process> process_;
  std::string earlier_output_;
  unsigned lives_ = 0;
  unsigned collapses_ = 0;
  bool may_end_ = false;
};

}  // namespace bmc::cluster

#endif
