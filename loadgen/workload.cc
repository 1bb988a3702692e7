// SPDX-License-Identifier: Apache-2.0
#include "loadgen/workload.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "loadgen/distributions.h"
#include "loadgen/workload_abi.h"

namespace bmc::loadgen {
namespace {

// Of the keys, by their Sizes: so that runs of different kinds do not take each other's items for wrong ones.
constexpr std::string_view kKeyPrefixes[] = {"key-", "rng-", "etc-", "usr-"};
constexpr std::size_t kPrefixSize = 4;
constexpr std::string_view kEnd = "END\r\n";
constexpr std::uint8_t kLetters = 'a';    // values of 'a'..'p'
constexpr std::uint8_t kControls = '\n';  // values of 0x0a..0x19: line feed, carriage return, escape...

std::uint8_t value_base(const WorkloadOptions& options) {
  return options.control_characters ? kControls : kLetters;
}

// 0 < u < 1 for the size of a key (purpose 0) or its value (1).
double size_random(std::uint32_t index, std::uint32_t purpose) {
  constexpr std::uint64_t kSizeSeed = 0x5ca1ab1e;
  const std::uint64_t random = workload_random(kSizeSeed, index, purpose);
  return (static_cast<double>(random >> 11) + 0.5) * 0x1p-53;
}

// A version's eight groups of four bits, one in each byte of a word; and back.
std::uint64_t spread(std::uint32_t version) {
  std::uint64_t word = version;
  word = (word | word << 16) & 0x0000ffff0000ffffull;
  word = (word | word << 8) & 0x00ff00ff00ff00ffull;
  return (word | word << 4) & 0x0f0f0f0f0f0f0f0full;
}

std::uint32_t gather(std::uint64_t word) {
  word = (word | word >> 4) & 0x00ff00ff00ff00ffull;
  word = (word | word >> 8) & 0x0000ffff0000ffffull;
  return static_cast<std::uint32_t>(word | word >> 16);
}

constexpr std::uint64_t kLowBits = 0x0f0f0f0f0f0f0f0full;

// The first `size` bytes of a word, the others zero.
std::uint64_t first_bytes(std::uint64_t word, std::uint32_t size) {
  return size >= 8 ? word : word & ((1ull << 8 * size) - 1);
}

// Sizes and numbers of keys, whatever carries them.
Result<void> check_keys(const WorkloadOptions& options) {
  const auto fail = [](std::string what) { return Error{EINVAL, std::move(what)}; };
  if (options.key_count < 1 || options.key_count > LOADGEN_KEY_COUNT_MAX)
    return fail("the number of keys must be between 1 and 100000000");
  if (options.key_minimum > LOADGEN_KEY_COUNT_MAX - options.key_count)
    return fail("the number of the last key must be below 100000000");
  if (options.key_size < LOADGEN_KEY_MIN || options.key_size > LOADGEN_KEY_MAX)
    return fail("the key size must be between 12 and 250 bytes");
  if (options.keys_per_request < 1 || options.keys_per_request > LOADGEN_KEYS_MAX)
    return fail("a request asks for 1 to 32 keys");
  if (options.data_size < 1 || options.data_size > kDataSizeMax)
    return fail("the data size must be between 1 byte and " + std::to_string(kDataSizeMax));
  if (options.sizes == Sizes::kRange &&
      (options.data_size_max < options.data_size || options.data_size_max > kDataSizeMax))
    return fail("the range of data sizes is empty, or reaches above " + std::to_string(kDataSizeMax));
  if (options.pattern == Pattern::kZipf && !(options.zipf_exponent > 0 && options.zipf_exponent < 10))
    return fail("the Zipf exponent must be between 0 and 10");
  return {};
}

}  // namespace

std::vector<double> zipf_weights(std::uint32_t count, double exponent) {
  std::vector<double> weights(count);
  for (std::uint32_t rank = 0; rank < count; ++rank) weights[rank] = 1.0 / std::pow(rank + 1.0, exponent);
  return weights;
}

std::vector<loadgen_alias> make_alias_table(const std::vector<double>& weights) {
  // Vose's construction: columns of equal height, each filled by at most two outcomes.
  const auto count = static_cast<std::uint32_t>(weights.size());
  double sum = 0;
  for (const double weight : weights) sum += weight;
  std::vector<double> height(count);
  std::vector<std::uint32_t> small, large;
  for (std::uint32_t column = 0; column < count; ++column) {
    height[column] = weights[column] * count / sum;
    (height[column] < 1 ? small : large).push_back(column);
  }
  std::vector<loadgen_alias> table(count);
  for (std::uint32_t column = 0; column < count; ++column)
    table[column] = {std::numeric_limits<std::uint32_t>::max(), column};
  while (!small.empty() && !large.empty()) {
    const std::uint32_t low = small.back(), high = large.back();
    small.pop_back();
    table[low] = {static_cast<std::uint32_t>(height[low] * 4294967295.0), high};
    height[high] -= 1 - height[low];
    if (height[high] < 1) {
      large.pop_back();
      small.push_back(high);
    }
  }
  return table;
}

Workload::Workload(const WorkloadOptions& options) : options_(options) {
  if (options.pattern == Pattern::kZipf)
    alias_ = make_alias_table(zipf_weights(options.key_count, options.zipf_exponent));
}

Result<Workload> Workload::create(const WorkloadOptions& options) {
  const auto fail = [](std::string what) { return Error{EINVAL, std::move(what)}; };
  if (auto valid = check_keys(options); !valid) return valid.error();
  if (!options.one_datagram || options.sizes != Sizes::kFixed) return Workload(options);
  const std::size_t record = options.data_size + options.key_size + std::strlen("VALUE   \r\n\r\n") +
                             std::to_string(options.flags).size() + std::to_string(options.data_size).size();
  if (LOADGEN_FRAME_HEADER + record * options.keys_per_request + kEnd.size() > LOADGEN_REPLY_MAX)
    return fail("the whole reply must fit one datagram of 1400 bytes: ask for fewer keys or less data");
  if (LOADGEN_FRAME_HEADER + 5 + (options.key_size + 1) * options.keys_per_request > LOADGEN_REPLY_MAX)
    return fail("the whole request must fit one datagram of 1400 bytes: ask for fewer or shorter keys");
  return Workload(options);
}

std::uint32_t Workload::key_size(std::uint32_t index) const {
  switch (options_.sizes) {
    case Sizes::kEtc:
      return std::clamp(etc_key_size(size_random(index, 0)), LOADGEN_KEY_MIN, LOADGEN_KEY_MAX);
    case Sizes::kUsr:
      return usr_key_size(size_random(index, 0));
    default:
      return options_.key_size;
  }
}

std::uint32_t Workload::data_size(std::uint32_t index) const {
  switch (options_.sizes) {
    case Sizes::kEtc:
      return std::min(etc_value_size(size_random(index, 1)), kDataSizeMax);
    case Sizes::kUsr:
      return kUsrValueBytes;
    case Sizes::kRange:
      return options_.data_size +
             static_cast<std::uint32_t>(size_random(index, 1) *
                                        (options_.data_size_max - options_.data_size + 1));
    default:
      return options_.data_size;
  }
}

std::uint32_t Workload::data_size_max() const {
  switch (options_.sizes) {
    case Sizes::kEtc:
      return kDataSizeMax;
    case Sizes::kUsr:
      return kUsrValueBytes;
    case Sizes::kRange:
      return options_.data_size_max;
    default:
      return options_.data_size;
  }
}

void Workload::append_key(std::string& out, std::uint32_t index) const {
  const std::uint64_t digits = workload_digits(index);
  out += kKeyPrefixes[static_cast<std::size_t>(options_.sizes)];
  out.append(key_size(index) - kPrefixSize - LOADGEN_KEY_DIGITS, '0');
  out.append(reinterpret_cast<const char*>(&digits), sizeof digits);
}

std::string Workload::key(std::uint32_t index) const {
  std::string text;
  append_key(text, index);
  return text;
}

std::uint64_t Workload::root(std::uint32_t index, std::uint32_t version) const {
  const std::uint64_t first = workload_value_root(options_.value_seed, index);
  return version == 0 ? first : workload_mix(first ^ version);
}

void Workload::append_value(std::string& out, std::uint32_t index, std::uint32_t version) const {
  const std::uint32_t size = data_size(index);
  const std::uint64_t root = this->root(index, version);
  const std::uint8_t base = value_base(options_);
  const std::uint64_t bases = base * 0x0101010101010101ull;
  const std::size_t start = out.size();
  out.resize(start + size);
  for (std::uint32_t at = 0; at < size; at += 8) {
    std::uint64_t word = workload_value_word(at == 0 ? this->root(index, 0) : root, at / 8, base);
    if (at == 0) word = ((word - bases) ^ spread(version)) + bases;
    std::memcpy(out.data() + start + at, &word, std::min(8u, size - at));
  }
}

std::string Workload::value(std::uint32_t index, std::uint32_t version) const {
  std::string text;
  append_value(text, index, version);
  return text;
}

std::optional<std::uint32_t> Workload::version_of(std::uint32_t index, std::string_view data) const {
  const std::uint8_t base = value_base(options_);
  const std::uint64_t bases = base * 0x0101010101010101ull;
  const std::uint32_t size = data_size(index);
  if (data.size() != size) return std::nullopt;
  std::uint64_t first = bases;
  std::memcpy(&first, data.data(), std::min(8u, size));
  // No borrow from one byte to the next where every byte is base + 0..15; elsewhere some high bits show it.
  const std::uint64_t groups = first - bases;
  if ((groups & ~kLowBits) != 0) return std::nullopt;
  const std::uint64_t want = workload_value_word(root(index, 0), 0, base) - bases;
  const std::uint32_t version = gather(first_bytes(groups ^ want, size));
  const std::uint64_t root = this->root(index, version);
  for (std::uint32_t at = 8; at < size; at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, data.data() + at, std::min(8u, size - at));
    if (word != first_bytes(workload_value_word(root, at / 8, base), size - at)) return std::nullopt;
  }
  return version;
}

