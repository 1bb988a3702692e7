// SPDX-License-Identifier: Apache-2.0
// A bmcd of the demo's own: started beside memcached in the server's namespace, asked over its metrics,
// detached with bmcctl at the end. Used by the demo.
#ifndef BMC_DEMO_BMCD_PROCESS_H
#define BMC_DEMO_BMCD_PROCESS_H

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "netns-tests/lib/endpoint.h"
#include "netns-tests/lib/netns.h"
#include "netns-tests/lib/process.h"

namespace bmc::demo {

struct BmcdOptions {
  std::string bmcd;  // path of the binary
  std::string bmcctl;
  std::string device;  // in the server's namespace
  lab::Endpoint server;
  int cpu = 0;
  std::string memory = {};      // as its --memory; empty: its default
  std::string rest_after = {};  // the same
};

class BmcdProcess {
 public:
  // Returns when its metrics can be read. Throws lab::LabError with its output otherwise.
  BmcdProcess(const lab::Netns& netns, const BmcdOptions& options);
  // Detaches everything and removes the pins, whatever state it is in.
  ~BmcdProcess();
  BmcdProcess(const BmcdProcess&) = delete;
  BmcdProcess& operator=(const BmcdProcess&) = delete;

  // Requests answered in the kernel since the start.
  double kernel_hits();
  // And those that could have been, shown to memcached to keep its LRU warm.
  double gets_of_cached();
  // As metric_value() of its metrics; throws lab::LabError where there is none.
  double metric(const std::string& name, const std::vector<std::string>& labels = {});
  pid_t pid() const { return process_->pid(); }
  bool running() { return process_->running(); }
  std::string output() { return process_->output(); }

 private:
  void remove();

  const lab::Netns& netns_;
  BmcdOptions options_;
  std::string folder_;  // control socket
  std::string pins_;
  std::unique_ptr<lab::Process> process_;
};

// The sum of the samples of `metric` whose label set holds every string of `labels`, in Prometheus' text
// form; negative when there is none.
double metric_value(const std::string& text, const std::string& metric,
                    const std::vector<std::string>& labels);

}  // namespace bmc::demo

#endif
