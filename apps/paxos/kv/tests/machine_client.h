// SPDX-License-Identifier: Apache-2.0
// MachineClient: a KvMachine that is spoken to in the protocol's words, for tests that read like a session.
#ifndef BMC_KV_TESTS_MACHINE_CLIENT_H
#define BMC_KV_TESTS_MACHINE_CLIENT_H

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "apps/paxos/kv/machine/kv_machine.h"
#include "apps/paxos/kv/server/batch.h"
#include "apps/paxos/kv/server/input_buffer.h"

namespace bmc::kv::test {

constexpr std::uint64_t kSecond = 1'000'000;
constexpr std::uint64_t kStart = 1'700'000'000 * kSecond;

class MachineClient {
 public:
  KvMachine machine;
  std::uint64_t now_us = kStart;  // of the operations
  std::uint64_t reader_us = 0;    // the reader's clock, if not the same
  std::uint64_t memory_bytes_max = 64 << 20;
  Counters counters;
  bool last_read_was_behind = false;

  // What is answered to `requests`; each line of them is carried out as a batch of its own.
  std::string ask(std::string_view requests) {
    std::string out;
    while (!requests.empty()) {
      Parsed parsed = parse_request(requests);
      EXPECT_TRUE(parsed.request) << "cut off: " << requests;
      if (!parsed.request) break;
      Batch batch(stats_, counters);
      batch.add(*parsed.request);
      requests.remove_prefix(parsed.consumed);
      carry_out(batch, out);
    }
    return out;
  }

  // All of `requests` as one batch.
  std::string ask_together(std::string_view requests) {
    Batch batch(stats_, counters);
    while (!requests.empty()) {
      Parsed parsed = parse_request(requests);
      EXPECT_TRUE(parsed.request) << "cut off: " << requests;
      if (!parsed.request) break;
      batch.add(*parsed.request);
      requests.remove_prefix(parsed.consumed);
    }
    std::string out;
    carry_out(batch, out);
    return out;
  }

  // Rounds the last batch took.
  int rounds = 0;

 private:
  void carry_out(Batch& batch, std::string& out) {
    rounds = 0;
    bool as_operation = false;
    last_read_was_behind = false;
    batch.answer_local(out);
    while (batch.has_commands()) {
      ++rounds;
      const bool read = !as_operation && batch.is_read();
      const std::uint64_t reader = reader_us == 0 ? now_us : reader_us;
      const std::string bytes = read ? machine.read(batch.query(Expiry::kReport, reader), machine_time())
                                     : machine.apply(batch.operation(memory_bytes_max), now_us);
      const auto result = decode_result(bytes);
      ASSERT_TRUE(result);
      EXPECT_LE(bytes.size(), kMessageBytesMax);
      if (result->status == Status::kBehind) {
        ASSERT_TRUE(read);
        as_operation = last_read_was_behind = true;
        continue;
      }
      ASSERT_TRUE(batch.answer(*result, out));
    }
  }

  std::uint64_t machine_time() const { return machine.gauges().time_us.load(); }

  Batch::Stats stats_ = [](std::string_view) { return std::string("END\r\n"); };
};

}  // namespace bmc::kv::test

#endif
