// SPDX-License-Identifier: Apache-2.0
// See run.h.
#include "netns-tests/bench/run.h"

#include <algorithm>

#include "loadgen/udp_transport.h"
#include "netns-tests/lib/clock.h"

namespace bmc::bench {
namespace {

constexpr double kPrecision = 0.02;
constexpr double kFirstRps = 20'000, kFirstKernelRps = 200'000;
// Below what the last round has found, so that a noisy moment then does not bound this one.
constexpr double kStartNear = 0.8;
constexpr double kSweepRps = 35'000, kCarefulRps = 20'000;
constexpr double kDrawSeconds = 5;
// Then most are hits. Seven draws for each key show which hundredth of the keys is asked for most.
constexpr double kChoiceRps = 70'000, kChoiceDraws = 7;
constexpr std::uint32_t kSweepConnections = 32;

}  // namespace

demo::MeasurementPlan Run::plan() {
  demo::MeasurementPlan plan;
  plan.seconds = pace_.seconds;
  plan.sweep_rps = kSweepRps;
  plan.load_cpu = stage_.placement().load_cpu;
  plan.expect_echo = side_ == Side::kLimit;
  plan.search.window_seconds = pace_.window_seconds;
  plan.search.precision = kPrecision;
  plan.search.start_rps = side_ == Side::kPlain ? kFirstRps : kFirstKernelRps;
  if (bmcd_ != nullptr) {
    plan.kernel_hits = [this] { return bmcd_->kernel_hits(); };
    plan.gets_of_cached = [this] { return bmcd_->gets_of_cached(); };
  }
  plan.server_seconds = [this] {
    return stage_.server_seconds() + (bmcd_ != nullptr ? lab::cpu_seconds(bmcd_->pid()) : 0);
  };
  plan.before_latency = [this] { stage_.receive_with_sender(); };
  plan.after_latency = [this] { stage_.receive_apart(); };
  return plan;
}

// bmcd holds back while requests from before its start may still be unanswered.
void Run::await_serving() {
  constexpr std::int64_t kLimitMs = 60'000;
  progress_.step(scene_.name + ", " + name_of(side_) + ": waiting until bmcd serves");
  const std::int64_t start = lab::now_ns();
  const bool serves = lab::eventually(lab::Deadline::in_ms(kLimitMs), [&] {
    if (stop_.stop_requested()) throw demo::Interrupted{};
    return bmcd_->metric("bmcd_server_held") == 0;
  });
  if (!serves) throw lab::LabError("bmcd does not serve: " + bmcd_->output());
  held_seconds_ = static_cast<double>(lab::now_ns() - start) / 1e9;
}

void Run::await_rest(const std::function<void()>& load) {
  constexpr std::int64_t kLimitMs = 60'000;
  if (bmcd_ == nullptr) return;
  progress_.step(scene_.name + ", " + name_of(side_) + ": until bmcd rests");
  const lab::Deadline limit = lab::Deadline::in_ms(kLimitMs);
  while (bmcd_->metric("bmcd_server_resting") == 0) {
    if (limit.passed()) throw lab::LabError("bmcd does not rest: " + bmcd_->output());
    load();
  }
}

void Run::warm_up() {
  await_serving();
  const std::string name = scene_.name + ", " + name_of(side_);
  switch (scene_.warming) {
    case Warming::kNone:
      return;
    case Warming::kDraws:
      progress_.step(name + ": asking until the cache has made its choice");
      send(scene_.items, {.rps = kSweepRps, .seconds = kDrawSeconds});
      send(scene_.items, {.rps = kChoiceRps, .seconds = kChoiceDraws * scene_.items.key_count / kChoiceRps});
      return;
    case Warming::kSweep:
    case Warming::kOnce:
      progress_.step(name + ": asking every key");
      scene_.items.sizes == loadgen::Sizes::kFixed ? sweep() : sweep_with_sockets();
  }
}

void Run::sweep() {
  demo::Measurement measurement(stage_.link(), scene_.items, progress_, stop_);
  demo::MeasurementPlan sweeping = plan();
  const bool once = scene_.warming == Warming::kOnce;
  // So slowly that bmcd is told all expiries meanwhile. What is lost is asked again in the next turn, where
  // there is one; three are enough for any number of keys.
  sweeping.sweep_rps = kCarefulRps;
  const double three_turns = 3 * scene_.items.key_count / kCarefulRps;
  demo::unwrap(measurement.warm_up(sweeping, once ? 0 : std::max(pace_.warm_limit_seconds, three_turns)));
  count(measurement.total());
}

// The generator in the kernel writes keys of one size only.
void Run::sweep_with_sockets() {
  loadgen::WorkloadOptions items = scene_.items;
  items.pattern = loadgen::Pattern::kSequential;
  const loadgen::Workload workload = demo::unwrap(loadgen::Workload::create(items));
  loadgen::SocketOptions options;
  options.connections = kSweepConnections;
  const auto transport = sockets(loadgen::make_udp_transport, workload, options);
  counted(transport->run({.rps = 0, .seconds = pace_.warm_limit_seconds, .requests = items.key_count}, stop_,
                         [this](const loadgen::RunReport& so_far) { progress_.show(so_far); }));
}

double Run::remembered(const std::string& figure, const std::function<double()>& measure) {
  const auto [found, is_new] = remembered_.try_emplace(figure, 0);
  if (is_new) found->second = measure();
  return found->second;
}

std::unique_ptr<loadgen::SocketTransport> Run::sockets(SocketMaker make, const loadgen::Workload& requests,
                                                       loadgen::SocketOptions options) {
  options.server = demo::unwrap(loadgen::IpAddress::parse(stage_.link().server().ip));
  options.port = lab::kMemcachedPort;
  options.cpu = stage_.placement().load_cpu;
  return demo::unwrap(make(options, requests));
}

double Run::start_rps(const std::string& name, double first) const {
  const auto found = found_rps_.find({name, side_});
  return found == found_rps_.end() || found->second <= 0 ? first : found->second * kStartNear;
}

demo::Measured Run::best_rate(const std::string& name, const loadgen::WorkloadOptions& requests,
                              std::uint16_t echo_growth, Answers answers) {
  demo::MeasurementPlan measurement_plan = plan();
  const bool echoes = side_ == Side::kLimit && answers == Answers::kSide;
  if (answers == Answers::kMemcached) measurement_plan.search.start_rps = kFirstRps;
  measurement_plan.expect_echo = echoes;
  measurement_plan.search.start_rps = start_rps(name, measurement_plan.search.start_rps);
  measurement_plan.echo_growth = echo_growth;
  std::unique_ptr<loadgen::EchoServer> echo;
  if (echoes) echo = stage_.start_echo(echo_growth);
  demo::Measurement measurement(stage_.link(), requests, progress_, stop_);
  demo::Measured measured;
  demo::unwrap(measurement.find_rate(name + ", " + name_of(side_), measurement_plan, measured));
  count(measurement.total());
  found_rps(name, measured.rps);
  return measured;
}

loadgen::RunReport Run::send(const loadgen::WorkloadOptions& requests, const loadgen::WindowPlan& window,
                             std::uint16_t port) {
  demo::MeasurementPlan measurement_plan = plan();
  measurement_plan.port = port;
  measurement_plan.expect_echo = false;
  auto session = demo::unwrap(demo::open_session(stage_.link(), requests, measurement_plan));
  return counted(session.transport->run(
      window, stop_, [this](const loadgen::RunReport& so_far) { progress_.show(so_far); }));
}

loadgen::RunReport Run::counted(Result<loadgen::RunReport> report) {
  if (stop_.stop_requested()) throw demo::Interrupted{};
  const loadgen::RunReport done = demo::unwrap(std::move(report));
  count(done);
  return done;
}

}  // namespace bmc::bench
