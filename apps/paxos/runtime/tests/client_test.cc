// SPDX-License-Identifier: Apache-2.0
// The client's ways of asking, and what it says when there is no answer.
#include "apps/paxos/include/bmc/paxos/client.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <future>

#include "apps/paxos/runtime/tests/loop.h"
#include "apps/paxos/runtime/tests/test_cluster.h"

namespace bmc::paxos::runtime {
namespace {

TEST(ClientTest, EveryKindOfToken) {
  TestCluster cluster;
  cluster.start_all();
  const auto client = cluster.client();

  EXPECT_EQ(*client->async_call("future", boost::asio::use_future).get(), "1");

  std::promise<std::string> by_handler;
  // A handler that can only be moved.
  client->async_call("handler", [done = &by_handler, proof = std::make_unique<int>(1)](
                                    Result<std::string> r) { done->set_value(r ? *r : r.error().what); });
  EXPECT_EQ(by_handler.get_future().get(), "1");

  const auto coroutine = [&]() -> boost::asio::awaitable<std::string> {
    const auto called = co_await client->async_call("coroutine", boost::asio::use_awaitable);
    const auto read = co_await client->async_read("coroutine", boost::asio::use_awaitable);
    co_return *called + *read;
  };
  EXPECT_EQ(boost::asio::co_spawn(cluster.executor(), coroutine(), boost::asio::use_future).get(), "11");

  EXPECT_EQ(*client->call("waiting"), "1");
  EXPECT_EQ(*client->read(""), "4");
}

TEST(ClientTest, AReadSeesEveryCallThatCompleted) {
  TestCluster cluster;
  cluster.start_all();
  const auto writer = cluster.client();
  for (int replica = -1; replica < 3; replica++) {
    ClientOptions options = cluster.client_options();
    options.read_replica = replica;
    const auto reader = cluster.client(options);
    for (int i = 0; i < 50; i++) {
      const std::string operation = std::to_string(replica) + "/" + std::to_string(i);
      ASSERT_TRUE(writer->call(operation));
      ASSERT_EQ(*reader->read(operation), "1") << operation;
    }
  }
}

TEST(ClientTest, AStaleReadNeedsNobodyElse) {
  TestCluster cluster;
  cluster.start_all();
  ASSERT_TRUE(cluster.client()->call("one"));
  ClientOptions options = cluster.client_options();
  options.read_replica = 2;
  const auto client = cluster.client(options);
  ASSERT_EQ(*client->read("one"), "1");
  cluster.stop(0);
  cluster.stop(1);
  EXPECT_EQ(*client->read_stale("one"), "1");
}

TEST(ClientTest, NobodyThereTimesOut) {
  TestCluster cluster;
  ClientOptions options = cluster.client_options();
  options.deadline_ms = 100;
  const auto client = cluster.client(options);
  const auto called = client->call("one");
  ASSERT_FALSE(called);
  EXPECT_EQ(called.error().code, ErrorCode::timed_out);
  const auto read = client->read("one");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::timed_out);
  EXPECT_GT(client->counters().retransmissions, 0u);
}

TEST(ClientTest, AnAnswerThatNeverComesIsAnUnknownOutcome) {
  TestCluster cluster;
  cluster.start_all();
  ClientOptions options = cluster.client_options();
  options.deadline_ms = 500;
  options.sessions_max = 1;
  const auto client = cluster.client(options);
  while (!client->call("one")) continue;  // the session is open
  for (std::size_t i = 0; i < 3; i++) cluster.stop(i);
  const auto called = client->call("two");
  ASSERT_FALSE(called);
  EXPECT_EQ(called.error().code, ErrorCode::unknown_outcome);
}

TEST(ClientTest, AForgottenSessionIsToldOnceAndReplaced) {
  TestCluster cluster({.change = [](Options& options) { options.sessions_max = 2; }});
  cluster.start_all();
  ClientOptions options = cluster.client_options();
  options.sessions_max = 1;
  const auto one = cluster.client(options), two = cluster.client(options), three = cluster.client(options);
  ASSERT_TRUE(one->call("one"));
  ASSERT_TRUE(two->call("two"));
  ASSERT_TRUE(three->call("three"));
  const auto evicted = one->call("four");
  ASSERT_FALSE(evicted);
  EXPECT_EQ(evicted.error().code, ErrorCode::session_evicted);
  EXPECT_EQ(*one->call("five"), "1");
  EXPECT_EQ(*one->read("four"), "0");
}

TEST(ClientTest, CallsOfManyThreads) {
  TestCluster cluster;
  cluster.start_all();
  const auto client = cluster.client();
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; t++) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; i++) EXPECT_EQ(*client->call(std::to_string(t) + "/" + std::to_string(i)), "1");
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(*client->read(""), "400");
  EXPECT_LE(client->counters().sessions_opened, 8u);
}

TEST(ClientTest, ClosingAnswersWhatIsUnderWay) {
  TestCluster cluster;  // nobody answers
  ClientOptions options = cluster.client_options();
  options.sessions_max = 2;
  const auto client = cluster.client(options);
  std::vector<std::future<Result<std::string>>> answers;
  for (int i = 0; i < 5; i++) answers.push_back(client->async_call("one", boost::asio::use_future));
  client->close();
  for (auto& answer : answers) {
    const auto result = answer.get();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::shutting_down);
  }
  EXPECT_EQ(client->call("two").error().code, ErrorCode::shutting_down);
}

TEST(ClientTest, WrongOptionsAreAnError) {
  Loop loop;
  const auto opened = Client::open(loop.executor(), ClientOptions{});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::configuration);
  EXPECT_NE(opened.error().what.find("cluster_id"), std::string::npos);
}

}  // namespace
}  // namespace bmc::paxos::runtime
