// SPDX-License-Identifier: Apache-2.0
// Building, running and ending a hammer run; see hammer.h.
#include "netns-tests/hammer/hammer.h"

#include <deque>
#include <memory>
#include <optional>
#include <thread>

#include "netns-tests/hammer/board.h"
#include "netns-tests/hammer/injector.h"
#include "netns-tests/hammer/reader.h"
#include "netns-tests/hammer/report.h"
#include "netns-tests/hammer/stale_cache.h"
#include "netns-tests/hammer/writer.h"
#include "netns-tests/lib/bmcd.h"
#include "netns-tests/lib/lab.h"
#include "netns-tests/lib/lab_error.h"
#include "netns-tests/lib/memcached.h"

namespace bmc::hammer {
namespace {

constexpr unsigned kWriters = 8;  // the last one waits for the interface that appears
constexpr unsigned kCounters = 8;
constexpr uint16_t kProxyPort = 11311;
constexpr size_t kEnough = 3;  // violations after which the run ends
constexpr uint64_t kWritesBeforeBmcd = 200;

/// Everything of one run. Members are destroyed from the bottom up: threads first, namespaces last.
class Run {
 public:
  explicit Run(const HammerOptions& options)
      : options_(options), board_(kWriters, options.keys_each, kCounters), memcached_(lab_.server()) {
    lab_.add_faulty_path(options.seed);
    if (options.defect != Defect::kNone)
      proxy_.emplace(lab_.server(), kProxyPort, memcached_.loopback(), options.defect, options.seed);
    for (const auto& plan : writer_plans()) add_writer(plan);
    for (const auto& plan : reader_plans())
      readers_.emplace_back(plan, board_, lab::mix64(options.seed + 1000 + readers_.size()));
  }

  HammerReport execute() {
    for (auto& writer : writers_) start_thread([&writer] { writer.run(); });
    for (auto& reader : readers_) start_thread([&reader] { reader.run(); });
    if (options_.accelerated) start_bmcd();
    Injector injector(
        options_, lab_, memcached_, bmcd_ ? &*bmcd_ : nullptr, board_, [this](const lab::Link& link) {
          add_writer(plan("tcp late interface", Transport::kText, lab_.client(), link.server()));
          start_thread([writer = &writers_.back()] { writer->run(); });
        });
    std::thread injecting([&] { guarded([&] { injector.run(); }); });
    const lab::Deadline deadline = lab::Deadline::in_ms(options_.seconds * 1000);
    while (!deadline.passed() && !board_.stopping() && board_.violation_count() < kEnough)
      board_.pause(50 * lab::kMillisecond);
    board_.stop();
    injecting.join();
    for (auto& thread : threads_) thread.join();
    threads_.clear();
    guarded([this] { final_sweep(); });
    return make_report(options_, board_, bmcd_ ? &*bmcd_ : nullptr, lab_.fault_switch());
  }

  ~Run() {
    board_.stop();
    for (auto& thread : threads_) thread.join();
  }

 private:
  WriterPlan plan(const std::string& name, Transport transport, const lab::Netns& netns,
                  const lab::Endpoint& server) const {
    WriterPlan made{.name = name, .transport = transport, .netns = &netns, .server = server};
    made.resets = options_.faults.contains(Fault::kReset) && transport != Transport::kUdp;
    made.quiet_bursts = options_.faults.contains(Fault::kNoreply);
    return made;
  }

  std::vector<WriterPlan> writer_plans() {
    const lab::Link& link = lab_.link();
    const lab::Link& faulty = lab_.faulty_link();
    std::vector<WriterPlan> plans{
        plan("tcp loopback", Transport::kText, lab_.server(), memcached_.loopback()),
        plan("tcp eth0 v4", Transport::kText, lab_.client(), link.server()),
        plan("binary eth0 v6", Transport::kBinary, lab_.client(), link.server(true)),
        plan("udp eth0 v4", Transport::kUdp, lab_.client(), link.server()),
        plan("udp loopback v6", Transport::kUdp, lab_.server(), memcached_.loopback(true)),
        plan("tcp faulty v4", Transport::kText, lab_.writer(), faulty.server()),
        plan("udp faulty v6", Transport::kUdp, lab_.writer(), faulty.server(true))};
    plans[0].starts_counters = true;
    plans[5].faulty = plans[6].faulty = &lab_.fault_switch();
    return plans;
  }

  std::vector<ReaderPlan> reader_plans() {
    const uint16_t port = proxy_ ? kProxyPort : lab::kMemcachedPort;
    const lab::Endpoint v4 = lab_.link().server(false, port);
    const lab::Endpoint v6 = lab_.link().server(true, port);
    return {{.name = "unique ids v4", .netns = &lab_.client(), .server = v4},
            {.name = "unique ids v6", .netns = &lab_.client(), .server = v6, .window = 4},
            {.name = "reused ids v4",
             .netns = &lab_.client(),
             .server = v4,
             .ids = RequestIds::kReused,
             .window = 6},
            {.name = "faulty path v4",
             .netns = &lab_.writer(),
             .server = lab_.faulty_link().server(false, port),
             .window = 2,
             .multiget = 0,
             .in_order = false}};
  }

  void add_writer(const WriterPlan& made) {
    const auto number = static_cast<unsigned>(writers_.size());
    writers_.emplace_back(made, number, options_.keys_each, board_, memcached_,
                          lab::mix64(options_.seed + number));
  }

  /// A failure of the laboratory ends the run and is reported like a violation.
  template <class Body>
  void guarded(Body body) {
    try {
      body();
    } catch (const std::exception& error) {
      board_.violation(std::string("laboratory: ") + error.what());
      board_.stop();
    }
  }

  template <class Body>
  void start_thread(Body body) {
    threads_.emplace_back([this, body] { guarded(body); });
  }

  /// As in life: beside a busy memcached whose connections are older than bmcd.
  void start_bmcd() {
    lab::eventually(lab::Deadline::in_ms(20'000),
                    [&] { return board_.statistics.writes_done > kWritesBeforeBmcd || board_.stopping(); });
    bmcd_.emplace(lab_.server(),
                  lab::BmcdOptions{.ifaces = {lab_.link().server_device, lab_.faulty_link().server_device}});
  }

  /// All is quiet: what UDP says of a key must be what memcached itself says, before or after.
  void final_sweep() {
    if (options_.defect != Defect::kNone) return;
    lab_.fault_switch().wait_drained(lab::Deadline::in_ms(2000));
    lab::TcpClient truth(lab_.server(), memcached_.loopback());
    lab::UdpClient udp(lab_.client(), lab_.link().server());
    for (size_t i = 0; i < board_.key_count(); ++i) {
      const std::string line = "get " + board_.key(i).name + "\r\n";
      auto before = truth.get(line);
      for (int round = 0; round < 3; ++round) {
        const auto seen = udp.request(line, 2000);
        const auto after = truth.get(line);
        if (seen && seen != before && seen != after)
          board_.violation("final sweep: UDP and TCP differ for " + board_.key(i).name + "\n  " +
                           board_.key(i).oracle.history());
        before = after;
      }
    }
  }

  const HammerOptions& options_;
  Board board_;
  lab::Lab lab_;
  lab::Memcached memcached_;
  std::optional<StaleCache> proxy_;
  std::optional<lab::Bmcd> bmcd_;
  std::deque<Writer> writers_;
  std::deque<Reader> readers_;
  std::deque<std::thread> threads_;
};

}  // namespace

HammerReport run_hammer(const HammerOptions& options) { return Run(options).execute(); }

}  // namespace bmc::hammer
