// SPDX-License-Identifier: Apache-2.0
// The nemeses of the network: what the switch between the replicas does. Clients reach every replica that
// runs.
#ifndef BMC_NETNS_TESTS_PAXOS_NEMESIS_NETWORK_FAULTS_H
#define BMC_NETNS_TESTS_PAXOS_NEMESIS_NETWORK_FAULTS_H

#include "netns-tests/paxos/nemesis/nemesis.h"

namespace bmc::nemesis {

void partition(Scene& scene);
void one_way(Scene& scene);
void bridge(Scene& scene);
void isolate_leader(Scene& scene);
void lose_packets(Scene& scene);

void heal_network(cluster::KvCluster& cluster);

}  // namespace bmc::nemesis

#endif
