// SPDX-License-Identifier: Apache-2.0
// What is wrong with the options, in words.
#include "apps/paxos/include/bmc/paxos/options.h"

#include <sys/un.h>

#include <algorithm>

#include "apps/paxos/abi/broadcast_abi.h"
#include "apps/paxos/runtime/endpoint.h"
#include "apps/paxos/runtime/fragment.h"

namespace bmc::paxos {
using namespace runtime;

namespace {

using Problems = std::vector<std::string>;

constexpr std::uint32_t kDatagramBytesMin = 548;  // what every IPv4 host must take
constexpr std::uint32_t kDatagramBytesMax = 65507;

void check_cluster(std::uint64_t cluster_id, const std::vector<std::string>& replicas, Problems& problems) {
  if (cluster_id == 0) problems.push_back("cluster_id is 0: draw a number once for each cluster");
  const std::size_t count = replicas.size();
  if (count > PAXOS_REPLICAS_MAX || count % 2 == 0) {
    problems.push_back("replicas has " + std::to_string(count) + " addresses: give 1, 3, 5, 7 or 9");
  }
  std::vector<Endpoint> seen;
  for (const std::string& text : replicas) {
    const auto endpoint = parse_endpoint(text);
    if (!endpoint) {
      problems.push_back("replicas has \"" + text + "\": give it as 10.0.0.1:7400 or [fd00::1]:7400");
      continue;
    }
    if (endpoint->address().is_unspecified() || endpoint->address().is_multicast()) {
      problems.push_back("replicas has \"" + text + "\": give the address at which the others reach it");
    }
    if (std::find(seen.begin(), seen.end(), *endpoint) != seen.end()) {
      problems.push_back("replicas has \"" + text + "\" twice: each has its own address or port");
    }
    if (!seen.empty() && seen.front().address().is_v6() != endpoint->address().is_v6()) {
      problems.push_back("replicas mixes IPv4 and IPv6: give all in one of them");
    }
    seen.push_back(*endpoint);
  }
}

void check_sizes(std::uint32_t request_bytes_max, std::uint32_t datagram_bytes_max,
                 std::uint32_t reassembly_bytes_max, Problems& problems) {
  if (datagram_bytes_max < kDatagramBytesMin || datagram_bytes_max > kDatagramBytesMax) {
    problems.push_back("datagram_bytes_max is " + std::to_string(datagram_bytes_max) + ": give " +
                       std::to_string(kDatagramBytesMin) + " to " + std::to_string(kDatagramBytesMax));
    return;
  }
  const std::size_t carried = fragmented_bytes_max(datagram_bytes_max) - kMessageOverheadBytes;
  if (request_bytes_max == 0 || request_bytes_max > carried) {
    problems.push_back("request_bytes_max is " + std::to_string(request_bytes_max) + ": give 1 to " +
                       std::to_string(carried) +
                       ", which is what the fragments of datagram_bytes_max can carry");
  }
  if (reassembly_bytes_max < 2 * std::uint64_t{request_bytes_max}) {
    problems.push_back("reassembly_bytes_max is " + std::to_string(reassembly_bytes_max) +
                       ": give at least twice request_bytes_max");
  }
}

struct Range {
  const char* name;
  std::uint32_t value, min, max;
};

void check_ranges(std::initializer_list<Range> ranges, Problems& problems) {
  for (const auto& [name, value, min, max] : ranges) {
    if (value >= min && value <= max) continue;
    problems.push_back(std::string(name) + " is " + std::to_string(value) + ": give " + std::to_string(min) +
                       " to " + std::to_string(max));
  }
}

void check_listen(const Options& options, Problems& problems) {
  const auto own = parse_endpoint(options.replicas[options.replica_index]);
  if (options.listen.empty() || !own) return;
  const auto listen = parse_endpoint(options.listen);
  if (!listen || listen->address().is_v6() != own->address().is_v6()) {
    problems.push_back("listen is \"" + options.listen + "\": give an address and a port in the form of " +
                       options.replicas[options.replica_index]);
  } else if (listen->port() != own->port()) {
    problems.push_back("listen has another port than replicas[" + std::to_string(options.replica_index) +
                       "]: the others know a replica by the address and port it sends from");
  }
}

void check_broadcast(const Options& options, Problems& problems) {
  const BroadcastOffload& offload = options.broadcast_offload;
  if (offload.reports < 0 && offload.groups < 0) return;
  if (offload.reports < 0) problems.push_back("broadcast_offload is not whole: give reports");
  if (offload.group >= BROADCAST_GROUPS_MAX) {
    problems.push_back("broadcast_offload.group is " + std::to_string(offload.group) + ": give 0 to " +
                       std::to_string(BROADCAST_GROUPS_MAX - 1));
  }
  const auto listen = parse_endpoint(options.listen);
  if (listen && listen->address().is_unspecified()) {
    problems.push_back(
        "broadcast_offload needs a replica that listens at its own address: leave listen empty");
  }
}

// Only what is wrong whoever bmcd is.
void check_kernel(const Options& options, Problems& problems) {
  const KernelOffloads& kernel = options.kernel;
  const bool wants = kernel.acknowledge || kernel.quorum || kernel.broadcast;
  if (kernel.socket.empty()) {
    if (wants) problems.push_back("kernel.socket is empty: name the socket of bmcd, /run/bmcd/paxos.sock");
    return;
  }
  if (!wants) {
    problems.push_back(
        "kernel.socket is given, but nothing is asked for: set kernel.acknowledge, quorum or "
        "broadcast, or leave it empty");
  }
  if (kernel.socket.size() >= sizeof(sockaddr_un::sun_path)) {
    problems.push_back("kernel.socket is longer than a socket's path may be, " +
                       std::to_string(sizeof(sockaddr_un::sun_path) - 1) + " bytes");
  }
  if (options.broadcast_offload.reports >= 0 && kernel.broadcast) {
    problems.push_back("kernel.broadcast and broadcast_offload are both given: leave one of them out");
  }
}

void check_times(const Options& options, Problems& problems) {
  check_ranges({{"heartbeat_ms", options.heartbeat_ms, 1, 60'000},
                {"leader_timeout_ms", options.leader_timeout_ms, 1, 600'000},
                {"quorum_timeout_ms", options.quorum_timeout_ms, 1, 600'000},
                {"retransmit_ms", options.retransmit_ms, 1, 60'000},
                {"batch_delay_us", options.batch_delay_us, 0, 1'000'000}},
               problems);
  const std::uint64_t least = 2 * std::uint64_t{options.heartbeat_ms};
  if (options.leader_timeout_ms < least || options.quorum_timeout_ms < least) {
    problems.push_back(
        "leader_timeout_ms and quorum_timeout_ms must be at least twice heartbeat_ms, or a single lost "
        "datagram ends a leader's time");
  }
}

}  // namespace

Problems Options::validate() const {
  Problems problems;
  if (data_directory.empty()) problems.push_back("data_directory is empty: name the replica's own directory");
  check_cluster(cluster_id, replicas, problems);
  if (replica_index >= replicas.size()) {
    problems.push_back("replica_index is " + std::to_string(replica_index) + ", but replicas has " +
                       std::to_string(replicas.size()) + " addresses: the first has the index 0");
  } else {
    check_listen(*this, problems);
  }
  check_sizes(request_bytes_max, datagram_bytes_max, reassembly_bytes_max, problems);
  check_times(*this, problems);
  check_broadcast(*this, problems);
  check_kernel(*this, problems);
  check_ranges({{"batch_requests_max", batch_requests_max, 1, 65'536},
                {"batch_bytes_max", batch_bytes_max, 64, kDatagramBytesMax},
                {"pipeline_batches_max", pipeline_batches_max, 1, 65'536},
                {"requests_waiting_max", requests_waiting_max, 1, 1u << 20},
                {"sessions_max", sessions_max, 1, 1u << 20},
                {"client_routes_max", client_routes_max, 1, 1u << 24},
                {"checkpoint_interval_batches", checkpoint_interval_batches, 1, 1u << 24},
                {"log_kept_batches", log_kept_batches, 0, 1u << 24},
                {"chunk_bytes_max", chunk_bytes_max, 4096, 4u << 20},
                {"socket_buffer_bytes", socket_buffer_bytes, 4096, 1u << 30},
                {"busy_poll_us", busy_poll_us, 0, 1'000'000},
                {"bulk_queue_bytes_max", bulk_queue_bytes_max, 1u << 20, 1u << 30}},
               problems);
  return problems;
}

Problems ClientOptions::validate() const {
  Problems problems;
  check_cluster(cluster_id, replicas, problems);
  check_sizes(request_bytes_max, datagram_bytes_max, reassembly_bytes_max, problems);
  if (read_replica < -1 || read_replica >= static_cast<int>(replicas.size())) {
    problems.push_back("read_replica is " + std::to_string(read_replica) +
                       ": give the index of a replica, or -1");
  }
  check_ranges({{"sessions_max", sessions_max, 1, 65'536},
                {"calls_waiting_max", calls_waiting_max, 1, 1u << 20},
                {"deadline_ms", deadline_ms, 1, 3'600'000},
                {"retransmit_ms", retransmit_ms, 1, 60'000},
                {"retransmit_ms_max", retransmit_ms_max, retransmit_ms, 600'000},
                {"socket_buffer_bytes", socket_buffer_bytes, 4096, 1u << 30},
                {"busy_poll_us", busy_poll_us, 0, 1'000'000}},
               problems);
  return problems;
}

}  // namespace bmc::paxos
