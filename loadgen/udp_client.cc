// SPDX-License-Identifier: Apache-2.0
#include "loadgen/udp_client.h"

#include <sys/socket.h>

#include <chrono>
#include <string>
#include <string_view>

#include "loadgen/sockets.h"

namespace bmc::loadgen {
namespace {

using Clock = std::chrono::steady_clock;

std::uint64_t since_ns(Clock::time_point start) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start).count());
}

bool is_id(std::string_view payload, std::uint16_t id) {
  return payload.size() >= 2 && static_cast<std::uint8_t>(payload[0]) == id >> 8 &&
         static_cast<std::uint8_t>(payload[1]) == (id & 0xff);
}

}  // namespace

Result<UdpClient> UdpClient::create(const IpAddress& server, std::uint16_t port, const Workload& workload) {
  auto socket = connect_udp(server, port);
  if (!socket) return socket.error();
  return UdpClient(*std::move(socket), workload);
}

Result<void> UdpClient::exchange(RunReport& report, const UdpPlan& plan) {
  const std::uint64_t sequence = sequence_++;
  const auto id = static_cast<std::uint16_t>(sequence);
  std::string request = {static_cast<char>(id >> 8), static_cast<char>(id), 0, 0, 0, 1, 0, 0};
  request += workload_->request_text(sequence);
  ReplyProgress progress;
  const Clock::time_point start = Clock::now();
  if (::send(socket_.get(), request.data(), request.size(), 0) < 0 && errno != ECONNREFUSED)
    return errno_error("sending a request");
  report.sent++;
  while (!progress.done && since_ns(start) < plan.lost_after_ns) {
    char buffer[2048];
    const ssize_t got = ::recv(socket_.get(), buffer, sizeof buffer, 0);
    if (got < 0 && (errno == EAGAIN || errno == ECONNREFUSED || errno == EINTR)) continue;
    if (got < 0) return errno_error("receiving a reply");
    const std::uint64_t latency = since_ns(start);
    const std::string_view payload(buffer, static_cast<std::size_t>(got));
    if (!is_id(payload, id)) {
      // Requests given up before: their answers come late. Any other id was never asked.
      report.counter[gave_up_ ? LOADGEN_LATE : LOADGEN_WRONG_UNASKED]++;
      continue;
    }
    report.counter[LOADGEN_CHECKED]++;
    if (plan.expect_echo && payload == std::string_view(request.data(), request.size())) {
      report.latency.add(latency);
      report.counter[LOADGEN_ANSWERED]++;
      return {};
    }
    const loadgen_counter fault = check_payload(*workload_, sequence, id, payload, progress);
    if (fault != LOADGEN_COUNTER_COUNT) {
      report.counter[fault]++;
      return {};
    }
    if (progress.done) report.latency.add(latency);
  }
  if (!progress.done) {
    gave_up_ = true;
    return {};
  }
  report.counter[LOADGEN_ANSWERED]++;
  report.counter[LOADGEN_HIT] += progress.found;
  report.counter[LOADGEN_MISS] += workload_->options().keys_per_request - progress.found;
  return {};
}

Result<RunReport> UdpClient::run(const UdpPlan& plan, const std::stop_token& stop, const Progress& progress) {
  constexpr std::uint64_t kProgressEvery = 1 << 12;
  RunReport report;
  report.offered_rps = plan.rps;
  const Clock::time_point start = Clock::now();
  const auto limit_ns = static_cast<std::uint64_t>(plan.seconds * 1e9);
  while (since_ns(start) < limit_ns && report.sent < plan.requests) {
    if (stop.stop_requested()) {
      report.aborted = true;
      break;
    }
    if (plan.rps > 0 &&
        static_cast<double>(since_ns(start)) < static_cast<double>(report.sent) * 1e9 / plan.rps)
      continue;
    if (auto done = exchange(report, plan); !done) return done.error();
    report.seconds = static_cast<double>(since_ns(start)) / 1e9;
    if (progress && report.sent % kProgressEvery == 0) progress(report);
  }
  report.seconds = static_cast<double>(since_ns(start)) / 1e9;
  return report;
}

}  // namespace bmc::loadgen
