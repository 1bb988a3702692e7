// SPDX-License-Identifier: Apache-2.0
// SockDiag against real sockets: cookies, queues of a stopped memcached, destroying.
#include "apps/memcached-cache/daemon/sock_diag.h"

#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>

#include "apps/memcached-cache/daemon/tests/memcached_process.h"

#ifndef SO_COOKIE
#define SO_COOKIE 57
#endif

namespace bmc::cache::test {
namespace {

std::uint64_t cookie_of(int socket) {
  std::uint64_t cookie = 0;
  socklen_t bytes = sizeof cookie;
  EXPECT_EQ(::getsockopt(socket, SOL_SOCKET, SO_COOKIE, &cookie, &bytes), 0);
  return cookie;
}

std::uint16_t local_port(int socket) {
  sockaddr_in address = {};
  socklen_t bytes = sizeof address;
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &bytes);
  return ntohs(address.sin_port);
}

class SockDiagTest : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = SockDiag::open();
    ASSERT_TRUE(opened) << opened.error().what;
    diag.emplace(std::move(*opened));
  }
  std::vector<SocketInfo> list(Transport transport, std::uint16_t port) {
    std::vector<SocketInfo> sockets;
    const Result<void> listed = diag->list(transport, std::span(&port, 1), sockets);
    EXPECT_TRUE(listed) << (listed ? "" : listed.error().what);
    return sockets;
  }
  // memcached's end of the connection whose client has the port.
  std::optional<SocketInfo> server_end(std::uint16_t port, std::uint16_t client_port) {
    for (const SocketInfo& socket : list(Transport::kTcp, port))
      if (socket.remote_port == client_port) return socket;
    return std::nullopt;
  }
  bool wait_for(const std::function<bool()>& done) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (!done()) {
      if (std::chrono::steady_clock::now() > give_up) return false;
      ::poll(nullptr, 0, 1);
    }
    return true;
  }

  std::optional<SockDiag> diag;
};

TEST_F(SockDiagTest, ListsListenersAndConnectionsOfThePortOnly) {
  MemcachedProcess one;
  MemcachedProcess other;
  const Fd client = connect_to(one.port());
  ASSERT_EQ(ask(client.get(), "version\r\n", "\r\n"), "VERSION 1.6.18\r\n");
  const auto tcp = list(Transport::kTcp, one.port());
  EXPECT_EQ(std::ranges::count_if(tcp, [](const auto& socket) { return socket.listening(); }), 1);
  EXPECT_TRUE(std::ranges::all_of(tcp, [&](const auto& socket) { return socket.local_port == one.port(); }));
  const auto end = server_end(one.port(), local_port(client.get()));
  ASSERT_TRUE(end);
  EXPECT_EQ(end->state, TCP_ESTABLISHED);
  EXPECT_TRUE(end->drained());
  EXPECT_EQ(end->local.to_string(), "127.0.0.1");
  const auto udp = list(Transport::kUdp, one.port());
  ASSERT_EQ(udp.size(), 1u);
  EXPECT_EQ(udp[0].unread, 0u);
  EXPECT_FALSE(udp[0].listening());
}

TEST_F(SockDiagTest, CookieIsTheSocketsOwn) {
  MemcachedProcess memcached;
  const Fd client = connect_to(memcached.port());
  const std::uint16_t port = local_port(client.get());
  const auto sockets = list(Transport::kTcp, port);
  ASSERT_EQ(sockets.size(), 1u);
  EXPECT_EQ(sockets[0].cookie, cookie_of(client.get()));
}

