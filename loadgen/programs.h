// SPDX-License-Identifier: Apache-2.0
// The generator's BPF programs, configured and loaded. Used by the kernel transport and the tests of the
// programs.
#ifndef BMC_LOADGEN_PROGRAMS_H
#define BMC_LOADGEN_PROGRAMS_H

#include <memory>
#include <vector>

#include "control-plane/mapped_array.h"
#include "control-plane/result.h"
#include "loadgen/kernel_transport.h"
#include "loadgen/loadgen_abi.h"
#include "loadgen_bpf.skel.h"

namespace bmc::loadgen {

class Programs {
 public:
  // Nothing is attached yet. `workload` is not needed any more after the call.
  static Result<Programs> load(const KernelOptions& options, const Workload& workload);

  int generate_fd() const;
  int check_fd() const;
  const bpf_program* check_program() const { return skeleton_->progs.check_reply; }
  // Bytes of a frame as the generator program takes it: a request and LOADGEN_TAIL_SPARE.
  std::uint32_t frame_size() const;

  // Bytes of a request's text, and of one item in a reply.
  std::uint32_t request_size() const;
  std::uint32_t record_size() const { return skeleton_->rodata->config.record_size; }

  loadgen_pace& pace() const { return skeleton_->bss->pace; }
  MappedArray<loadgen_slot>& slots() { return slots_; }

  // Sums over all processors.
  Result<loadgen_stats> stats() const;
  // All slots free, all counters zero.
  Result<void> clear();

 private:
  struct Close {
    void operator()(loadgen_bpf* skeleton) const { loadgen_bpf__destroy(skeleton); }
  };
  std::unique_ptr<loadgen_bpf, Close> skeleton_;
  MappedArray<loadgen_slot> slots_;
};

}  // namespace bmc::loadgen

#endif