std::string Workload::head(std::uint32_t index) const {
  return "VALUE " + key(index) + " " + std::to_string(options_.flags) + " " +
         std::to_string(data_size(index)) + "\r\n";
}

std::string Workload::record(std::uint32_t index) const { return head(index) + value(index) + "\r\n"; }

std::uint32_t Workload::asked_key(std::uint64_t sequence, std::uint32_t position) const {
  if (options_.pattern == Pattern::kSequential)
    return options_.key_minimum +
           static_cast<std::uint32_t>((sequence * options_.keys_per_request + position) % options_.key_count);
  const std::uint64_t random = workload_random(options_.draw_seed, sequence, position);
  const std::uint32_t drawn = workload_column(random, options_.key_count);
  if (options_.pattern == Pattern::kZipf && static_cast<std::uint32_t>(random) >= alias_[drawn].threshold)
    return options_.key_minimum + alias_[drawn].alias;
  return options_.key_minimum + drawn;
}

std::vector<std::uint32_t> Workload::asked(std::uint64_t sequence) const {
  std::vector<std::uint32_t> keys;
  for (std::uint32_t position = 0; position < options_.keys_per_request; ++position)
    keys.push_back(asked_key(sequence, position));
  return keys;
}

std::string Workload::request_text(std::uint64_t sequence) const {
  std::string text = "get";
  for (const std::uint32_t index : asked(sequence)) text += " " + key(index);
  return text + "\r\n";
}

