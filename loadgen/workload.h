// SPDX-License-Identifier: Apache-2.0
// Workload: which keys exist, which values they have, which are asked in which request; all from numbers.
// Used by every transport, the population and the checks.
#ifndef BMC_LOADGEN_WORKLOAD_H
#define BMC_LOADGEN_WORKLOAD_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "control-plane/result.h"
#include "loadgen/loadgen_abi.h"

namespace bmc::loadgen {

enum class Pattern { kUniform, kZipf, kSequential };

struct WorkloadOptions {
  std::uint32_t key_count = 10000;
  std::uint32_t key_size = 16;   // bytes: "key-", zeros, eight digits
  std::uint32_t data_size = 32;  // bytes
  std::uint32_t keys_per_request = 1;
  Pattern pattern = Pattern::kUniform;
  double zipf_exponent = 0.99;  // only for kZipf; key 0 is the most popular
  std::uint32_t flags = 0;      // memcached's 32-bit client flags
  // Values are made of control characters, \r and \n among them, instead of letters.
  bool control_characters = false;
  std::uint64_t draw_seed = 1;
  std::uint64_t value_seed = 0;
};

class Workload {
 public:
  // EINVAL where a size is out of range or a whole reply would not fit one datagram.
  static Result<Workload> create(const WorkloadOptions& options);

  const WorkloadOptions& options() const { return options_; }

  // `index` < key_count.
  std::string key(std::uint32_t index) const;
  std::string value(std::uint32_t index) const;
  // "VALUE <key> <flags> <bytes>\r\n<data>\r\n", as memcached answers.
  std::string record(std::uint32_t index) const;

  // Indices of the keys that request `sequence` asks, in order.
  std::vector<std::uint32_t> asked(std::uint64_t sequence) const;
  // "get <key> <key>...\r\n" of that request.
  std::string request_text(std::uint64_t sequence) const;

  // Fills the parts of the programs' configuration that say what is asked and answered.
  void describe(loadgen_config& config) const;
  // The table of the pattern kZipf, else empty.
  const std::vector<loadgen_alias>& alias_table() const { return alias_; }

 private:
  explicit Workload(const WorkloadOptions& options);
  std::string head(std::uint32_t index) const;

  WorkloadOptions options_;
  std::vector<loadgen_alias> alias_;
};

// Walker's alias table for `weights` (positive, at least one): loadgen_alias says how a draw reads it.
std::vector<loadgen_alias> make_alias_table(const std::vector<double>& weights);

// 1 / rank^exponent for rank 1..count.
std::vector<double> zipf_weights(std::uint32_t count, double exponent);

// What a reply to one request has shown so far. One per outstanding request.
struct ReplyProgress {
  std::uint32_t position = 0;  // keys of the request gone by
  std::uint32_t found = 0;     // of them answered
  bool done = false;           // END was there
};

// The user-space twin of the checker program: one datagram's payload (frame header included) as the reply to
// request `sequence` under id `id`. LOADGEN_COUNTER_COUNT when nothing is wrong, else what is.
loadgen_counter check_payload(const Workload& workload, std::uint64_t sequence, std::uint16_t id,
                              std::string_view payload, ReplyProgress& progress);

}  // namespace bmc::loadgen

#endif
