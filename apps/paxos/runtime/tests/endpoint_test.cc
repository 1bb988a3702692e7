// SPDX-License-Identifier: Apache-2.0
// Addresses and the small tables that know them.
#include "apps/paxos/runtime/endpoint.h"

#include <gtest/gtest.h>

#include "apps/paxos/runtime/client_routes.h"
#include "apps/paxos/runtime/request_client.h"

namespace bmc::paxos::runtime {
namespace {

Endpoint at(std::uint16_t port) { return Endpoint(boost::asio::ip::make_address("10.0.0.1"), port); }

TEST(EndpointTest, TextAndBack) {
  for (const char* text : {"10.0.0.1:7400", "[fd00::1]:1", "127.0.0.1:65535"}) {
    const auto endpoint = parse_endpoint(text);
    ASSERT_TRUE(endpoint) << text;
    EXPECT_EQ(format_endpoint(*endpoint), text);
  }
  EXPECT_FALSE(parse_endpoint("10.0.0.1"));
}

TEST(EndpointTest, PeersAreKnownByAddressAndPort) {
  const Peers peers({at(1), at(2), at(3)});
  EXPECT_EQ(peers.index_of(at(2)), 1);
  EXPECT_FALSE(peers.index_of(at(4)));
  EXPECT_FALSE(peers.index_of(parse_endpoint("10.0.0.2:2").value()));
  EXPECT_TRUE(peers.has_address(at(9).address()));
  EXPECT_FALSE(peers.has_address(boost::asio::ip::make_address("10.0.0.2")));
}

TEST(ClientRoutesTest, TheLastAddressCountsAndTheSilentAreForgotten) {
  ClientRoutes routes(2);
  routes.heard(1, at(1));
  routes.heard(2, at(2));
  routes.heard(1, at(11));
  ASSERT_TRUE(routes.find(1));
  EXPECT_EQ(*routes.find(1), at(11));
  routes.heard(3, at(3));
  EXPECT_FALSE(routes.find(2));
  EXPECT_TRUE(routes.find(1));
  EXPECT_EQ(routes.size(), 2u);
}

TEST(RequestClientTest, IsFoundWithAndWithoutParsing) {
  body::Request request;
  request.set_client(0x1122334455667788);
  request.set_payload("x");
  const std::string bytes = request.SerializeAsString();
  EXPECT_EQ(client_of_request(bytes), request.client());
  const std::string reordered = bytes.substr(9) + bytes.substr(0, 9);  // as valid as the other
  EXPECT_EQ(client_of_request(reordered), request.client());
  EXPECT_FALSE(client_of_request("\xff\xff\xff"));
  EXPECT_FALSE(client_of_request(std::string("\x09\x01", 2)));
}

}  // namespace
}  // namespace bmc::paxos::runtime
