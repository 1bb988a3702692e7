// SPDX-License-Identifier: Apache-2.0
// The event loop around the applications; see daemon.h.
#include "control-plane/daemon.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <list>
#include <optional>

#include "control-plane/bpf_object.h"
#include "control-plane/control_server.h"
#include "control-plane/interface_watch.h"
#include "control-plane/metrics_server.h"
#include "control-plane/pins.h"
#include "control-plane/privileges.h"
#include "control-plane/probe.h"
#include "control-plane/removal.h"
#include "control-plane/scheduling.h"
#include "control-plane/service_manager.h"

namespace bmc {
namespace {

using Clock = std::chrono::steady_clock;

// A gauge that is 1 and tells by its labels what runs.
prometheus::MetricFamily build_info() {
  prometheus::ClientMetric metric;
  metric.label = {{"version", BMC_VERSION}};
  metric.gauge.value = 1;
  prometheus::MetricFamily family;
  family.name = "bmcd_build_info";
  family.help = "The bmcd that answers";
  family.type = prometheus::MetricType::Gauge;
  family.metric.push_back(std::move(metric));
  return family;
}

class Daemon {
 public:
  explicit Daemon(const Config& config) : config_(config) {}

  int run(const std::vector<Application>& applications) {
    run_in_the_background();
    Result<void> started = start(applications);
    if (!started) {
      spdlog::error("{}", started.error().what);
      stop();
      return EXIT_FAILURE;
    }
    notify_ready();
    spdlog::info("ready");
    loop_.run();
    stop();
    return exit_status_;
  }

 private:
  // One that was made. Its pins are the daemon's where it has no folder of its own.
  struct Running {
    std::optional<Pins> pins;
    std::unique_ptr<App> app;
  };

  Result<void> start(const std::vector<Application>& applications) {
    // Before an application attaches, so that a signal in between still ends in an orderly stop.
    signals_.async_wait([this](const boost::system::error_code& failed, int signal) {
      if (failed) return;
      spdlog::info("signal {}: stopping; programs stay attached and pass everything", ::strsignal(signal));
      loop_.stop();
    });
    const auto at_root = std::ranges::find(applications, std::string(), &Application::folder);
    auto pins = Pins::open(config_.pin, at_root == applications.end() ? 1 : at_root->abi_version);
    if (!pins) return std::move(pins).error();
    pins_.emplace(*std::move(pins));
    if (Result<void> watching = interfaces_.start(); !watching) return watching;
    for (const Application& each : applications)
      if (each.is_wanted(config_))
        if (Result<void> started = start(each); !started) return started;
    for (const Application& each : applications)
      if (!each.is_wanted(config_)) remove_remains(each);
    if (Result<void> listening = control_.listen(config_.control); !listening) return listening;
    const auto kept = drop_capabilities();
    if (!kept) return kept.error();
    spdlog::debug("capabilities kept: {}", *kept);
    if (config_.metrics)
      if (Result<void> listening = metrics_.listen(*config_.metrics); !listening) return listening;
    if (const auto limit = watchdog_limit()) pulse_ = std::min<Clock::duration>(pulse_, *limit / 3);
    pulse();
    return {};
  }

  Result<void> start(const Application& application) {
    Running& running = running_.emplace_back();
    if (!application.folder.empty()) {
      auto pins = pins_->open_below(application.folder, application.abi_version);
      if (!pins) return std::move(pins).error();
      running.pins.emplace(*std::move(pins));
    }
    running.app = application.make(AppContext{loop_, config_, running.pins ? *running.pins : *pins_,
                                              interfaces_, [this](Error error) { fail(error); }});
    return running.app->start();
  }

  // Once the others are attached: an interface's XDP program is theirs by then.
  void remove_remains(const Application& application) {
    const std::string directory = application.folder.empty() ? config_.pin : pins_->path(application.folder);
    const Removal removal = remove_application(config_.pin, directory);
    for (const std::string& each : removal.removed) spdlog::info("no longer wanted: removed {}", each);
    if (removal.error) spdlog::warn("{}", removal.error->what);
  }

  // In the order in which things depend on each other. Idempotent.
  void stop() {
    notify_stopping();
    metrics_.stop();
    end_applications();
    control_.stop();
  }

  // Later ones may use earlier ones. The watch's subscribers are the applications.
  void end_applications() {
    for (auto each = running_.rbegin(); each != running_.rend(); ++each)
      if (each->app) each->app->stop();
    interfaces_.stop();
    while (!running_.empty()) running_.pop_back();
    pins_.reset();
  }

  void fail(const Error& error) {
    spdlog::error("{}", error.what);
    exit_status_ = EXIT_FAILURE;
    loop_.stop();
  }

