// SPDX-License-Identifier: Apache-2.0
// The event loop around one application; see daemon.h.
#include "control-plane/daemon.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <optional>

#include "control-plane/bpf_object.h"
#include "control-plane/control_server.h"
#include "control-plane/interface_watch.h"
#include "control-plane/metrics_server.h"
#include "control-plane/pins.h"
#include "control-plane/privileges.h"
#include "control-plane/probe.h"
#include "control-plane/removal.h"
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
  Daemon(const Config& config, std::uint32_t abi_version) : config_(config), abi_version_(abi_version) {}

  int run(const AppFactory& make_app) {
    Result<void> started = start(make_app);
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
  Result<void> start(const AppFactory& make_app) {
    // Before the application attaches, so that a signal in between still ends in an orderly stop.
    signals_.async_wait([this](const boost::system::error_code& failed, int signal) {
      if (failed) return;
      spdlog::info("signal {}: stopping; programs stay attached and pass everything", ::strsignal(signal));
      loop_.stop();
    });
    auto pins = Pins::open(config_.pin, abi_version_);
    if (!pins) return std::move(pins).error();
    pins_.emplace(*std::move(pins));
    if (Result<void> watching = interfaces_.start(); !watching) return watching;
    app_ = make_app(AppContext{loop_, config_, *pins_, interfaces_, [this](Error error) { fail(error); }});
    if (Result<void> started = app_->start(); !started) return started;
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

  // In the order in which things depend on each other. Idempotent.
  void stop() {
    notify_stopping();
    if (app_) app_->stop();
    metrics_.stop();
    control_.stop();
    interfaces_.stop();
    app_.reset();
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
      notify_status(app_->status_line());
    }
    pulse_timer_.expires_after(pulse_);
    pulse_timer_.async_wait([this](const boost::system::error_code& failed) {
      if (!failed && app_) pulse();
    });
  }

  void collect(std::vector<prometheus::MetricFamily>& families) {
    families.push_back(build_info());
    if (app_) app_->collect(families);
  }

  ControlAnswer answer(const control::Request& request) {
    if (!app_) return {refusal(ESHUTDOWN, "bmcd is ending"), {}};
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
    auto response = app_->control(request);
    if (!response) return {refusal(response.error().code, response.error().what), {}};
    if (response->has_status()) complete(*response->mutable_status());
    return {*std::move(response), {}};
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
    status.set_summary(app_->status_line());
  }

  control::Response probe(const control::ProbeRequest& request) const {
    std::vector<std::string> ifaces(request.ifaces().begin(), request.ifaces().end());
    control::Response response;
    *response.mutable_probe() = probe_host(config_.pin, ifaces.empty() ? config_.ifaces : ifaces);
    return response;
  }

  // The application goes first, so that nothing of it holds what is removed; then the reply, then the end.
  ControlAnswer detach() {
    app_->stop();
    interfaces_.stop();  // its subscribers are the application
    app_.reset();
    pins_.reset();
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
  const std::uint32_t abi_version_;
  const Clock::time_point started_ = Clock::now();
  boost::asio::io_context loop_{1};
  boost::asio::signal_set signals_{loop_, SIGTERM, SIGINT};
  boost::asio::steady_timer pulse_timer_{loop_};
  Clock::duration pulse_ = std::chrono::seconds(1);
  Clock::time_point next_status_{};
  std::optional<Pins> pins_;
  InterfaceWatch interfaces_{loop_};
  std::unique_ptr<App> app_;  // null before start() and once it ended
  ControlServer control_{loop_, [this](const control::Request& request) { return answer(request); }};
  MetricsServer metrics_{loop_,
                         [this](std::vector<prometheus::MetricFamily>& families) { collect(families); }};
  int exit_status_ = EXIT_SUCCESS;
};

}  // namespace

int run_daemon(const Config& config, std::uint32_t abi_version, const AppFactory& make_app) {
  std::signal(SIGPIPE, SIG_IGN);
  Daemon daemon(config, abi_version);
  return daemon.run(make_app);
}

}  // namespace bmc
