// SPDX-License-Identifier: Apache-2.0
// The metrics server: fresh answers from the loop's thread, a loop that hangs, and an end while somebody
// scrapes.
#include <gtest/gtest.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <future>
#include <thread>

#include "control-plane/metrics_server.h"
#include "control-plane/tests/loopback.h"

namespace bmc {
namespace {

using boost::asio::ip::tcp;

// Sends `request` and reads until the server closes.
std::string talk(const Endpoint& endpoint, const std::string& request) {
  boost::asio::io_context loop;
  tcp::socket socket(loop);
  socket.connect(tcp::endpoint(endpoint.address, endpoint.port));
  boost::system::error_code end;
  boost::asio::write(socket, boost::asio::buffer(request), end);
  std::string answer;
  boost::asio::read(socket, boost::asio::dynamic_buffer(answer), end);
  return answer;
}

std::string scrape(const Endpoint& endpoint) { return talk(endpoint, "GET /metrics HTTP/1.0\r\n\r\n"); }

class Metrics : public testing::Test {
 protected:
  void SetUp() override {
    const auto listening = server_.listen(endpoint_);
    ASSERT_TRUE(listening) << listening.error().what;
  }

  // The loop, in a thread of its own until the test ends.
  void run_loop() {
    thread_ = std::thread([this] {
      const auto work = boost::asio::make_work_guard(loop_);
      loop_.run();
    });
  }

  void TearDown() override {
    if (!thread_.joinable()) return;
    boost::asio::post(loop_, [this] {
      server_.stop();
      loop_.stop();
    });
    thread_.join();
  }

  void collect(std::vector<prometheus::MetricFamily>& families) {
    collected_on_ = std::this_thread::get_id();
    prometheus::ClientMetric metric;
    metric.gauge.value = static_cast<double>(++value_);
    families.push_back({"test_value", "help", prometheus::MetricType::Gauge, {metric}});
  }

  Endpoint endpoint_{boost::asio::ip::address_v4::loopback(), test::free_port()};
  boost::asio::io_context loop_;
  int value_ = 0;
  std::thread::id collected_on_;
  MetricsServer server_{loop_, [this](auto& families) { collect(families); }};
  std::thread thread_;
};

TEST_F(Metrics, EachScrapeIsCollectedAnewOnTheLoop) {
  run_loop();
  EXPECT_NE(scrape(endpoint_).find("test_value 1\n"), std::string::npos);
  EXPECT_NE(scrape(endpoint_).find("test_value 2\n"), std::string::npos);
  EXPECT_EQ(collected_on_, thread_.get_id());
}

TEST_F(Metrics, ManyScrapersAreAllServed) {
  run_loop();
  std::vector<std::future<std::string>> scrapers;
  for (int i = 0; i < 8; ++i) scrapers.push_back(std::async(std::launch::async, scrape, endpoint_));
  for (auto& each : scrapers) EXPECT_NE(each.get().find("test_value"), std::string::npos);
}

TEST_F(Metrics, ConnectionIsKeptForTheNextScrape) {
  run_loop();
  const std::string answer = talk(endpoint_,
                                  "GET /metrics HTTP/1.1\r\nHost: h\r\n\r\nGET /metrics "
                                  "HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_NE(answer.find("test_value 1\n"), std::string::npos);
  EXPECT_NE(answer.find("test_value 2\n"), std::string::npos);
}

TEST_F(Metrics, OtherRequestsGetTheirStatusOrNothing) {
  run_loop();
  EXPECT_EQ(talk(endpoint_, "GET / HTTP/1.0\r\n\r\n").substr(0, 12), "HTTP/1.0 404");
  EXPECT_EQ(talk(endpoint_, "DELETE /metrics HTTP/1.0\r\n\r\n").substr(0, 12), "HTTP/1.0 405");
  EXPECT_EQ(talk(endpoint_, "\x01\x02\x03\r\n\r\n"), "");
  EXPECT_EQ(
      talk(endpoint_, "GET /" + std::string(2 * MetricsServer::kRequestBytesMax, 'x') + " HTTP/1.0\r\n\r\n"),
      "");
  EXPECT_EQ(talk(endpoint_, "POST /metrics HTTP/1.0\r\nContent-Length: 99\r\n\r\n"), "");
  EXPECT_EQ(value_, 0);
  EXPECT_NE(scrape(endpoint_).find("test_value 1\n"), std::string::npos);
}

TEST_F(Metrics, StopClosesAtOnceWhoeverIsConnected) {
  run_loop();
  boost::asio::io_context loop;
  tcp::socket socket(loop);
  socket.connect(tcp::endpoint(endpoint_.address, endpoint_.port));
  boost::asio::write(socket, boost::asio::buffer(std::string("GET /met")));
  scrape(endpoint_);  // by now the one before it was accepted
  boost::asio::post(loop_, [this] { server_.stop(); });
  std::string answer;
  boost::system::error_code end;
  boost::asio::read(socket, boost::asio::dynamic_buffer(answer), end);
  EXPECT_EQ(answer, "");
}

TEST_F(Metrics, PortInUseIsAnErrorWithARemedy) {
  boost::asio::io_context loop;
  MetricsServer second(loop, [](auto&) {});
  const auto listening = second.listen(endpoint_);
  ASSERT_FALSE(listening);
  EXPECT_NE(listening.error().what.find("--metrics"), std::string::npos);
}

}  // namespace
}  // namespace bmc
