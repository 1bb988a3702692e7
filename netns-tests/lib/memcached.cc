// SPDX-License-Identifier: Apache-2.0
// See memcached.h.
#include "netns-tests/lib/memcached.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "netns-tests/lib/lab_error.h"
#include "netns-tests/lib/netns.h"
#include "netns-tests/lib/udp_client.h"

namespace bmc::lab {
namespace {

constexpr int64_t kStartLimitMs = 10'000;

/// Whether every thread of `pid` is in state T.
bool all_threads_stopped(pid_t pid) {
  std::error_code gone;
  for (const auto& task :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task", gone)) {
    std::ifstream file(task.path() / "stat");
    std::string text;
    std::getline(file, text);
    const size_t state = text.rfind(") ");
    if (state == std::string::npos || text[state + 2] != 'T') return false;
  }
  return !gone;
}

}  // namespace

Memcached::Memcached(const Netns& netns, MemcachedOptions options)
    : netns_(netns), options_(std::move(options)) {
  process_ = std::make_unique<Process>(ProcessSpec{.argv = command_line(), .netns = &netns_});
  if (options_.wait_ready) wait_ready();
}

std::vector<std::string> Memcached::command_line() const {
  std::vector<std::string> argv{"memcached",
                                "-u",
                                "root",
                                "-t",
                                std::to_string(options_.threads),
                                "-m",
                                std::to_string(options_.memory_mb),
                                "-c",
                                "4096"};
  if (options_.unix_socket.empty()) {
    argv.insert(argv.end(), {"-p", std::to_string(options_.port), "-U", std::to_string(options_.udp_port)});
  } else {
    argv.insert(argv.end(), {"-s", options_.unix_socket});
  }
  if (!options_.listen.empty()) {
    std::string list;
    for (const auto& address : options_.listen) list += (list.empty() ? "" : ",") + address;
    argv.insert(argv.end(), {"-l", list});
  }
  argv.insert(argv.end(), options_.extra.begin(), options_.extra.end());
  return argv;
}

TcpClient Memcached::connect_loopback() const {
  if (!options_.unix_socket.empty()) return TcpClient(options_.unix_socket);
  Endpoint address = loopback();
  if (!options_.listen.empty()) address.ip = options_.listen.front();
  return TcpClient(netns_, address);
}

void Memcached::wait_ready() {
  const Deadline deadline = Deadline::in_ms(kStartLimitMs);
  const bool answers = eventually(deadline, [&] {
    if (!process_->running()) throw LabError("memcached ended: " + process_->output());
    if (!options_.unix_socket.empty()) return access(options_.unix_socket.c_str(), F_OK) == 0;
    Endpoint address = loopback();
    if (!options_.listen.empty()) address.ip = options_.listen.front();
    auto tcp = TcpClient::try_connect(netns_, address, 100);
    if (!tcp || !tcp->command("version\r\n", 500)) return false;
    if (options_.udp_port == 0) return true;
    address.port = options_.udp_port;
    UdpClient udp(netns_, address);
    return udp.request("version\r\n", 200).has_value();
  });
  if (!answers) throw LabError("memcached does not answer: " + process_->output());
}

void Memcached::freeze() {
  process_->signal(SIGSTOP);
  if (!eventually(Deadline::in_ms(5000), [&] { return all_threads_stopped(pid()); }))
    throw LabError("memcached does not stop");
}

void Memcached::thaw() { process_->signal(SIGCONT); }

void Memcached::kill_hard() { process_->kill_hard(); }

void Memcached::start_again(bool same_pid) {
  const pid_t old_pid = pid();
  process_ = std::make_unique<Process>(
      ProcessSpec{.argv = command_line(), .netns = &netns_, .pid = same_pid ? old_pid : 0});
  if (options_.wait_ready) wait_ready();
}

std::string Memcached::stat(const std::string& name, const std::string& section) {
  TcpClient client = connect_loopback();
  client.send("stats" + (section.empty() ? "" : " " + section) + "\r\n");
  const auto text = client.read_until("END\r\n");
  if (!text) throw LabError("memcached gives no stats");
  const std::string line = "STAT " + name + " ";
  const size_t at = text->find(line);
  if (at == std::string::npos) return "";
  const size_t start = at + line.size();
  return text->substr(start, text->find("\r\n", start) - start);
}

bool Memcached::has_connection_from(uint16_t client_port) {
  TcpClient client = connect_loopback();
  client.send("stats conns\r\n");
  const auto text = client.read_until("END\r\n");
  if (!text) throw LabError("memcached gives no stats conns");
  return text->find(":" + std::to_string(client_port) + "\r\n") != std::string::npos;
}

}  // namespace bmc::lab
