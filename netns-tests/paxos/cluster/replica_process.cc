// SPDX-License-Identifier: Apache-2.0
// See replica_process.h.
#include "netns-tests/paxos/cluster/replica_process.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "netns-tests/lib/fd.h"
#include "netns-tests/lib/lab_error.h"

namespace bmc::cluster {
namespace {

shim::Control* map_control(const std::string& path) {
  const lab::Fd file(lab::checked(open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600), "create " + path));
  lab::checked(ftruncate(file.get(), sizeof(shim::Control)), "ftruncate " + path);
  void* memory = mmap(nullptr, sizeof(shim::Control), PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (memory == MAP_FAILED) lab::fail_errno("mmap " + path);
  return static_cast<shim::Control*>(memory);
}

}  // namespace

ReplicaProcess::ReplicaProcess(const lab::Netns& netns, std::size_t index, std::uint64_t disk_megabytes,
                               bool with_shim)
    : netns_(netns),
      disk_("replica" + std::to_string(index), disk_megabytes),
      with_shim_(with_shim),
      faults_(map_control(disk_.mount() + "/faults")) {}

ReplicaProcess::~ReplicaProcess() {
  process_.reset();
  munmap(faults_, sizeof(shim::Control));
}

void ReplicaProcess::start(std::vector<std::string> argv) {
  argv_ = std::move(argv);
  start_again();
}

void ReplicaProcess::start_again() {
  if (running()) return;
  bury();
  ++lives_;
  lab::ProcessSpec spec{.argv = argv_, .netns = &netns_};
  if (with_shim_)
    spec.environment = {std::string(shim::kControlVariable) + "=" + disk_.mount() + "/faults",
                        "LD_PRELOAD=" BMC_FAULT_SHIM_PATH, "ASAN_OPTIONS=verify_asan_link_order=0"};
  process_ = std::make_unique<lab::Process>(spec);
}

void ReplicaProcess::kill() {
  if (!running()) return;
  process_->kill_hard();
  bury();
}

// After its end.
void ReplicaProcess::bury() {
  if (!process_) return;
  const auto status = process_->wait_exit(lab::Deadline::in_ms(0));
  const bool killed = status && WIFSIGNALED(*status) && WTERMSIG(*status) == SIGKILL;
  if (!killed && !may_end_) ++collapses_;
  process_->wait_output_closed(lab::Deadline::in_ms(1000));
  earlier_output_ += "--- life " + std::to_string(lives_) + "\n" + process_->output();
  process_.reset();
  may_end_ = false;
}

unsigned ReplicaProcess::collapses() {
  if (process_ && !running()) bury();
  return collapses_;
}

std::string ReplicaProcess::output() const {
  if (!process_) return earlier_output_;
  return earlier_output_ + "--- life " + std::to_string(lives_) + "\n" + process_->output();
}

}  // namespace bmc::cluster
