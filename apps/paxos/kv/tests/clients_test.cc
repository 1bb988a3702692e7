// SPDX-License-Identifier: Apache-2.0
// Clients that others wrote, against three replicas: clients_test.py does the talking.
#include <gtest/gtest.h>

#include "apps/paxos/kv/tests/cluster.h"

namespace bmc::kv {
namespace {

TEST(ClientsTest, PymemcacheAndLibmemcachedsTools) {
  test::Cluster cluster(3, {"--leader-timeout", "1s", "--quorum-timeout", "2s", "--deadline", "15s"});
  cluster.start_all();
  cluster.leader();
  // Debian's interpreter: that is where Debian's packages are.
  const test::Finished clients =
      test::run({"/usr/bin/python3", BMC_CLIENTS_TEST, std::to_string(cluster.port(0)),
                 std::to_string(cluster.port(1)), std::to_string(cluster.port(2))});
  EXPECT_EQ(clients.status, 0) << clients.output;
}

}  // namespace
}  // namespace bmc::kv
