// SPDX-License-Identifier: Apache-2.0
// ControlTable: what a program that looks at any moment finds.
#include "apps/memcached-cache/daemon/control_table.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <random>
#include <thread>

#include "apps/memcached-cache/abi/cache_hash.h"
#include "apps/memcached-cache/daemon/tests/plain_memory.h"

namespace bmc::cache::test {
namespace {

class ControlTableTest : public testing::Test {
 protected:
  // As the cgroup programs look a port up.
  std::uint32_t server_of_port(std::uint16_t port) const {
    for (const watched_port& slot : memory.control().port) {
      const std::uint32_t word = observe(reinterpret_cast<const std::uint32_t&>(slot));
      watched_port entry;
      std::memcpy(&entry, &word, sizeof entry);
      if (!entry.used) break;
      if (entry.port == port) return entry.server;
    }
    return CACHE_SERVERS_MAX;
  }
  // As the XDP program looks an address up.
  int server_of_address(const char* text, std::uint16_t port) const {
    std::uint32_t words[4];
    to_words(boost::asio::ip::make_address(text), words);
    const served_address& slot = memory.control().address[cache_address_slot(
        words, htons(port), memory.control().address_seed, CACHE_ADDRESSES_MAX)];
    if (!slot.used || slot.port_be != htons(port) || std::memcmp(slot.addr_be, words, sizeof words) != 0)
      return -1;
    return slot.server;
  }
  PlacedAddress placed(const char* text, std::uint16_t port, std::uint8_t server) {
    return {{boost::asio::ip::make_address(text), port}, server};
  }

  CacheMemory memory = plain_memory();
  ControlTable table{memory};
};

TEST_F(ControlTableTest, PortsComeAndGo) {
  EXPECT_TRUE(table.ports().empty());
  ASSERT_TRUE(table.set_ports({{11211, 0}, {11212, 1}}));
  EXPECT_EQ(server_of_port(11211), 0u);
  EXPECT_EQ(server_of_port(11212), 1u);
  ASSERT_TRUE(table.set_ports({{11212, 1}, {11213, 2}}));
  EXPECT_EQ(server_of_port(11211), CACHE_SERVERS_MAX);
  EXPECT_EQ(server_of_port(11212), 1u);
  EXPECT_EQ(server_of_port(11213), 2u);
  EXPECT_EQ(table.ports(), (std::set<WatchedPort>{{11212, 1}, {11213, 2}}));
  ASSERT_TRUE(table.set_ports({{11212, 3}}));
  EXPECT_EQ(server_of_port(11212), 3u);
  ASSERT_TRUE(table.set_ports({}));
  EXPECT_EQ(server_of_port(11212), CACHE_SERVERS_MAX);
}

TEST_F(ControlTableTest, TheTableCanBeFullAndNoFuller) {
  std::set<WatchedPort> ports;
  for (std::uint16_t i = 0; i < CACHE_PORTS_MAX; i++) ports.insert({static_cast<std::uint16_t>(1000 + i), 0});
  ASSERT_TRUE(table.set_ports(ports));
  EXPECT_EQ(table.ports(), ports);
  ports.insert({5000, 0});
  EXPECT_EQ(table.set_ports(ports).error().code, ENOSPC);
  ports.erase({1000, 0});
  ASSERT_TRUE(table.set_ports(ports));
  EXPECT_EQ(server_of_port(5000), 0u);
}

TEST_F(ControlTableTest, APortThatStaysIsNeverMissing) {
  ASSERT_TRUE(table.set_ports({{1, 0}, {11211, 5}}));
  std::atomic<bool> stop = false;
  std::atomic<std::uint64_t> looks = 0;
  std::atomic<std::uint64_t> missing = 0;
  std::thread reader([&] {
    while (!stop) {
      missing += server_of_port(11211) != 5;
      looks++;
    }
  });
  std::mt19937 random(3);
  while (looks < 200'000) {
    std::set<WatchedPort> ports = {{11211, 5}};
    for (auto i = random() % 10; i > 0; i--)
      ports.insert({static_cast<std::uint16_t>(1 + random() % 20), static_cast<std::uint32_t>(random() % 4)});
    ASSERT_TRUE(table.set_ports(ports));
  }
  stop = true;
  reader.join();
  EXPECT_EQ(missing, 0u);
}

TEST_F(ControlTableTest, Addresses) {
  memory.control().mode = CACHE_MODE_SHADOW;
  table.set_addresses({placed("10.0.0.1", 11211, 0), placed("fd00::1", 11211, 1)});
  EXPECT_EQ(server_of_address("10.0.0.1", 11211), 0);
  EXPECT_EQ(server_of_address("fd00::1", 11211), 1);
  EXPECT_EQ(server_of_address("10.0.0.1", 11212), -1);
  EXPECT_EQ(server_of_address("10.0.0.2", 11211), -1);
  EXPECT_EQ(memory.control().mode, static_cast<std::uint32_t>(CACHE_MODE_SHADOW));
  const std::uint32_t seed = memory.control().address_seed;
  table.set_addresses({placed("fd00::1", 11211, 1), placed("10.0.0.1", 11211, 0)});
  EXPECT_EQ(memory.control().address_seed, seed);  // nothing changed: nothing was touched
  table.set_addresses({placed("10.0.0.2", 11211, 0)});
  EXPECT_EQ(server_of_address("10.0.0.1", 11211), -1);
  EXPECT_EQ(server_of_address("10.0.0.2", 11211), 0);
  table.set_addresses({placed("10.0.0.2", 11211, 3)});
  EXPECT_EQ(server_of_address("10.0.0.2", 11211), 3);
  table.set_addresses({});
  EXPECT_EQ(server_of_address("10.0.0.2", 11211), -1);
}

TEST_F(ControlTableTest, Interfaces) {
  table.set_interfaces({7, 9});
  EXPECT_EQ(memory.control().interface[0], 7u);
  EXPECT_EQ(memory.control().interface[1], 9u);
  EXPECT_EQ(memory.control().interface[2], 0u);
  table.set_interfaces({9});
  EXPECT_EQ(memory.control().interface[0], 9u);
  EXPECT_EQ(memory.control().interface[1], 0u);
}

TEST(WaitForPrograms, ReturnsSoon) { wait_for_programs(); }

}  // namespace
}  // namespace bmc::cache::test
