// SPDX-License-Identifier: Apache-2.0
// SignalStop: Ctrl-C and SIGTERM as a stop_token, so that a program without an event loop takes down what it
// built. Used by bmc-loadgen, the demos and the benchmarks.
#ifndef BMC_CONTROL_PLANE_SIGNAL_STOP_H
#define BMC_CONTROL_PLANE_SIGNAL_STOP_H

#include <pthread.h>

#include <csignal>
#include <stop_token>
#include <thread>

namespace bmc {

/// SIGINT, SIGTERM and SIGHUP (unless it is ignored, as under nohup) request a stop. The signals are blocked
/// everywhere and waited for in one thread; it must be made before any other thread.
class SignalStop {
 public:
  SignalStop() {
    sigemptyset(&signals_);
    for (const int signal : {SIGINT, SIGTERM, kWakeUp}) sigaddset(&signals_, signal);
    // A blocked signal is never ignored: it would be queued for sigwait().
    struct sigaction hangup = {};
    sigaction(SIGHUP, nullptr, &hangup);
    if (hangup.sa_handler != SIG_IGN) sigaddset(&signals_, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    thread_ = std::thread([this] {
      int signal = 0;
      sigwait(&signals_, &signal);
      source_.request_stop();
    });
  }
  ~SignalStop() {
    pthread_kill(thread_.native_handle(), kWakeUp);
    thread_.join();
  }
  SignalStop(const SignalStop&) = delete;
  SignalStop& operator=(const SignalStop&) = delete;

  /// Valid as long as anybody holds it; requests no stop before a signal or the end of this.
  std::stop_token token() const { return source_.get_token(); }

 private:
  static constexpr int kWakeUp = SIGUSR1;

  sigset_t signals_;
  std::stop_source source_;
  std::thread thread_;
};

}  // namespace bmc

#endif
