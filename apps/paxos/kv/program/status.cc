// SPDX-License-Identifier: Apache-2.0
// The command status; see status.h.
#include "apps/paxos/kv/program/status.h"

#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <nlohmann/json.hpp>
#include <sstream>
#include <vector>

#include "control-plane/parse.h"

namespace bmc::kv {
namespace {

constexpr std::chrono::seconds kLimit{5};
constexpr std::uint64_t kReplicasMax = 9;

constexpr const char* kNumbers[] = {
    "view",       "leader",    "index",    "incarnation",      "op",           "stored", "commit", "applied",
    "checkpoint", "log_begin", "sessions", "requests_waiting", "reads_waiting"};
constexpr const char* kTexts[] = {"role", "cluster_id", "durability", "kernel"};

Error no_paxos_kv() {
  return {EPROTO, "what answered is no paxos-kv: its statistics lack those of a replica"};
}

// The addresses of the replicas.
Result<std::vector<std::string>> replicas_of(const PaxosStats& stats) {
  const auto count = stats.find("paxos_replicas");
  if (count == stats.end()) return no_paxos_kv();
  const auto number = parse_number(count->second, kReplicasMax);
  if (!number) return no_paxos_kv();
  std::vector<std::string> replicas;
  for (std::uint64_t i = 0; i < *number; ++i) {
    const auto address = stats.find("paxos_replica_" + std::to_string(i));
    if (address == stats.end()) return no_paxos_kv();
    replicas.push_back(address->second);
  }
  return replicas;
}

// What `role` means for a person.
std::string role_sentence(const std::string& role, const std::string& leader, const std::string& view) {
  if (role == "leader") return "leader of view " + view;
  if (role == "cut_off") return "leader of view " + view + ", but it hears no majority and serves nothing";
  if (role == "backup") return "backup of replica " + leader + " in view " + view;
  if (role == "view_change") return "between two leaders, view " + view;
  if (role == "recovering") return "recovering: takes from the others what it lost";
  return role;
}

}  // namespace

Result<PaxosStats> ask_status(const Endpoint& server) {
  boost::asio::ip::tcp::iostream stream;
  stream.expires_after(kLimit);
  stream.connect(boost::asio::ip::tcp::endpoint(server.address, server.port));
  if (!stream)
    return Error{ECONNREFUSED, "cannot ask " + to_string(server) + ": " + stream.error().message() +
                                   "; is paxos-kv running there? --server ADDR:PORT asks elsewhere"};
  stream << "stats paxos\r\nquit\r\n" << std::flush;
  PaxosStats stats;
  std::string line;
  while (std::getline(stream, line)) {
    std::istringstream words(line);
    std::string stat, name, value;
    if (words >> stat >> name >> value && stat == "STAT") stats[name] = value;
    if (line == "END\r") return stats;
  }
  return Error{EIO, "no whole answer from " + to_string(server) + " within " +
                        std::to_string(kLimit.count()) + " seconds"};
}

Result<std::string> show_status(const PaxosStats& stats) {
  const auto replicas = replicas_of(stats);
  if (!replicas) return replicas.error();
  const auto value = [&](const char* name) {
    const auto found = stats.find(std::string("paxos_") + name);
    return found == stats.end() ? std::string("?") : found->second;
  };
  const std::string leader = value("leader"), index = value("index");
  std::ostringstream text;
  text << "replica " << index << " of " << replicas->size() << ", cluster " << value("cluster_id") << ", "
       << value("durability") << "\n"
       << "  role        " << role_sentence(value("role"), leader, value("view")) << "\n"
       << "  log         op " << value("op") << ", stored " << value("stored") << ", committed "
       << value("commit") << ", applied " << value("applied") << "\n"
       << "  checkpoint  " << value("checkpoint") << "; the log begins after " << value("log_begin") << "\n"
       << "  sessions    " << value("sessions") << "; waiting: " << value("requests_waiting") << " requests, "
       << value("reads_waiting") << " reads\n"
       << "  kernel      " << value("kernel") << "\n"
       << "  starts      " << value("incarnation") << "\n";
  const bool leader_is_known = value("role") == "leader" || value("role") == "backup";
  for (std::size_t i = 0; i < replicas->size(); ++i) {
    text << "  replica " << i << "   " << (*replicas)[i];
    if (leader_is_known && std::to_string(i) == leader) text << "  leader";
    if (std::to_string(i) == index) text << "  this one";
    text << "\n";
  }
  return text.str();
}

Result<std::string> show_status_as_json(const PaxosStats& stats) {
  const auto replicas = replicas_of(stats);
  if (!replicas) return replicas.error();
  nlohmann::ordered_json json;
  for (const char* name : kTexts) {
    const auto found = stats.find(std::string("paxos_") + name);
    if (found == stats.end()) return no_paxos_kv();
    json[name] = found->second;
  }
  for (const char* name : kNumbers) {
    const auto found = stats.find(std::string("paxos_") + name);
    if (found == stats.end()) return no_paxos_kv();
    const auto number = parse_number(found->second, UINT64_MAX);
    if (!number) return no_paxos_kv();
    json[name] = *number;
  }
  json["replicas"] = *replicas;
  return json.dump(2) + "\n";
}

}  // namespace bmc::kv