TEST_F(SockDiagTest, QueuesOfAStoppedMemcached) {
  MemcachedProcess memcached;
  const Fd client = connect_to(memcached.port());
  ASSERT_EQ(ask(client.get(), "version\r\n", "\r\n"), "VERSION 1.6.18\r\n");
  const std::uint16_t port = local_port(client.get());
  memcached.stop();
  const std::string set = "set k 0 0 5\r\nhello\r\n";
  ASSERT_EQ(::send(client.get(), set.data(), set.size(), 0), static_cast<ssize_t>(set.size()));
  ASSERT_TRUE(wait_for([&] {
    const auto end = server_end(memcached.port(), port);
    return end && end->unread == set.size();
  }));
  const Fd datagram(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(memcached.port());
  const std::string get("\0\1\0\0\0\1\0\0get k\r\n", 15);
  ASSERT_EQ(::sendto(datagram.get(), get.data(), get.size(), 0, reinterpret_cast<sockaddr*>(&address),
                     sizeof address),
            static_cast<ssize_t>(get.size()));
  EXPECT_TRUE(wait_for([&] { return list(Transport::kUdp, memcached.port()).at(0).unread > 0; }));
  EXPECT_FALSE(server_end(memcached.port(), port)->drained());
  memcached.resume();
  EXPECT_TRUE(wait_for([&] { return server_end(memcached.port(), port)->drained(); }));
  EXPECT_TRUE(wait_for([&] { return list(Transport::kUdp, memcached.port()).at(0).unread == 0; }));
}

TEST_F(SockDiagTest, RepliesNobodyReadsAreUnsent) {
  MemcachedProcess memcached;
  const Fd filler = connect_to(memcached.port());
  const std::string value(500'000, 'v');
  ASSERT_EQ(ask(filler.get(), "set big 0 0 500000\r\n" + value + "\r\n", "STORED\r\n"), "STORED\r\n");
  const Fd client = connect_to(memcached.port());
  std::string gets;
  for (int i = 0; i < 40; i++) gets += "get big\r\n";
  gets += "set after 0 0 1\r\nx\r\n";
  ASSERT_EQ(::send(client.get(), gets.data(), gets.size(), 0), static_cast<ssize_t>(gets.size()));
  // memcached has read the command, and keeps it back until the replies before it find room.
  ASSERT_TRUE(wait_for([&] {
    const auto end = server_end(memcached.port(), local_port(client.get()));
    return end && end->unread == 0 && end->unsent > 0;
  }));
  EXPECT_FALSE(server_end(memcached.port(), local_port(client.get()))->drained());
  EXPECT_EQ(ask(filler.get(), "get after\r\n", "END\r\n"), "END\r\n");
}

TEST_F(SockDiagTest, ClosedSocketsAreNotListed) {
  MemcachedProcess memcached;
  Fd client = connect_to(memcached.port());
  ASSERT_EQ(ask(client.get(), "version\r\n", "\r\n"), "VERSION 1.6.18\r\n");
  const std::uint16_t port = local_port(client.get());
  ASSERT_EQ(ask(client.get(), "quit\r\n", "nothing"), "");  // memcached closes first and keeps the TIME_WAIT
  client.reset();
  EXPECT_TRUE(wait_for([&] { return !server_end(memcached.port(), port); }));
}

TEST_F(SockDiagTest, DestroyResetsTheConnection) {
  MemcachedProcess memcached;
  const Fd client = connect_to(memcached.port());
  ASSERT_EQ(ask(client.get(), "version\r\n", "\r\n"), "VERSION 1.6.18\r\n");
  const auto end = server_end(memcached.port(), local_port(client.get()));
  ASSERT_TRUE(end);
  const Result<void> destroyed = diag->destroy(*end);
  ASSERT_TRUE(destroyed) << destroyed.error().what;
  pollfd hung_up = {client.get(), POLLIN, 0};
  ASSERT_EQ(::poll(&hung_up, 1, 5000), 1);
  char byte = 0;
  EXPECT_EQ(::recv(client.get(), &byte, 1, 0), -1);
  EXPECT_EQ(errno, ECONNRESET);
  const Result<void> again = diag->destroy(*end);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ENOENT);
}

}  // namespace
}  // namespace bmc::cache::test
