// SPDX-License-Identifier: Apache-2.0
// settle_options(): what goes with what, see options.h.
#include <charconv>
#include <cmath>
#include <string_view>
#include <utility>

#include "loadgen/distributions.h"
#include "loadgen/options.h"

namespace bmc::loadgen {
namespace {

constexpr double kDefaultSeconds = 5;
constexpr double kUntilRequestsAreSent = 1e6;  // s
constexpr std::uint32_t kDatagramPipeline =
    1024;  // of an open loop: those that are lost count until they are late
constexpr std::uint32_t kStreamPipeline = 64;

Error fail(std::string what) { return Error{EINVAL, std::move(what)}; }

bool read_number(std::string_view text, std::uint32_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

// "3:4" or "3-4", by the separator.
bool read_pair(std::string_view text, char separator, std::uint32_t& left, std::uint32_t& right) {
  const std::size_t middle = text.find(separator);
  return middle != std::string_view::npos && read_number(text.substr(0, middle), left) &&
         read_number(text.substr(middle + 1), right);
}

Result<void> settle_ratio(Options& options) {
  TrafficOptions& traffic = options.traffic;
  if (options.ratio) {
    if (!read_pair(*options.ratio, ':', traffic.sets, traffic.gets) || traffic.sets + traffic.gets == 0)
      return fail("--ratio " + *options.ratio + ": sets to gets, such as 1:10, not both zero");
  } else if (options.profile == "etc") {
    std::tie(traffic.sets, traffic.gets) = std::pair(1u, kEtcGetsPerSet);
  } else if (options.profile == "usr") {
    std::tie(traffic.sets, traffic.gets) = std::pair(1u, kUsrGetsPerSet);
  }
  if (traffic.gets == 0 && options.workload.keys_per_request > 1)
    return fail("--multi-key-get needs gets: --ratio " + *options.ratio + " has none");
  return {};
}

Result<void> settle_expiry(Options& options) {
  TrafficOptions& traffic = options.traffic;
  if (options.expiry_range.empty()) return {};
  if (!read_pair(options.expiry_range, '-', traffic.expiry_min, traffic.expiry_max) ||
      traffic.expiry_min > traffic.expiry_max)
    return fail("--expiry-range " + options.expiry_range + ": seconds MIN-MAX, such as 10-20");
  if (traffic.sets == 0) return fail("--expiry-range needs sets: give --ratio, such as 1:10");
  return {};
}

Result<void> settle_verify(Options& options) {
  double& share = options.traffic.verify;
  if (options.verify == "all" || options.verify == "none") {
    share = options.verify == "all" ? 1 : 0;
    return {};
  }
  const auto [end, error] =
      std::from_chars(options.verify.data(), options.verify.data() + options.verify.size(), share);
  if (error != std::errc() || end != options.verify.data() + options.verify.size() ||
      !(share >= 0 && share <= 1))
    return fail("--verify " + options.verify + ": all, none or a share between 0 and 1");
  return {};
}

Result<void> settle_sizes(Options& options) {
  WorkloadOptions& work = options.workload;
  if (options.profile != "uniform") {
    if (options.key_size || options.data_size || !options.data_size_range.empty())
      return fail("--workload " + options.profile +
                  " has sizes of its own: leave out --key-size and --data-size");
    work.sizes = options.profile == "etc" ? Sizes::kEtc : Sizes::kUsr;
  } else if (!options.data_size_range.empty()) {
    if (options.data_size) return fail("give --data-size or --data-size-range, not both");
    if (!read_pair(options.data_size_range, '-', work.data_size, work.data_size_max) ||
        work.data_size > work.data_size_max)
      return fail("--data-size-range " + options.data_size_range + ": bytes MIN-MAX, such as 10-1000");
    work.sizes = Sizes::kRange;
  }
  if (options.data_size) work.data_size = *options.data_size;
  if (options.key_size) work.key_size = *options.key_size;
  options.data_size = work.data_size;
  options.key_size = work.key_size;
  // BPF programs know one reply of one datagram; sockets take replies of several.
  work.one_datagram = options.transport == "kernel";
  return {};
}

Result<void> settle_keys(Options& options) {
  WorkloadOptions& work = options.workload;
  if (options.key_maximum < work.key_minimum)
    return fail("the key range is empty: --key-minimum " + std::to_string(work.key_minimum) +
                " is above --key-maximum " + std::to_string(options.key_maximum));
  if (options.key_maximum >= LOADGEN_KEY_COUNT_MAX)
    return fail("--key-maximum " + std::to_string(options.key_maximum) + ": 99999999 at most");
  work.key_count = options.key_maximum - work.key_minimum + 1;
  if (!options.key_pattern) options.key_pattern = options.profile == "uniform" ? "R" : "Z";
  // memtier gives the patterns of sets and gets as S:R; ours is that of the gets.
  const std::string pattern = options.key_pattern->substr(options.key_pattern->find(':') + 1);
  if (pattern == "R") {
    work.pattern = Pattern::kUniform;
  } else if (pattern == "S") {
    work.pattern = Pattern::kSequential;
  } else if (pattern == "Z") {
    work.pattern = Pattern::kZipf;
  } else {
    return fail("--key-pattern " + *options.key_pattern + ": R, S or Z");
  }
  return {};
}

Result<void> settle_percentiles(Options& options) {
  std::string_view rest = options.print_percentiles;
  options.percentiles.clear();
  while (!rest.empty()) {
    const std::string_view word = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), word.size() + 1));
    double percent = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), percent);
    if (error != std::errc() || end != word.data() + word.size() || !(percent > 0 && percent <= 100))
      return fail("--print-percentiles " + options.print_percentiles +
                  ": numbers above 0 and up to 100, by commas");
    options.percentiles.push_back(percent);
  }
  return {};
}