void Workload::describe(loadgen_config& config) const {
  constexpr std::uint8_t kPatterns[] = {LOADGEN_UNIFORM, LOADGEN_ALIAS, LOADGEN_SEQUENTIAL};
  std::string blank = head(0);
  config.pattern = kPatterns[static_cast<int>(options_.pattern)];
  config.value_base = value_base(options_);
  config.key_count = options_.key_count;
  config.key_minimum = options_.key_minimum;
  config.keys_per_request = options_.keys_per_request;
  config.key_size = options_.key_size;
  config.data_size = options_.data_size;
  config.head_size = static_cast<std::uint32_t>(blank.size());
  config.record_size = static_cast<std::uint32_t>(record(0).size());
  config.draw_seed = options_.draw_seed;
  config.value_seed = options_.value_seed;
  std::memset(config.head, 0, sizeof config.head);
  std::memcpy(config.head, blank.data(), blank.size());
  std::memset(config.head + 6 + options_.key_size - LOADGEN_KEY_DIGITS, 0, LOADGEN_KEY_DIGITS);
}

namespace {

// One record at the head of `rest`; advances `rest` and `progress`.
loadgen_counter check_record(const Workload& workload, const std::vector<std::uint32_t>& asked,
                             std::string_view& rest, ReplyProgress& progress) {
  const std::size_t key_size = workload.options().key_size;
  if (rest.size() < 6 + key_size) return LOADGEN_WRONG_END;
  std::uint64_t digits = 0;
  std::memcpy(&digits, rest.data() + 6 + key_size - LOADGEN_KEY_DIGITS, sizeof digits);
  const std::uint32_t index = workload_index(digits);
  const std::string want = workload.record(workload.contains(index) ? index : workload.options().key_minimum);
  if (rest.size() < want.size()) return LOADGEN_WRONG_END;
  const std::size_t head = want.size() - workload.options().data_size - 2;
  // The digits are the key's own business: everything else of the line first.
  std::string line(rest.substr(0, head)), want_line = want.substr(0, head);
  line.replace(6 + key_size - LOADGEN_KEY_DIGITS, LOADGEN_KEY_DIGITS, LOADGEN_KEY_DIGITS, '0');
  want_line.replace(6 + key_size - LOADGEN_KEY_DIGITS, LOADGEN_KEY_DIGITS, LOADGEN_KEY_DIGITS, '0');
  if (line != want_line) return LOADGEN_WRONG_HEAD;
  const auto at = std::find(asked.begin() + progress.position, asked.end(), index);
  if (at == asked.end()) return LOADGEN_WRONG_KEY;
  if (rest.substr(head, want.size() - head) != want.substr(head)) return LOADGEN_WRONG_VALUE;
  progress.position = static_cast<std::uint32_t>(at - asked.begin()) + 1;
  progress.found++;
  rest.remove_prefix(want.size());
  return LOADGEN_COUNTER_COUNT;
}

}  // namespace

