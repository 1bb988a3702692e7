// SPDX-License-Identifier: Apache-2.0
// ServerLink against a peer whose handshake goes wrong without the connection ending.
#include "apps/memcached-cache/daemon/server_link.h"

#include <gtest/gtest.h>

#include "apps/memcached-cache/daemon/tests/hostile_server.h"
#include "apps/memcached-cache/daemon/tests/memcached_process.h"

namespace bmc::cache::test {
namespace {

// A memcached that has no memory for an answer stays connected, and would never be asked again.
TEST(ServerLink, AnAnswerWithoutStatisticsIsAskedForAgain) {
  boost::asio::io_context loop;
  HostileServer server(loop, "SERVER_ERROR out of memory preparing response\r\n", false);
  int refused = 0, known = 0;
  ServerLink link(loop, server.endpoint(),
                  {[&] { known++; }, [&](const std::string&) { refused++; }, [](const std::string&) {},
                   [](const Error&) {}, [] {}});
  link.start();
  EXPECT_TRUE(run_until(loop, [&] { return server.accepted() >= 3; }));
  EXPECT_EQ(known, 0);
  EXPECT_EQ(refused, 0) << "it will pass";
}

}  // namespace
}  // namespace bmc::cache::test
