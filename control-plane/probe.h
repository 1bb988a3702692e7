// SPDX-License-Identifier: Apache-2.0
// The probe: is this host ready for bmcd, and if not, what mends it; in plain words.
// Used by the daemon, and by bmcctl itself where no daemon runs.
#ifndef BMC_CONTROL_PLANE_PROBE_H
#define BMC_CONTROL_PLANE_PROBE_H

#include <optional>
#include <string>
#include <vector>

#include "control-plane/control.pb.h"
#include "control-plane/host_facts.h"

namespace bmc {

// Gathers the facts and judges them. Loads two trivial programs to see whether libxdp's dispatcher can work;
// attaches nothing.
control::ProbeReply probe_host(const std::string& pin_directory, const std::vector<std::string>& ifaces);

// The judgements alone. `dispatcher_error`: why program extensions do not load; empty: they do; nothing: not
// tried.
void judge_host(const HostFacts& host, const std::optional<std::string>& dispatcher_error,
                control::ProbeReply& reply);
void judge_interface(const InterfaceFacts& interface, const HostFacts& host, control::ProbeReply& reply);

}  // namespace bmc

#endif
