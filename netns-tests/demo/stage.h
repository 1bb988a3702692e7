// SPDX-License-Identifier: Apache-2.0
// Stage: one server and one client on a veth, each on a processor of its own, and a memcached with a
// workload's items. What is measured there is the caller's. Used by the demo and the benchmark.
#ifndef BMC_DEMO_STAGE_H
#define BMC_DEMO_STAGE_H

#include <memory>
#include <stop_token>
#include <string>

#include "control-plane/result.h"
#include "loadgen/echo_server.h"
#include "loadgen/workload.h"
#include "netns-tests/demo/bmcd_process.h"
#include "netns-tests/demo/placement.h"
#include "netns-tests/lib/lab.h"
#include "netns-tests/lib/lab_error.h"
#include "netns-tests/lib/process.h"

namespace bmc::demo {

// Thrown on the way out when a stop was requested.
struct Interrupted {};

// The value; Interrupted for ECANCELED, lab::LabError for any other error.
template <typename T>
T unwrap(Result<T> result) {
  if (result) return *std::move(result);
  if (result.error().code == ECANCELED) throw Interrupted{};
  throw lab::LabError(result.error().what);
}
inline void unwrap(Result<void> result) {
  if (result) return;
  if (result.error().code == ECANCELED) throw Interrupted{};
  throw lab::LabError(result.error().what);
}

// `name` beside this program, where they are installed together, else `built`.
std::string find_program(const std::string& name, const std::string& built);

class Stage {
 public:
  // Moves the calling thread into the client's namespace, onto the client's processor. Throws lab::LabError.
  Stage();

  const lab::Link& link() const { return lab_.link(); }
  lab::Lab& lab() { return lab_; }
  const Placement& placement() const { return placement_; }

  // Each side receives on its own processor, as behind network cards.
  void receive_apart();
  // Each side receives on the sender's processor, so that a single request pays no wake-up on its way.
  void receive_with_sender();

  // `memory_mb` of memcached on the server's processor.
  void start_memcached(unsigned memory_mb);
  // Stores all items, over IPv6 with `v6`, and reads them back. Throws Interrupted, lab::LabError.
  void fill(const loadgen::WorkloadOptions& items, bool v6, const std::stop_token& stop);

  // The program that only swaps addresses, on the server's device while the result lives; its replies are
  // `growth` bytes longer than the requests.
  std::unique_ptr<loadgen::EchoServer> start_echo(std::uint16_t growth = 0);
  // bmcd beside memcached while the result lives. The device, address and processor of `options` are set
  // here.
  std::unique_ptr<BmcdProcess> start_bmcd(BmcdOptions options, bool v6 = false);

  // Seconds of processor time that the server's side has used so far: reception and memcached.
  double server_seconds() const;
  const lab::Process& memcached() const { return *memcached_; }

 private:
  // Taken down in reverse: memcached, then the namespaces.
  Placement placement_ = choose_placement();
  lab::Lab lab_{{.far_xdp = false}};
  Reception server_reception_{lab_.server(), lab_.link().server_device, placement_.server_cpu,
                              kServerPriority};
  Reception client_reception_{lab_.client(), lab_.link().far_device, placement_.load_cpu, kLoadPriority};
  lab::ScopedNetns inside_client_{lab_.client()};
  PinnedThread pinned_{placement_.load_cpu};
  std::unique_ptr<lab::Process> memcached_;
};

}  // namespace bmc::demo

#endif