loadgen_counter check_payload(const Workload& workload, std::uint64_t sequence, std::uint16_t id,
                              std::string_view payload, ReplyProgress& progress) {
  if (payload.size() < LOADGEN_FRAME_HEADER) return LOADGEN_WRONG_LENGTH;
  const std::string frame = {static_cast<char>(id >> 8), static_cast<char>(id), 0, 0, 0, 1, 0, 0};
  if (payload.substr(2, 6) != std::string_view(frame).substr(2)) return LOADGEN_WRONG_FRAME;
  if (payload.substr(0, 2) != std::string_view(frame).substr(0, 2) || progress.done)
    return LOADGEN_WRONG_UNASKED;
  const std::vector<std::uint32_t> asked = workload.asked(sequence);
  std::string_view rest = payload.substr(LOADGEN_FRAME_HEADER);
  const std::size_t record_size = workload.record(workload.options().key_minimum).size();
  std::size_t seen = 0;
  for (; seen < asked.size() && rest.size() >= record_size; ++seen) {
    const loadgen_counter fault = check_record(workload, asked, rest, progress);
    if (fault != LOADGEN_COUNTER_COUNT) return fault;
  }
  if (rest.empty()) return seen > 0 && asked.size() > 1 ? LOADGEN_COUNTER_COUNT : LOADGEN_WRONG_END;
  if (rest != kEnd) return LOADGEN_WRONG_END;
  progress.done = true;
  return LOADGEN_COUNTER_COUNT;
}

}  // namespace bmc::loadgen
