// SPDX-License-Identifier: Apache-2.0
// See request_source.h.
#include "loadgen/request_source.h"

#include <charconv>

#include "loadgen/workload_abi.h"

namespace bmc::loadgen {
namespace {

// Draws of their own, beside those of the keys.
constexpr std::uint64_t kVerifySeed = 0x7e57;
constexpr std::uint64_t kExpirySeed = 0xe8b1;
// Number of the first set's draw: no run makes so many gets.
constexpr std::uint64_t kFirstSet = 1ull << 40;

void append_number(std::string& text, std::uint32_t number) {
  char digits[10];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, number);
  text.append(digits, end);
}

}  // namespace

void RequestSource::next(Exchange& exchange, std::string& text) {
  const std::size_t start = text.size();
  // Each kind draws on its own: else a pattern such as one key after another would write some keys and read
  // others.
  const std::uint64_t sequence =
      next_is_set() ? kFirstSet + sets_ * parts_ + part_ : (number_ - sets_) * parts_ + part_;
  const double coin = static_cast<double>(workload_random(kVerifySeed, sequence, 0) >> 11) * 0x1p-53;
  exchange.is_set = next_is_set();
  exchange.verified = coin < traffic_.options.verify;
  exchange.position = exchange.found = 0;
  exchange.done = false;
  exchange.fault = LOADGEN_COUNTER_COUNT;
  exchange.keys.clear();
  if (exchange.is_set) {
    make_set(exchange, sequence, text);
  } else {
    make_get(exchange, sequence, text);
  }
  exchange.bytes = text.size() - start;
  sets_ += next_is_set();
  number_++;
}

void RequestSource::make_get(Exchange& exchange, std::uint64_t sequence, std::string& text) {
  const Workload& workload = traffic_.workload;
  text += "get";
  for (std::uint32_t position = 0; position < workload.options().keys_per_request; ++position) {
    const std::uint32_t index = workload.asked_key(sequence, position);
    text += ' ';
    workload.append_key(text, index);
    exchange.keys.push_back({index, traffic_.versions.oldest(traffic_.slot_of(index))});
  }
  text += "\r\n";
}

// A key has one write on its way at most (see VersionTable): where the one drawn has, the next takes its
// place. Where all have, the request is a get of the key drawn.
void RequestSource::make_set(Exchange& exchange, std::uint64_t sequence, std::string& text) {
  const Workload& workload = traffic_.workload;
  const WorkloadOptions& options = workload.options();
  const std::uint32_t drawn = traffic_.slot_of(workload.asked_key(sequence, 0));
  std::optional<std::uint32_t> write;
  std::uint32_t slot = drawn;
  for (std::uint32_t tried = 0; !write && tried < options.key_count; ++tried) {
    slot = (drawn + tried) % options.key_count;
    write = traffic_.versions.begin_write(slot);
  }
  if (!write) {
    exchange.is_set = false;
    make_get(exchange, sequence, text);
    return;
  }
  const std::uint32_t index = options.key_minimum + slot;
  exchange.keys.push_back({index, *write});
  const TrafficOptions& chosen = traffic_.options;
  const std::uint32_t lives = chosen.expiry_min + workload_column(workload_random(kExpirySeed, sequence, 0),
                                                                  chosen.expiry_max - chosen.expiry_min + 1);
  text += "set ";
  workload.append_key(text, index);
  for (const std::uint32_t number : {options.flags, lives, workload.data_size(index)}) {
    text += ' ';
    append_number(text, number);
  }
  text += "\r\n";
  workload.append_value(text, index, chosen.rewrite ? 0 : traffic_.version_base + *write);
  text += "\r\n";
}

}  // namespace bmc::loadgen
