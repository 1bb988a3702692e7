// SPDX-License-Identifier: Apache-2.0
// `bmcctl top`: hot keys in the right order with about the right rates, and nothing sampled while nobody
// looks. Run by ctest, label netns.
#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>

#include "netns-tests/tests/accelerated.h"

namespace bmc::lab {
namespace {

class TopTest : public Accelerated {
 protected:
  /// Gets of hot : warm : absent = 6 : 3 : 1 while it lives.
  class Load {
   public:
    explicit Load(UdpClient& client)
        : thread_([this, &client] {
            for (int i = 0; !stop_; ++i)
              client.request(i % 10 < 6   ? "get hot\r\n"
                             : i % 10 < 9 ? "get warm\r\n"
                                          : "get absent\r\n",
                             1000);
          }) {}
    ~Load() {
      stop_ = true;
      thread_.join();
    }

   private:
    std::atomic<bool> stop_ = false;
    std::thread thread_;
  };

  double sampled() const { return bmcd_->packets("sample", "sample", "taken"); }
  nlohmann::json top(std::vector<std::string> options) {
    options.insert(options.begin(), {"top", "--seconds", "2"});
    return nlohmann::json::parse(bmcd_->ctl_json(std::move(options)));
  }
};

TEST_F(TopTest, HotKeysWithTheirRates) {
  start();
  store("hot", "value", 1000);
  store("warm", "v");
  ASSERT_TRUE(becomes_served("hot", "value"));
  ASSERT_TRUE(becomes_served("warm", "v"));
  EXPECT_EQ(sampled(), 0) << "nobody looked";
  const Load load(udp_);
  const nlohmann::json reply = top({});
  const nlohmann::json& keys = reply["keys"];
  ASSERT_EQ(keys.size(), 3u) << reply;
  EXPECT_EQ(keys[0]["key"], "aG90");  // "hot" in base64
  EXPECT_EQ(keys[1]["key"], "d2FybQ==");
  EXPECT_EQ(keys[2]["key"], "YWJzZW50");
  const double all = reply["requests_per_s"];
  EXPECT_GT(all, 100);
  EXPECT_NEAR(keys[0]["requests_per_s"].get<double>() / all, 0.6, 0.1) << reply;
  EXPECT_NEAR(keys[1]["requests_per_s"].get<double>() / all, 0.3, 0.1) << reply;
  EXPECT_GT(keys[0]["kernel_share"].get<double>(), 0.9);
  EXPECT_EQ(keys[2]["kernel_share"].get<double>(), 0);
  EXPECT_EQ(keys[0]["bytes"], 5);
  EXPECT_TRUE(keys[0]["expires"].get<bool>());
  EXPECT_NEAR(keys[0]["expires_in_s"].get<double>(), 990, 20);
  EXPECT_FALSE(keys[1]["expires"].get<bool>());
  EXPECT_TRUE(keys[1]["cached"].get<bool>());
  EXPECT_FALSE(keys[2]["cached"].get<bool>());
}

TEST_F(TopTest, HashesInsteadOfKeysAndNoMoreThanAskedFor) {
  start();
  const Load load(udp_);
  const nlohmann::json reply = top({"--hash", "--count", "1"});
  ASSERT_EQ(reply["keys"].size(), 1u) << reply;
  EXPECT_EQ(reply["keys"][0]["key"], "");
  EXPECT_NE(reply["keys"][0]["hash"], "0");
  const CommandResult text = bmcd_->ctl({"top", "--seconds", "1", "--hash"});
  EXPECT_EQ(text.exit_code, 0) << text.output;
  EXPECT_EQ(text.output.find("hot"), std::string::npos) << text.output;
  EXPECT_EQ(text.output.find("estimated"), text.output.find(" keys/s") + 9) << text.output;
}

TEST_F(TopTest, EndsSamplingWhenNobodyLooksAnyMore) {
  start();
  const Load load(udp_);
  top({});
  EXPECT_GT(sampled(), 0);
  // He might ask again for seven seconds.
  double last = -1;
  EXPECT_TRUE(eventually(Deadline::in_ms(30'000), [&] {
    const double before = last;
    const Deadline pause = Deadline::in_ms(300);
    while (!pause.passed()) std::this_thread::yield();
    return (last = sampled()) == before;
  }));
}

TEST_F(TopTest, RefusesWhatItCannotDo) {
  start();
  EXPECT_EQ(bmcd_->ctl({"top", "--seconds", "0"}).exit_code, 2);
  EXPECT_EQ(bmcd_->ctl({"top", "--seconds", "61"}).exit_code, 2);
  EXPECT_EQ(bmcd_->ctl({"top", "--count", "0"}).exit_code, 2);
  ASSERT_TRUE(bmcd_->stop());
  const CommandResult stopped = bmcd_->ctl({"top", "--seconds", "1"});
  EXPECT_EQ(stopped.exit_code, 3);
  EXPECT_NE(stopped.output.find("bmcd is not running"), std::string::npos) << stopped.output;
}

}  // namespace
}  // namespace bmc::lab