  // The watchdog is fed from the loop: a loop that hangs is restarted by systemd.
  void pulse() {
    notify_watchdog();
    if (Clock::now() >= next_status_) {
      next_status_ = Clock::now() + std::chrono::seconds(1);
      notify_status(status_line());
    }
    pulse_timer_.expires_after(pulse_);
    pulse_timer_.async_wait([this](const boost::system::error_code& failed) {
      if (!failed && !running_.empty()) pulse();
    });
  }

  std::string status_line() const {
    std::string line;
    for (const Running& each : running_) line += (line.empty() ? "" : "; ") + each.app->status_line();
    return line;
  }

  void collect(std::vector<prometheus::MetricFamily>& families) {
    families.push_back(build_info());
    for (const Running& each : running_) each.app->collect(families);
  }

  ControlAnswer answer(const control::Request& request) {
    if (running_.empty()) return {refusal(ESHUTDOWN, "bmcd is ending"), {}};
    switch (request.kind_case()) {
      case control::Request::kDetach:
        return detach();
      case control::Request::kProbe:
        return {probe(request.probe()), {}};
      case control::Request::KIND_NOT_SET:
        return {refusal(EINVAL, "the request is empty, or of a newer bmcctl"), {}};
      default:
        break;
    }
    auto response = ask(request);
    if (!response) return {refusal(response.error().code, response.error().what), {}};
    if (response->has_status()) complete(*response->mutable_status());
    return {*std::move(response), {}};
  }

  // The first application's answer that knows the request; of a description every one's.
  Result<control::Response> ask(const control::Request& request) {
    const bool describes = request.has_status() || request.has_stats() || request.has_audit();
    std::optional<control::Response> answer;
    Error unknown{ENOTSUP, "bmcd runs nothing that knows this request"};
    for (const Running& each : running_) {
      auto response = each.app->control(request);
      if (response && !describes) return response;
      if (!response && response.error().code != ENOTSUP) return response;
      if (!response) {
        unknown = response.error();
        continue;
      }
      if (!answer) answer.emplace();
      answer->MergeFrom(*response);
    }
    if (!answer && request.has_paxos())
      return Error{ENOTSUP, "bmcd helps no replicas of Paxos groups: paxos-allow is not configured"};
    if (!answer) return unknown;
    return *std::move(answer);
  }

  static control::Response refusal(int code, const std::string& text) {
    control::Response response;
    response.set_code(static_cast<std::uint32_t>(code));
    response.set_error(text);
    return response;
  }

  void complete(control::StatusReply& status) {
    status.set_version(BMC_VERSION);
    status.set_pid(static_cast<std::uint32_t>(::getpid()));
    status.set_uptime_s(std::chrono::duration<double>(Clock::now() - started_).count());
    status.set_summary(status_line());
  }

  control::Response probe(const control::ProbeRequest& request) const {
    std::vector<std::string> ifaces(request.ifaces().begin(), request.ifaces().end());
    control::Response response;
    *response.mutable_probe() = probe_host(config_.pin, ifaces.empty() ? config_.ifaces : ifaces);
    return response;
  }

  // The applications go first, so that nothing of them holds what is removed; then the reply, then the end.
  ControlAnswer detach() {
    end_applications();
    const Removal removal = remove_everything(config_.pin);
    control::Response response;
    for (const std::string& each : removal.removed) response.mutable_detach()->add_removed(each);
    response.mutable_detach();
    if (removal.error && removal.error->code == EPERM) {
      response.mutable_detach()->set_remaining(config_.pin);
    } else if (removal.error) {
      response = refusal(removal.error->code, removal.error->what);
    }
    return {std::move(response), [this] {
              spdlog::info("detached: ending");
              loop_.stop();
            }};
  }

  const Config& config_;
  const Clock::time_point started_ = Clock::now();
  boost::asio::io_context loop_{1};
  boost::asio::signal_set signals_{loop_, SIGTERM, SIGINT};
  boost::asio::steady_timer pulse_timer_{loop_};
  Clock::duration pulse_ = std::chrono::seconds(1);
  Clock::time_point next_status_{};
  std::optional<Pins> pins_;
  InterfaceWatch interfaces_{loop_};
  std::list<Running> running_;  // in the order of their start; empty before and once they ended
  ControlServer control_{loop_, [this](const control::Request& request) { return answer(request); }};
  MetricsServer metrics_{loop_,
                         [this](std::vector<prometheus::MetricFamily>& families) { collect(families); }};
  int exit_status_ = EXIT_SUCCESS;
};

}  // namespace

int run_daemon(const Config& config, const std::vector<Application>& applications) {
  std::signal(SIGPIPE, SIG_IGN);
  Daemon daemon(config);
  return daemon.run(applications);
}

}  // namespace bmc
