// SPDX-License-Identifier: Apache-2.0
// Workload: which keys exist, which values they have, which are asked in which request; all from numbers.
// Used by every transport, the population and the checks.
#ifndef BMC_LOADGEN_WORKLOAD_H
#define BMC_LOADGEN_WORKLOAD_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control-plane/result.h"
#include "loadgen/loadgen_abi.h"

namespace bmc::loadgen {

enum class Pattern { kUniform, kZipf, kSequential };

// What decides the sizes of a key and its value: always the key alone, so that everybody knows them.
enum class Sizes {
  kFixed,  // key_size, data_size
  kRange,  // key_size; data_size to data_size_max, evenly
  kEtc,    // Facebook's ETC pool, see distributions.h
  kUsr,    // its USR pool
};

struct WorkloadOptions {
  std::uint32_t key_count = 10000;
  std::uint32_t key_minimum = 0;    // number of the first key
  std::uint32_t key_size = 16;      // bytes: "key-" (or another word for other Sizes), zeros, eight digits
  std::uint32_t data_size = 32;     // bytes
  std::uint32_t data_size_max = 0;  // only for kRange
  Sizes sizes = Sizes::kFixed;
  std::uint32_t keys_per_request = 1;
  Pattern pattern = Pattern::kUniform;
  double zipf_exponent = 0.99;  // only for kZipf; key 0 is the most popular
  std::uint32_t flags = 0;      // memcached's 32-bit client flags
  // Values are made of control characters, \r and \n among them, instead of letters.
  bool control_characters = false;
  std::uint64_t draw_seed = 1;
  std::uint64_t value_seed = 0;
  // A whole reply of fixed sizes must fit one datagram; false where a connection or several datagrams carry
  // it.
  bool one_datagram = true;
};

// memcached's default limit of an item is 1 MiB, its key and header included.
constexpr std::uint32_t kDataSizeMax = (1u << 20) - 1024;

class Workload {
 public:
  // EINVAL where a size is out of range, or `one_datagram` and a whole reply would not fit one.
  static Result<Workload> create(const WorkloadOptions& options);

  const WorkloadOptions& options() const { return options_; }

  // `index` is a key's number: key_minimum <= index < key_minimum + key_count.
  bool contains(std::uint32_t index) const { return index - options_.key_minimum < options_.key_count; }
  std::uint32_t key_size(std::uint32_t index) const;
  std::uint32_t data_size(std::uint32_t index) const;
  // Of all keys.
  std::uint32_t data_size_max() const;

  std::string key(std::uint32_t index) const;
  // The key's version 0, which the population stores; a writer numbers its own. The first eight bytes hold
  // the version (shorter values its lowest bits, four in a byte), the others depend on it.
  std::string value(std::uint32_t index, std::uint32_t version = 0) const;
  // As above, behind what `out` holds.
  void append_key(std::string& out, std::uint32_t index) const;
  void append_value(std::string& out, std::uint32_t index, std::uint32_t version) const;
  // The version that the first bytes of `data` name; nothing where its length or any byte is not that
  // version's.
  std::optional<std::uint32_t> version_of(std::uint32_t index, std::string_view data) const;
  // The bits of a version that a value of `data_size` bytes holds.
  static std::uint32_t version_mask(std::uint32_t data_size) {
    return data_size >= 8 ? 0xffffffffu : (1u << 4 * data_size) - 1;
  }
  // "VALUE <key> <flags> <bytes>\r\n<data>\r\n", as memcached answers.
  std::string record(std::uint32_t index) const;

  // Indices of the keys that request `sequence` asks, in order.
  std::vector<std::uint32_t> asked(std::uint64_t sequence) const;
  // One of them. `position` < keys_per_request.
  std::uint32_t asked_key(std::uint64_t sequence, std::uint32_t position) const;
  // "get <key> <key>...\r\n" of that request.
  std::string request_text(std::uint64_t sequence) const;

  // Fills the parts of the programs' configuration that say what is asked and answered.
  void describe(loadgen_config& config) const;
  // The table of the pattern kZipf, else empty.
  const std::vector<loadgen_alias>& alias_table() const { return alias_; }

 private:
  explicit Workload(const WorkloadOptions& options);
  std::string head(std::uint32_t index) const;
  std::uint64_t root(std::uint32_t index, std::uint32_t version) const;

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
