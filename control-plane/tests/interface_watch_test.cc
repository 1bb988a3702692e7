// SPDX-License-Identifier: Apache-2.0
// The interface watch in a network of its own: every kind of event, and interfaces that come back.
#include "control-plane/interface_watch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "control-plane/tests/network.h"

namespace bmc {
namespace {

using Kind = InterfaceEvent::Kind;

class InterfaceWatchTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { test::enter_own_network(); }

  void SetUp() override {
    watch_.subscribe([this](const InterfaceEvent& event) { events_.push_back(event); });
    ASSERT_TRUE(watch_.start());
  }

  // Runs the loop until an event of this kind and interface came; false after five seconds. Takes it and
  // those before it away.
  bool comes(Kind kind, const std::string& name) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (true) {
      const auto found = std::find_if(events_.begin(), events_.end(), [&](const InterfaceEvent& event) {
        return event.kind == kind && event.interface.name == name;
      });
      if (found != events_.end()) {
        last_ = *found;
        events_.erase(events_.begin(), found + 1);
        return true;
      }
      if (std::chrono::steady_clock::now() > limit) return false;
      loop_.restart();
      loop_.run_one_for(std::chrono::milliseconds(100));
    }
  }

  boost::asio::io_context loop_;
  InterfaceWatch watch_{loop_};
  std::vector<InterfaceEvent> events_;
  InterfaceEvent last_;
};

TEST_F(InterfaceWatchTest, KnowsWhatIsThereAtStart) {
  const Interface* loopback = watch_.find("lo");
  ASSERT_NE(loopback, nullptr);
  EXPECT_EQ(loopback->index, 1);
  EXPECT_TRUE(loopback->up);
  const auto address = boost::asio::ip::make_address("127.0.0.1");
  EXPECT_EQ(std::count(loopback->addresses.begin(), loopback->addresses.end(), address), 1);
  EXPECT_EQ(watch_.find("nowhere"), nullptr);
}

TEST_F(InterfaceWatchTest, TellsOfEveryChange) {
  int first_index = 0;
  {
    const test::VethPair veth("left", "right");
    ASSERT_TRUE(comes(Kind::kAdded, "left"));
    first_index = last_.interface.index;
    EXPECT_EQ(first_index, veth.left().index);
    test::add_address("left", "10.9.8.7", 24);
    ASSERT_TRUE(comes(Kind::kAddresses, "left"));
    const auto v4 = boost::asio::ip::make_address("10.9.8.7");
    const auto& addresses = watch_.find("left")->addresses;
    EXPECT_EQ(std::count(addresses.begin(), addresses.end(), v4), 1);
    test::add_address("left", "2001:db8::7", 64);
    const auto v6 = boost::asio::ip::make_address("2001:db8::7");
    do {
      ASSERT_TRUE(comes(Kind::kAddresses, "left"));
    } while (std::count(last_.interface.addresses.begin(), last_.interface.addresses.end(), v6) == 0);
    test::set_mtu("left", 1400);
    do {
      ASSERT_TRUE(comes(Kind::kChanged, "left"));
    } while (last_.interface.mtu != 1400);
    test::set_up("left", false);
    do {
      ASSERT_TRUE(comes(Kind::kChanged, "left"));
    } while (last_.interface.up);
  }
  ASSERT_TRUE(comes(Kind::kRemoved, "left"));
  EXPECT_EQ(watch_.find("left"), nullptr);
  const test::VethPair again("left", "right");
  ASSERT_TRUE(comes(Kind::kAdded, "left"));
  EXPECT_NE(last_.interface.index, first_index);
}

TEST_F(InterfaceWatchTest, InterfaceMadeAnewBetweenTwoReadingsIsTold) {
  { const test::VethPair gone("left", "right"); }
  const test::VethPair veth("left", "right");
  ASSERT_TRUE(comes(Kind::kAdded, "left"));
  EXPECT_EQ(last_.interface.index, veth.left().index);
}

TEST_F(InterfaceWatchTest, SaysNothingOnceStopped) {
  watch_.stop();
  const test::VethPair veth("left", "right");
  loop_.restart();
  loop_.run();
  EXPECT_TRUE(events_.empty());
}

}  // namespace
}  // namespace bmc
