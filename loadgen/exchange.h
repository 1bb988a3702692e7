// SPDX-License-Identifier: Apache-2.0
// Exchange: one request on its way and what its reply has shown so far; and what all workers of a transport
// share to make and judge them. Used by RequestSource, ReplyJudge and the channels.
#ifndef BMC_LOADGEN_EXCHANGE_H
#define BMC_LOADGEN_EXCHANGE_H

#include <cstdint>
#include <vector>

#include "loadgen/loadgen_abi.h"
#include "loadgen/versions.h"
#include "loadgen/workload.h"

namespace bmc::loadgen {

struct Exchange {
  struct Asked {
    std::uint32_t index;
    std::uint32_t oldest;  // write that a right answer may hold, see VersionTable
  };

  bool is_set = false;
  bool verified = true;                           // its answer is compared byte by byte
  std::uint64_t intended_ns = 0;                  // CLOCK_MONOTONIC, as sent_ns
  std::uint64_t sent_ns = 0;                      // handed to the channel
  std::uint64_t bytes = 0;                        // text of the request and of the reply so far
  std::vector<Asked> keys;                        // one for a set
  std::uint32_t position = 0;                     // keys of a get gone by: answered or skipped
  std::uint32_t found = 0;                        // of them answered
  bool done = false;                              // the reply is whole
  loadgen_counter fault = LOADGEN_COUNTER_COUNT;  // the first thing wrong; COUNT: nothing
};

struct TrafficOptions {
  std::uint32_t sets = 0;  // of each sets + gets requests
  std::uint32_t gets = 1;
  double verify = 1;  // share of the replies that is compared byte by byte
  std::uint32_t expiry_min =
      0;  // seconds that a written item lives, drawn from expiry_min..expiry_max; 0: ever
  std::uint32_t expiry_max = 0;
  std::uint64_t late_after_ns = 200'000'000;
  bool rewrite = false;    // sets store version 0 again: for a load whose gets another transport checks
  bool populated = false;  // every key holds version 0 when the load begins; false: nobody knows
};

// One for all workers of a transport.
struct Traffic {
  Traffic(const Workload& from, const TrafficOptions& chosen);

  const Workload& workload;  // lent
  TrafficOptions options;
  VersionTable versions;       // by index - key_minimum
  std::uint32_t version_base;  // write n of this run has version version_base + n

  std::uint32_t slot_of(std::uint32_t index) const { return index - workload.options().key_minimum; }
};

}  // namespace bmc::loadgen

#endif
