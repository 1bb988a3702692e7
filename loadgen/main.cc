// SPDX-License-Identifier: Apache-2.0
// bmc-loadgen: reads its options, then serves an echo, writes a report, fills a server, or loads it and shows
// what it found. Exit status: 0 all right, 1 wrong replies were seen, 2 it could not run.
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <fstream>
#include <future>
#include <iostream>
#include <stop_token>

#include "control-plane/signal_stop.h"
#include "loadgen/echo_server.h"
#include "loadgen/options.h"
#include "loadgen/report_page.h"
#include "loadgen/result.h"
#include "loadgen/run.h"

namespace bmc::loadgen {
namespace {

bool shows_progress(const Options& options) { return !options.hide_progress && ::isatty(STDERR_FILENO) != 0; }

void print_progress(const RunReport& so_far) {
  const auto number = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
  std::fprintf(stderr, "\r\033[K%.1f s, %llu sent, %llu answered, %llu wrong", so_far.seconds,
               number(so_far.sent), number(so_far.answered()), number(so_far.wrong()));
}

// Blocks until interrupted.
Result<void> serve_echo(const Options& options, const std::stop_token& stop) {
  auto server = EchoServer::attach(options.kernel.interface, options.port);
  if (!server) return server.error();
  std::promise<void> stopped;
  const std::stop_callback on_stop(stop, [&] { stopped.set_value(); });
  stopped.get_future().wait();
  return {};
}

Result<void> show(const Options& options, const RunResult& result) {
  if (options.json_out_file != "-") std::cout << result_table(result, !options.hide_histogram);
  if (options.json_out_file == "-") {
    std::cout << result_json(result).dump() << "\n";
  } else if (!options.json_out_file.empty()) {
    std::ofstream file(options.json_out_file);
    if (!(file << result_json(result).dump(2) << "\n"))
      return errno_error("cannot write " + options.json_out_file);
  }
  return {};
}

// Whether every reply was right.
Result<bool> load(const CLI::App& app, const Options& options, const std::stop_token& stop) {
  auto result = run(options, stop, shows_progress(options) ? print_progress : Progress());
  if (shows_progress(options)) std::fputs("\r\033[K", stderr);
  if (!result) return result.error();
  result->options = options_json(app, options);
  if (auto shown = show(options, *result); !shown) return shown.error();
  return result->report.wrong() == 0;
}

Result<bool> done(Result<void> result) {
  if (!result) return result.error();
  return true;
}

Result<bool> act(const CLI::App& app, Options& options) {
  if (!options.report_files.empty())
    return done(write_report_page(options.report_files, options.report_output));
  if (auto settled = settle_options(options); !settled) return settled.error();
  const SignalStop signals;
  if (options.echo_server) return done(serve_echo(options, signals.token()));
  if (options.populate_only) return done(fill_server(options, signals.token()));
  return load(app, options, signals.token());
}

int main_program(int argc, char** argv) {
  Options options;
  CLI::App app(
      "Load generator for memcached: paced or closed loop, over UDP, TCP, AF_XDP or from the kernel; every "
      "reply checked.");
  declare_options(app, options);
  CLI11_PARSE(app, argc, argv);
  const Result<bool> right = act(app, options);
  if (!right) {
    std::cerr << "bmc-loadgen: " << right.error().what << "\n";
    return 2;
  }
  return *right ? 0 : 1;
}

}  // namespace
}  // namespace bmc::loadgen

int main(int argc, char** argv) {
  try {
    return bmc::loadgen::main_program(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bmc-loadgen: %s\n", error.what());
    return 2;
  }
}
