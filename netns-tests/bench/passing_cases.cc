// SPDX-License-Identifier: Apache-2.0
// What bmcd does not serve must not pay for it: memcached over TCP, other traffic of the same interface, and
// a load as Facebook's, most of which it does serve. See cases.h.
#include <sys/socket.h>

#include <atomic>
#include <memory>
#include <thread>

#include "loadgen/distributions.h"
#include "loadgen/tcp_transport.h"
#include "netns-tests/bench/cases.h"
#include "netns-tests/bench/passing_hooks.h"
#include "netns-tests/bench/run.h"
#include "netns-tests/lib/tcp_client.h"

namespace bmc::bench {
namespace {

using loadgen::SocketOptions;
using loadgen::Workload;

constexpr std::uint32_t kConnections = 64;
constexpr std::uint32_t kEtcConnections = 16, kEtcPipeline = 8;
constexpr std::uint32_t kGetsPerSet = 9;
constexpr std::uint16_t kNeighbourPort = 5201;
constexpr std::size_t kFlowBuffer = 128 * 1024;

Sample closed_loop(Run& run, const char* name, Run::SocketMaker make, const SocketOptions& options) {
  run.progress().step(std::string(name) + ", " + name_of(run.side()));
  const Workload workload = demo::unwrap(Workload::create(run.scene().items));
  const auto transport = run.sockets(make, workload, options);
  const double hits_before = run.bmcd() != nullptr ? run.bmcd()->kernel_hits() : 0;
  const double used_before = run.plan().server_seconds();
  const auto report =
      run.counted(transport->run({.rps = 0, .seconds = run.pace().seconds}, run.stop(),
                                 [&](const loadgen::RunReport& so_far) { run.progress().show(so_far); }));
  const double used = run.plan().server_seconds() - used_before;
  const double answered = static_cast<double>(std::max<std::uint64_t>(1, report.answered()));
  Sample sample{report.rps(),
                {{"p99_us", report.latency.quantile_ns(0.99) / 1000},
                 {"server_busy", used / report.seconds},
                 {"server_ns", used * 1e9 / answered}}};
  if (run.bmcd() != nullptr)
    sample.more["kernel_hit_rate"] = (run.bmcd()->kernel_hits() - hits_before) / answered;
  return sample;
}

SocketOptions tcp_traffic() {
  SocketOptions options;
  options.connections = kConnections;
  options.traffic.sets = 1;
  options.traffic.gets = kGetsPerSet;
  return options;
}

Sample tcp_watched(Run& run) {
  const std::unique_ptr<PassingHooks> passing = passing_programs(run);
  return closed_loop(run, "tcp_only_watched", loadgen::make_tcp_transport, tcp_traffic());
}

Sample tcp_only(Run& run) {
  const std::unique_ptr<PassingHooks> passing = passing_programs(run);
  run.await_rest([&run] { closed_loop(run, "tcp_only", loadgen::make_tcp_transport, tcp_traffic()); });
  return closed_loop(run, "tcp_only", loadgen::make_tcp_transport, tcp_traffic());
}

Sample etc(Run& run) {
  SocketOptions options;
  options.connections = kEtcConnections;
  options.pipeline = kEtcPipeline;
  options.traffic.sets = 1;
  options.traffic.gets = loadgen::kEtcGetsPerSet;
  return closed_loop(run, "etc", loadgen::make_mixed_transport, options);
}

// Takes what one connection sends and forgets it, on the server's processor.
class Sink {
 public:
  explicit Sink(demo::Stage& stage) {
    const lab::ScopedNetns inside(stage.lab().server());
    socklen_t length = 0;
    const sockaddr_storage address = lab::to_sockaddr({stage.link().server().ip, kNeighbourPort}, length);
    listener_ = lab::Fd(lab::checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "a TCP socket"));
    const int on = 1;
    lab::checked(::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), "SO_REUSEADDR");
    lab::checked(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), length), "bind");
    lab::checked(::listen(listener_.get(), 1), "listen");
    thread_ = std::jthread([this, cpu = stage.placement().server_cpu] {
      demo::pin_this_thread(cpu);
      demo::prefer_this_thread(demo::kServerPriority);
      take_all();
    });
  }
  ~Sink() { ::shutdown(listener_.get(), SHUT_RDWR); }
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  std::uint64_t bytes() const { return bytes_; }

 private:
  void take_all() {
    const lab::Fd peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    std::vector<char> buffer(kFlowBuffer);
    for (ssize_t got; (got = ::recv(peer.get(), buffer.data(), buffer.size(), 0)) > 0;)
      bytes_ += static_cast<std::uint64_t>(got);
  }

  lab::Fd listener_;
  std::atomic<std::uint64_t> bytes_ = 0;
  std::jthread thread_;
};

// One TCP connection that sends as much as it can.
Sample neighbour_flow(Run& run) {
  demo::Stage& stage = run.stage();
  run.progress().step(std::string("neighbour_flow, ") + name_of(run.side()));
  const std::unique_ptr<PassingHooks> passing = passing_programs(run);
  Sink sink(stage);
  lab::TcpClient client(stage.lab().client(), {stage.link().server().ip, kNeighbourPort});
  const std::string data(kFlowBuffer, 'n');
  const double used_before = run.plan().server_seconds();
  const std::int64_t start = lab::now_ns();
  const lab::Deadline end = lab::Deadline::in_ms(static_cast<std::int64_t>(run.pace().seconds * 1000));
  while (!end.passed() && !run.stop().stop_requested() && client.send(data, end)) continue;
  const double seconds = static_cast<double>(lab::now_ns() - start) / 1e9;
  const auto bits = static_cast<double>(sink.bytes()) * 8;
  const double used = run.plan().server_seconds() - used_before;
  client.reset();
  if (run.stop().stop_requested()) throw demo::Interrupted{};
  return {bits / seconds / 1e9, {{"reception_busy", used / seconds}}};
}

bool unharmed(const Outcome& outcome) { return outcome.ratio() >= 0.97; }

}  // namespace

std::vector<Case> passing_cases() {
  const std::vector<Side> pair{Side::kPlain, Side::kBmcd};
  return {
      {"tcp_only_watched",
       "requests/s",
       "1 SET to 9 GETs over 64 TCP connections; the limit are programs that only pass, at the same hooks",
       kSceneTcp,
       {Side::kPlain, Side::kBmcd, Side::kLimit},
       tcp_watched,
       {}},
      {"tcp_only",
       "requests/s",
       "the same, once bmcd rests",
       kSceneRest,
       {Side::kPlain, Side::kBmcd, Side::kLimit},
       tcp_only,
       {">= 0.97 x", unharmed}},
      {"neighbour_flow",
       "Gbit/s",
       "one TCP flow to another port; the limit are programs that only pass, at the same hooks",
       kSceneTcp,
       {Side::kPlain, Side::kBmcd, Side::kLimit},
       neighbour_flow,
       {">= 0.97 x", unharmed}},
      {"etc",
       "requests/s",
       "Facebook's ETC pool: GETs over UDP, 1 SET to 30 GETs over TCP, from sockets",
       kSceneEtc,
       pair,
       etc,
       {}},
  };
}

}  // namespace bmc::bench
