// SPDX-License-Identifier: Apache-2.0
// What the application tells of itself: answers for bmcctl, and metrics. Used by PaxosApp.
#ifndef BMC_PAXOS_HOST_REPORTS_H
#define BMC_PAXOS_HOST_REPORTS_H

#include <prometheus/metric_family.h>

#include <cstdint>
#include <string>
#include <vector>

#include "apps/paxos/host/group_maps.h"
#include "apps/paxos/host/join_server.h"
#include "apps/paxos/host/members.h"
#include "apps/paxos/host/programs.h"
#include "control-plane/control.pb.h"
#include "control-plane/result.h"

namespace bmc::paxos::host {

// The parts that are told of, as they are while it lives.
struct PaxosView {
  const Programs& programs;
  const GroupMaps& maps;
  const Members& members;
  const JoinServer& server;
};

// The bit of "ack", "quorum", "broadcast".
Result<std::uint32_t> offload_named(const std::string& name);

void describe_paxos(const PaxosView& view, control::PaxosReply& reply);
// Who may have what, and what that allows him.
void describe_exposure(const Config& config, control::AuditReply& audit);
void describe_status(const PaxosView& view, control::StatusReply& status);
void collect_paxos(const PaxosView& view, std::vector<prometheus::MetricFamily>& families);

}  // namespace bmc::paxos::host

#endif
