// SPDX-License-Identifier: Apache-2.0
// See kv_cluster.h.
#include "netns-tests/paxos/cluster/kv_cluster.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "netns-tests/lib/lab_error.h"
#include "netns-tests/lib/tcp_client.h"

namespace bmc::cluster {
namespace {

constexpr std::uint16_t kClientPort = 11211;
constexpr std::uint16_t kPeerPort = 7400;
constexpr unsigned kCheckpointInterval = 512;  // a few in every round
constexpr unsigned kUser = 64'990;             // of the replicas, where bmcd helps: nobody's
constexpr std::int64_t kAskLimitMs = 1000;
constexpr std::int64_t kStartLimitMs = 20'000;

}  // namespace

KvCluster::KvCluster(const ClusterOptions& options)
    : options_(options),
      mesh_(options.replicas, options.fault_seed, options.offloads != "off"),
      bmcds_(options.replicas) {
  for (std::size_t i = 0; i < options.replicas; ++i) {
    replicas_.push_back(std::make_unique<ReplicaProcess>(mesh_.replica(i), i, options.disk_megabytes,
                                                         options.fault_seed.has_value()));
    if (options.store == Store::kPaxosKv) format(i);
    if (!wanted_offloads(i).empty()) start_bmcd(i);
    replicas_[i]->start(command_line(i));
  }
  const lab::Deadline deadline = lab::Deadline::in_ms(kStartLimitMs);
  if (wait_following(deadline) && wait_helped(deadline)) return;
  std::string said;
  for (const auto& replica : replicas_) said += replica->output();
  throw lab::LabError("the cluster does not start:\n" + describe() + said);
}

lab::Endpoint KvCluster::client_endpoint(std::size_t replica) const {
  return mesh_.address(replica, kClientPort);
}

void KvCluster::format(std::size_t replica) {
  const std::string path = configuration_path(replica);
  std::ofstream file(path);
  file << "cluster-id = \"0x0ddc0ffee0ddf00d\"\n"
       << "index = " << replica << "\n"
       << "data-dir = \"" << replicas_[replica]->disk().path() << "\"\n"
       << "durability = \"" << options_.durability << "\"\n"
       << (options_.reads_at == "stale" ? "reads" : "reads-at") << " = \"" << options_.reads_at << "\"\n"
       << "listen = \"" << client_endpoint(replica).text() << "\"\n"
       << "metrics = \"off\"\n"
       << "checkpoint-interval = " << kCheckpointInterval << "\n"
       << "log-kept = " << kCheckpointInterval << "\n"
       << kernel_lines(replica) << options_.further << "replica = [";
  for (std::size_t i = 0; i < mesh_.replicas(); ++i)
    file << (i > 0 ? ", " : "") << "\"" << mesh_.address(i, kPeerPort).text() << "\"";
  file << "]\n" << std::flush;
  if (!file) throw lab::LabError("cannot write " + path);
  lab::run_checked({BMC_PAXOS_KV_PATH, "format", "--config", path});
  if (options_.offloads != "off")
    lab::run_checked({"chown", "-R", std::to_string(kUser), replicas_[replica]->disk().mount()});
}

std::string KvCluster::wanted_offloads(std::size_t replica) const {
  static const std::vector<std::string> kMixed = {"ack,quorum,broadcast", "", "ack,broadcast", "quorum",
                                                  "ack,quorum"};
  if (options_.offloads == "on") return kMixed[0];
  return options_.offloads == "mixed" ? kMixed[replica % kMixed.size()] : "";
}

std::string KvCluster::kernel_lines(std::size_t replica) const {
  if (wanted_offloads(replica).empty()) return {};
  return "kernel-socket = \"" + socket_path(replica) + "\"\nkernel-offloads = \"" + wanted_offloads(replica) +
         "\"\n";
}

std::string KvCluster::socket_path(std::size_t replica) const {
  return replicas_[replica]->disk().mount() + "/paxos.sock";
}

void KvCluster::start_bmcd(std::size_t replica) {
  const std::string user = std::to_string(kUser), port = std::to_string(kPeerPort);
  bmcds_[replica] = std::make_unique<lab::Bmcd>(
      mesh_.replica(replica),
      lab::BmcdOptions{.extra = {"--cache", "false", "--paxos-socket", socket_path(replica), "--paxos-allow",
                                 "uid=" + user + ",ports=" + port + "-" + port}});
}

bool KvCluster::wait_helped(lab::Deadline deadline) const {
  return lab::eventually(deadline, [this] {
    for (std::size_t i = 0; i < size(); ++i) {
      if (wanted_offloads(i).empty()) continue;
      const auto said = report(i);
      if (!said || said->kernel != wanted_offloads(i)) return false;
    }
    return true;
  });
}

std::optional<std::uint64_t> KvCluster::statistic(std::size_t replica, const std::string& name) const {
  const Statistics said = statistics(replica, " paxos");
  const auto found = said.find(name);
  if (found == said.end()) return std::nullopt;
  return std::strtoull(found->second.c_str(), nullptr, 10);
}

std::string KvCluster::configuration_path(std::size_t replica) const {
  return replicas_[replica]->disk().mount() + "/paxos-kv.toml";
}

// Changing the user forgets that the process dies with us, so it is said again.
std::vector<std::string> KvCluster::as_user(std::vector<std::string> command) const {
  if (options_.offloads == "off") return command;
  const std::string user = std::to_string(kUser);
  command.insert(command.begin(), {"setpriv", "--reuid", user, "--regid", user, "--clear-groups",
                                   "--pdeathsig", "KILL", "--no-new-privs"});
  return command;
}

std::vector<std::string> KvCluster::command_line(std::size_t replica) const {
  if (options_.store == Store::kPaxosKv)
    return as_user({BMC_PAXOS_KV_PATH, "run", "--config", configuration_path(replica)});
  return {"memcached", "-u", "nobody", "-l", client_endpoint(replica).ip, "-p", std::to_string(kClientPort)};
}

KvCluster::Statistics KvCluster::statistics(std::size_t replica, const std::string& section) const {
  Statistics all;
  auto socket = lab::TcpClient::try_connect(mesh_.replica(replica), client_endpoint(replica), kAskLimitMs);
  if (!socket) return all;
  const lab::Deadline deadline = lab::Deadline::in_ms(kAskLimitMs);
  if (!socket->send("stats" + section + "\r\n", deadline)) return all;
  while (const auto line = socket->read_line(deadline)) {
    std::istringstream words(*line);
    std::string stat, name, value;
    if (!(words >> stat >> name >> value) || stat != "STAT") break;
    all[name] = value;
  }
  return all;
}

std::optional<ReplicaReport> KvCluster::report(std::size_t replica) const {
  if (options_.store == Store::kUnreplicated) {
    if (statistics(replica, "").empty()) return std::nullopt;
    return ReplicaReport{.role = replica == 0 ? "leader" : "backup"};
  }
  const Statistics said = statistics(replica, " paxos");
  const auto role = said.find("paxos_role");
  if (role == said.end()) return std::nullopt;
  const auto number = [&](const char* name) -> std::uint64_t {
    const auto found = said.find(name);
    return found == said.end() ? 0 : std::strtoull(found->second.c_str(), nullptr, 10);
  };
  return ReplicaReport{.role = role->second,
                       .view = number("paxos_view"),
                       .leader = number("paxos_leader"),
                       .commit = number("paxos_commit"),
                       .applied = number("paxos_applied"),
                       .kernel = said.at("paxos_kernel")};
}

std::optional<std::size_t> KvCluster::leader() const {
  std::optional<std::size_t> found;
  std::uint64_t view = 0;
  for (std::size_t i = 0; i < size(); ++i) {
    const auto said = report(i);
    if (!said || said->role != "leader" || (found && said->view < view)) continue;
    found = i;
    view = said->view;
  }
  return found;
}

std::optional<std::vector<ReplicaReport>> KvCluster::all_following() const {
  std::vector<ReplicaReport> all;
  for (std::size_t i = 0; i < size(); ++i) {
    const auto said = report(i);
    if (!said) return std::nullopt;
    const bool leads = said->role == "leader" && said->leader == i;
    const bool follows = said->role == "backup";
    if (!(leads || follows) || (i > 0 && said->view != all[0].view)) return std::nullopt;
    all.push_back(*said);
  }
  return all;
}

bool KvCluster::wait_following(lab::Deadline deadline) const {
  return lab::eventually(deadline, [this] { return all_following().has_value(); });
}

std::optional<std::uint64_t> KvCluster::wait_settled(lab::Deadline deadline) const {
  std::uint64_t applied = 0;
  const bool settled = lab::eventually(deadline, [&] {
    const auto all = all_following();
    if (!all) return false;
    applied = (*all)[0].applied;
    return std::all_of(all->begin(), all->end(), [&](const ReplicaReport& said) {
      return said.applied == applied && said.commit == applied;
    });
  });
  return settled ? std::optional(applied) : std::nullopt;
}

std::string KvCluster::difference_of_states(const std::vector<std::string>& keys) const {
  for (const char* name : {"curr_items", "bytes"}) {
    const std::string first = statistics(0, "")[name];
    for (std::size_t i = 1; i < size(); ++i)
      if (const std::string other = statistics(i, "")[name]; other != first)
        return std::string(name) + " is " + first + " on replica 0, " + other + " on " + std::to_string(i);
  }
  std::vector<lab::TcpClient> sockets;
  for (std::size_t i = 0; i < size(); ++i) sockets.emplace_back(mesh_.clients(), client_endpoint(i));
  for (const std::string& key : keys) {
    const auto first = sockets[0].get("gets " + key + "\r\n");
    for (std::size_t i = 1; i < size(); ++i)
      if (const auto other = sockets[i].get("gets " + key + "\r\n"); !other || other != first)
        return "replica 0 says " + first.value_or("nothing") + ", " + std::to_string(i) + " says " +
               other.value_or("nothing");
  }
  return {};
}

std::string KvCluster::describe() const {
  std::string text;
  for (std::size_t i = 0; i < size(); ++i) {
    const auto said = report(i);
    text += "  replica " + std::to_string(i) + ": ";
    text += said ? said->role + " of view " + std::to_string(said->view) + ", applied " +
                       std::to_string(said->applied) + " of " + std::to_string(said->commit)
                 : std::string("does not answer");
    text += "\n";
  }
  return text;
}

}  // namespace bmc::cluster