Result<void> settle_load(Options& options) {
  if (options.rate < 0 || options.rate_limiting < 0)
    return fail("a rate is a positive number of requests a second");
  if (options.rate > 0 && options.rate_limiting > 0)
    return fail("give --rate (in all) or --rate-limiting (of each connection), not both");
  if (options.threads < 1 || options.clients < 1) return fail("one thread and one connection are the least");
  if (options.rate_limiting > 0)
    options.rate = options.rate_limiting * static_cast<double>(options.connections());
  if (!options.test_time) options.test_time = options.requests > 0 ? kUntilRequestsAreSent : kDefaultSeconds;
  if (options.requests > 0 && options.find_max)
    return fail("--find-max ends by itself: leave out --requests");
  const bool open_loop = options.rate > 0 || options.find_max;
  if (!options.pipeline)
    options.pipeline = !open_loop ? 1 : options.transport == "tcp" ? kStreamPipeline : kDatagramPipeline;
  options.traffic.late_after_ns = static_cast<std::uint64_t>(options.late_after_ms * 1e6);
  options.kernel.lost_after_ns = options.traffic.late_after_ns;
  options.traffic.populated = options.populate;
  return {};
}

Result<void> check_kernel(const Options& options) {
  if (options.traffic.sets > 0)
    return fail("--transport kernel only gets: --ratio 0:1, or another transport such as tcp-set-udp-get");
  if (options.workload.sizes != Sizes::kFixed)
    return fail("--transport kernel knows values of one size: leave out --workload and --data-size-range");
  if (options.connections() != 1)
    return fail("--transport kernel has no threads and connections: leave out -t and -c");
  if (options.traffic.verify < 1) return fail("--transport kernel verifies every reply: leave out --verify");
  if (!options.find_max && options.rate <= 0)
    return fail("--transport kernel is an open loop: give --rate, or --find-max");
  return {};
}

Result<void> check_transport(const Options& options) {
  const bool own_frames = options.transport == "kernel" || options.transport == "af_xdp";
  if (own_frames && options.kernel.interface.empty())
    return fail("--transport " + options.transport + " needs --interface");
  if (!own_frames && !options.peer_mac.empty())
    return fail("--peer-mac is for --transport kernel and af_xdp: sockets leave it to the kernel");
  if (options.transport == "kernel") return check_kernel(options);
  if (options.kernel.expect_echo) return fail("--expect-echo needs --transport kernel");
  if (options.transport == "af_xdp" && options.threads > 1)
    return fail("--transport af_xdp has one thread, which reads all queues: leave out -t");
  return {};
}

}  // namespace

Result<void> settle_options(Options& options) {
  if (options.echo_server) {
    if (options.kernel.interface.empty()) return fail("--echo-server needs --interface");
    return {};
  }
  for (const auto step : {settle_sizes, settle_keys, settle_ratio, settle_expiry, settle_verify,
                          settle_percentiles, settle_load})
    if (auto settled = step(options); !settled) return settled;
  if (options.label.empty()) options.label = options.transport;
  return options.populate_only ? Result<void>() : check_transport(options);
}

}  // namespace bmc::loadgen
