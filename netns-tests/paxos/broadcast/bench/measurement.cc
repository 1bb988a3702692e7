// SPDX-License-Identifier: Apache-2.0
// See measurement.h.
#include "netns-tests/paxos/broadcast/bench/measurement.h"

#include <sys/socket.h>
#include <time.h>

#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <fstream>
#include <optional>
#include <sstream>

#include "apps/paxos/fastpath/broadcast.h"
#include "apps/paxos/fastpath/broadcast_program.h"
#include "apps/paxos/runtime/datagram_socket.h"
#include "netns-tests/bench/statistics.h"
#include "netns-tests/lib/lab_error.h"
#include "netns-tests/lib/netns.h"
#include "netns-tests/lib/process.h"

namespace bmc::bench {
namespace {

using paxos::fastpath::Broadcast;
using paxos::fastpath::BroadcastProgram;
using paxos::runtime::DatagramSocket;
using paxos::runtime::Endpoint;
using paxos::runtime::OutgoingDatagram;

constexpr const char* kDevice = "sink";
constexpr std::uint16_t kPort = 7400;
constexpr std::uint32_t kSocketBuffer = 4u << 20;

std::string ip_of(std::size_t host, bool v6) { return (v6 ? "fd97::" : "10.97.0.") + std::to_string(host); }
Endpoint endpoint_of(std::size_t host, bool v6) {
  return {boost::asio::ip::make_address(ip_of(host, v6)), kPort};
}

double thread_cpu_ns() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

template <typename T>
T taken(paxos::Result<T> result) {
  if (!result) throw lab::LabError(result.error().what);
  return *std::move(result);
}

void make_sink(const lab::Netns& netns, std::size_t recipients, bool v6) {
  const auto ip = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"ip", "-n", netns.name()});
    lab::run_checked(words);
  };
  ip({"link", "add", kDevice, "type", "ifb"});
  ip({"link", "set", kDevice, "up", "arp", "on", "multicast", "on", "addrgenmode", "none"});
  if (v6)
    ip({"addr", "add", ip_of(1, true) + "/64", "dev", kDevice, "nodad"});
  else
    ip({"addr", "add", ip_of(1, false) + "/24", "dev", kDevice});
  for (std::size_t i = 0; i < recipients; ++i)
    ip({"neigh", "add", ip_of(10 + i, v6), "lladdr", "02:bc:00:97:00:" + std::to_string(10 + i), "dev",
        kDevice, "nud", "permanent"});
}

}  // namespace

struct Sender::State {
  State(std::size_t recipients, bool v6) {
    make_sink(netns, recipients, v6);
    for (std::size_t i = 0; i < recipients; ++i) peers.push_back(endpoint_of(10 + i, v6));
    const lab::ScopedNetns inside(netns);
    program.emplace(taken(BroadcastProgram::load()));
    if (auto attached = program->attach(kDevice); !attached) throw lab::LabError(attached.error().what);
    socket.emplace(taken(DatagramSocket::open(context.get_executor(), endpoint_of(1, v6), kSocketBuffer)));
    broadcast.emplace(taken(Broadcast::open({program->reports(), program->groups(), 0, kDevice},
                                            socket->socket().native_handle(), peers)));
    // The first is for all to be sent to in the ordinary way; with the time standing still there is no
    // second.
    broadcast->send("", static_cast<paxos::ReplicaSet>((1u << recipients) - 1), 1);
  }
  ~State() {
    const lab::ScopedNetns inside(netns);
    broadcast.reset();
    program.reset();
  }

  // What the interface swallowed.
  std::uint64_t swallowed() const {
    const lab::ScopedNetns inside(netns);
    std::ifstream file("/proc/thread-self/net/dev");
    for (std::string line; std::getline(file, line);) {
      std::istringstream words(line);
      std::string name;
      std::uint64_t received_bytes = 0, received_packets = 0;
      if (words >> name >> received_bytes >> received_packets && name == std::string(kDevice) + ":")
        return received_packets;
    }
    throw lab::LabError("no statistics of the interface");
  }

  lab::Netns netns{"sender"};
  std::vector<Endpoint> peers;
  boost::asio::io_context context;
  std::optional<BroadcastProgram> program;
  std::optional<DatagramSocket> socket;
  std::optional<Broadcast> broadcast;
};

Sender::Sender(std::size_t recipients_max, bool v6) : state_(std::make_unique<State>(recipients_max, v6)) {}
Sender::~Sender() = default;

double Sender::send(Way way, const BroadcastCase& of, std::size_t messages) {
  const auto bytes = std::make_shared<const std::string>(of.bytes, 'm');
  std::vector<OutgoingDatagram> datagrams;
  for (std::size_t i = 0; i < of.recipients; ++i) datagrams.push_back({state_->peers[i], bytes});
  const auto everyone = static_cast<paxos::ReplicaSet>((1u << of.recipients) - 1);
  const int socket = state_->socket->socket().native_handle();
  std::size_t sent = 0;
  const double start = thread_cpu_ns();
  for (std::size_t message = 0; message < messages; ++message) {
    switch (way) {
      case kSendto:
        for (const OutgoingDatagram& each : datagrams)
          sent += sendto(socket, bytes->data(), bytes->size(), MSG_DONTWAIT, each.to.data(),
                         static_cast<socklen_t>(each.to.size())) >= 0;
        break;
      case kSendmmsg:
        sent += state_->socket->send(datagrams).count;
        break;
      case kBroadcast:
        sent += state_->broadcast->send(*bytes, everyone, 2).left == 0 ? of.recipients : 0;
        break;
      case kWays:
        break;
    }
  }
  const double used = thread_cpu_ns() - start;
  if (sent != messages * of.recipients)
    throw lab::LabError(of.name() + ": " + kWayNames[way] + " sent " + std::to_string(sent) + " of " +
                        std::to_string(messages * of.recipients));
  return used / static_cast<double>(messages);
}

void Sender::measure(BroadcastCase& into, std::size_t messages) {
  const std::uint64_t before = state_->swallowed();
  for (std::size_t way = 0; way < kWays; ++way)
    into.runs[way].push_back(send(static_cast<Way>(way), into, messages));
  const std::uint64_t left = state_->swallowed() - before, wanted = kWays * messages * into.recipients;
  if (left < wanted || left > wanted + wanted / 100)  // the kernel's own words may be among them
    throw lab::LabError(into.name() + ": " + std::to_string(left) + " packets left in place of " +
                        std::to_string(wanted));
}

std::string BroadcastCase::name() const {
  return "broadcast." + std::to_string(recipients) + "." + std::to_string(bytes) + (v6 ? ".ipv6" : ".ipv4");
}

double BroadcastCase::median_ns(Way way) const { return median_of(runs[way]); }

double BroadcastCase::ratio(Way way, Way to) const {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < runs[way].size(); ++i) ratios.push_back(runs[way][i] / runs[to][i]);
  return median_of(std::move(ratios));
}

}  // namespace bmc::bench
