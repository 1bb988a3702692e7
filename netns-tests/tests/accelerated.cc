// SPDX-License-Identifier: Apache-2.0
// See accelerated.h.
#include "netns-tests/tests/accelerated.h"

namespace bmc::lab {

void Accelerated::store(const std::string& key, const std::string& value, int64_t exptime) {
  TcpClient client(lab_.server(), memcached_->loopback());
  ASSERT_EQ(client.command("set " + key + " 0 " + std::to_string(exptime) + " " +
                           std::to_string(value.size()) + "\r\n" + value + "\r\n"),
            "STORED\r\n");
}

std::string Accelerated::truth(const std::string& key) {
  TcpClient client(lab_.server(), memcached_->loopback());
  return client.get("get " + key + "\r\n").value_or("");
}

std::string Accelerated::ask(const std::string& key, int64_t timeout_ms) {
  return udp_.request("get " + key + "\r\n", timeout_ms).value_or("");
}

Accelerated::Answer Accelerated::ask_whom(const std::string& key) {
  const double before = bmcd_->hits();
  std::string reply = ask(key);
  return {std::move(reply), bmcd_->hits() > before};
}

bool Accelerated::becomes_served(const std::string& key, const std::string& value, int64_t timeout_ms) {
  return eventually(Deadline::in_ms(timeout_ms), [&] {
    const Answer answer = ask_whom(key);
    EXPECT_EQ(answer.reply, hit(key, value));
    return answer.from_kernel;
  });
}

bool Accelerated::stays_unserved(const std::string& key, const std::string& reply, int64_t ms) {
  const Deadline deadline = Deadline::in_ms(ms);
  const double before = bmcd_->hits();
  while (!deadline.passed()) EXPECT_EQ(ask(key), reply);
  return bmcd_->hits() == before;
}

bool Accelerated::answered_while_frozen(const std::string& key) {
  memcached_->freeze();
  const bool answered = !ask(key, 100).empty();
  memcached_->thaw();
  // The reply to the frozen request, if any, must not be taken for a later one's.
  while (udp_.receive(Deadline::in_ms(200))) {
  }
  return answered;
}

}  // namespace bmc::lab
