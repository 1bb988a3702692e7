// SPDX-License-Identifier: Apache-2.0
// See bmcd_process.h.
#include "netns-tests/demo/bmcd_process.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "netns-tests/lib/clock.h"
#include "netns-tests/lib/lab_error.h"

namespace bmc::demo {
namespace {

using lab::Deadline;
using lab::LabError;

constexpr uint16_t kMetricsPort = 9801;
constexpr int64_t kStartMs = 20'000;
constexpr int64_t kDetachMs = 10'000;
// <prefix><pid> under both.
constexpr std::string_view kPrefix = "bmc-demo-";
constexpr const char* kPins = "/sys/fs/bpf";
constexpr const char* kSockets = "/run";

// Body of http://127.0.0.1:<port>/metrics as seen inside `netns`; empty when nobody answers.
std::string scrape(const lab::Netns& netns) {
  const lab::ScopedNetns inside(netns);
  socklen_t length = 0;
  const sockaddr_storage address = lab::to_sockaddr({"127.0.0.1", kMetricsPort}, length);
  const lab::Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0) return "";
  const std::string request = "GET /metrics HTTP/1.0\r\nHost: localhost\r\nAccept: text/plain\r\n\r\n";
  if (::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) return "";
  std::string text;
  char buffer[16384];
  const Deadline deadline = Deadline::in_ms(5000);
  while (lab::wait_fd(socket.get(), POLLIN, deadline)) {
    const ssize_t got = ::recv(socket.get(), buffer, sizeof buffer, 0);
    if (got <= 0) break;
    text.append(buffer, static_cast<std::size_t>(got));
  }
  const std::size_t body = text.find("\r\n\r\n");
  return body == std::string::npos ? "" : text.substr(body + 4);
}

// Takes out of the kernel what a bmcd left there that could not detach itself.
void remove_pins(const std::string& bmcd, const std::filesystem::path& pins) {
  std::error_code ignored;
  if (!std::filesystem::exists(pins, ignored)) return;
  lab::run_command({bmcd, "--iface", "lo", "--pin", pins, "--detach"}, nullptr, kDetachMs);
  std::filesystem::remove_all(pins, ignored);
}

// What demos left behind that were killed; `remove` takes a path.
template <typename Remove>
void remove_stale(const std::string& directory, Remove remove) {
  std::error_code missing;
  for (const auto& entry : std::filesystem::directory_iterator(directory, missing)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with(kPrefix)) continue;
    const long owner = std::strtol(name.c_str() + kPrefix.size(), nullptr, 10);
    if (owner > 0 && ::kill(static_cast<pid_t>(owner), 0) != 0 && errno == ESRCH) remove(entry.path());
  }
}

}  // namespace

double metric_value(const std::string& text, const std::string& metric,
                    const std::vector<std::string>& labels) {
  std::istringstream lines(text);
  double sum = 0;
  bool found = false;
  for (std::string line; std::getline(lines, line);) {
    const std::size_t name_end = line.find_first_of("{ ");
    const std::size_t value = line.rfind(' ');
    if (line.substr(0, name_end) != metric || value == std::string::npos) continue;
    const bool all = std::all_of(labels.begin(), labels.end(),
                                 [&](const std::string& label) { return line.find(label) < value; });
    if (!all) continue;
    sum += std::strtod(line.c_str() + value + 1, nullptr);
    found = true;
  }
  return found ? sum : -1;
}

BmcdProcess::BmcdProcess(const lab::Netns& netns, const BmcdOptions& options)
    : netns_(netns), options_(options) {
  std::error_code ignored;
  remove_stale(kPins, [&](const auto& pins) { remove_pins(options_.bmcd, pins); });
  remove_stale(kSockets, [&](const auto& folder) { std::filesystem::remove_all(folder, ignored); });
  const std::string name = std::string(kPrefix) + std::to_string(::getpid());
  pins_ = std::string(kPins) + "/" + name;
  folder_ = std::string(kSockets) + "/" + name;
  lab::checked(::mkdir(folder_.c_str(), 0700), "mkdir " + folder_);
  // In a session of its own: Ctrl-C is for the demo, which then takes bmcd down in order.
  lab::ProcessSpec spec{
      .argv = {"setsid", "taskset", "-c", std::to_string(options_.cpu), options_.bmcd, "--iface",
               options_.device, "--server", options_.server.text(), "--control", folder_ + "/control.sock",
               "--pin", pins_, "--metrics", "127.0.0.1:" + std::to_string(kMetricsPort)},
      .netns = &netns_};
  if (!options_.memory.empty()) spec.argv.insert(spec.argv.end(), {"--memory", options_.memory});
  if (!options_.rest_after.empty()) spec.argv.insert(spec.argv.end(), {"--rest-after", options_.rest_after});
  process_ = std::make_unique<lab::Process>(spec);
  try {
    const bool answers = lab::eventually(Deadline::in_ms(kStartMs), [&] {
      if (!process_->running()) throw LabError("bmcd ended: " + process_->output());
      return !scrape(netns_).empty();
    });
    if (!answers) throw LabError("bmcd gives no metrics: " + process_->output());
  } catch (...) {
    remove();
    throw;
  }
}

BmcdProcess::~BmcdProcess() { remove(); }

void BmcdProcess::remove() {
  try {
    if (process_->running())
      lab::run_command({options_.bmcctl, "--control", folder_ + "/control.sock", "detach"}, nullptr,
                       kDetachMs);
    process_->wait_exit(Deadline::in_ms(kDetachMs));
  } catch (const LabError&) {
    // Not detached in order: then the hard way.
  }
  process_->kill_hard();
  remove_pins(options_.bmcd, pins_);
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

double BmcdProcess::metric(const std::string& name, const std::vector<std::string>& labels) {
  const double value = metric_value(scrape(netns_), name, labels);
  if (value < 0) throw LabError("bmcd does not tell its " + name + ": " + process_->output());
  return value;
}

double BmcdProcess::kernel_hits() {
  return metric("bmcd_packets_total", {"where=\"xdp\"", "verdict=\"tx\"", "reason=\"hit\""});
}

double BmcdProcess::gets_of_cached() { return kernel_hits() + metric("bmcd_keepalives_total"); }

}  // namespace bmc::demo
