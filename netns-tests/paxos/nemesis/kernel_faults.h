// SPDX-License-Identifier: Apache-2.0
// The nemeses of the kernel's help: the bmcds beside the replicas, what they have attached and switched on,
// and what the programs look up. Where the cluster has no offloads, those of them that need no bmcd do their
// harm all the same.
#ifndef BMC_NETNS_TESTS_PAXOS_NEMESIS_KERNEL_FAULTS_H
#define BMC_NETNS_TESTS_PAXOS_NEMESIS_KERNEL_FAULTS_H

#include "netns-tests/paxos/nemesis/nemesis.h"

namespace bmc::nemesis {

void kill_before_taking(Scene& scene);
void kill_bmcd(Scene& scene);
void detach_programs(Scene& scene);
void switch_offloads(Scene& scene);
void forget_neighbours(Scene& scene);
void change_interfaces(Scene& scene);

// Every bmcd runs, everything is switched on, neighbours and interfaces are as at the beginning.
void heal_kernels(cluster::KvCluster& cluster);

}  // namespace bmc::nemesis

#endif
