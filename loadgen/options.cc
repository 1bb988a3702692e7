// SPDX-License-Identifier: Apache-2.0
// Declaration of the options; settle.cc has what is to be said about their combinations.
#include "loadgen/options.h"

namespace bmc::loadgen {
namespace {

void declare_target(CLI::App& app, Options& options) {
  app.add_option("-s,--server", options.server, "address of the server")->capture_default_str();
  app.add_option("-p,--port", options.port, "its port, for UDP and TCP")->capture_default_str();
  app.add_option(
         "--transport", options.transport,
         "udp, tcp: sockets; tcp-set-udp-get: writes over TCP, reads over UDP; kernel: gets by BPF programs "
         "on --interface, millions a second; af_xdp: AF_XDP sockets on --interface")
      ->check(CLI::IsMember({"udp", "tcp", "tcp-set-udp-get", "kernel", "af_xdp"}))
      ->capture_default_str();
  app.add_option("-i,--interface", options.kernel.interface,
                 "interface that leads to the server (kernel, af_xdp)");
  app.add_option("--peer-mac", options.peer_mac,
                 "Ethernet address of the server or the router to it (kernel, af_xdp)");
}

void declare_keys(CLI::App& app, Options& options) {
  WorkloadOptions& work = options.workload;
  app.add_option(
         "--workload", options.profile,
         "etc, usr: sizes and ratio of Facebook's pools (SIGMETRICS 2012), keys by Zipf; uniform: as the "
         "other options say")
      ->check(CLI::IsMember({"etc", "usr", "uniform"}))
      ->capture_default_str();
  app.add_option("--ratio", options.ratio, "sets to gets, 0:1 if not given; etc 1:30, usr 1:499");
  app.add_option("-d,--data-size", options.data_size, "bytes of a value, 32 if not given");
  app.add_option("--data-size-range", options.data_size_range, "bytes of a value, MIN-MAX, by its key");
  app.add_option("--key-size", options.key_size, "bytes of a key, 16 if not given");
  app.add_option("--key-minimum", work.key_minimum, "number of the first key")->capture_default_str();
  app.add_option("--key-maximum", options.key_maximum, "number of the last key")->capture_default_str();
  app.add_option("--key-pattern", options.key_pattern,
                 "R uniform random, Z Zipf, S one after another; R if not given, Z with etc and usr");
  app.add_option("--key-zipf-exp", work.zipf_exponent, "exponent of the Zipf distribution")
      ->capture_default_str();
  app.add_option("--multi-key-get", work.keys_per_request, "keys in one get")->capture_default_str();
  app.add_option("--expiry-range", options.expiry_range, "seconds a written item lives, MIN-MAX");
  app.add_option("--flags", work.flags, "client flags of every item")->capture_default_str();
  app.add_flag("--control-characters", work.control_characters,
               "values of control characters, \\r\\n among them");
  app.add_option("--seed", work.draw_seed, "which keys are asked: the same seed, the same requests")
      ->capture_default_str();
  app.add_option("--value-seed", work.value_seed, "which values the keys have")->capture_default_str();
  app.add_flag("--populate", options.populate, "store all keys over TCP before, and read them back");
  app.add_flag("--populate-only", options.populate_only, "store and read back, then end");
}

void declare_load(CLI::App& app, Options& options) {
  app.add_option("-t,--threads", options.threads, "threads of the generator")->capture_default_str();
  app.add_option("-c,--clients", options.clients, "connections of each thread")->capture_default_str();
  app.add_option("--pipeline", options.pipeline,
                 "requests outstanding on a connection at most; 1 if not given, more with a rate");
  app.add_option(
      "--rate", options.rate,
      "open loop: requests a second in all, evenly spaced, whatever is answered; with --find-max the "
      "highest to try");
  app.add_option("--rate-limiting", options.rate_limiting, "the same, of each connection");
  app.add_option("--test-time", options.test_time, "seconds; 5 if neither this nor -n is given")
      ->check(CLI::PositiveNumber);
  app.add_option("-n,--requests", options.requests, "requests of each connection")
      ->check(CLI::PositiveNumber);
  app.add_flag("--find-max", options.find_max, "search the highest rate that loses no more than --loss-max");
  app.add_option("--loss-max", options.search.loss_max, "share of requests")->capture_default_str();
  app.add_option("--late-after", options.late_after_ms, "ms after which an answer is late, and loss")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_flag("--busy-poll", options.busy_poll,
               "wait for replies without sleeping: the latency then holds no wake-up of the generator");
  app.add_option("--cpu", options.kernel.cpu, "processor of the generating threads");
  app.add_option("--batch", options.kernel.batch, "runs between two looks at the scheduler, 1..256 (kernel)")
      ->capture_default_str();
  app.add_option("--burst", options.kernel.burst, "requests caught up at once after a pause (kernel)")
      ->capture_default_str();
}

void declare_check(CLI::App& app, Options& options) {
  app.add_option("--verify", options.verify,
                 "replies compared byte by byte: all, none or a share such as 0.1")
      ->capture_default_str();
  app.add_flag("!--ignore-checksum", options.kernel.verify_checksum,
               "do not look at UDP checksums (server on a veth with transmit offload)");
  app.add_flag("--expect-echo", options.kernel.expect_echo,
               "the server sends requests back as they are (kernel)");
  app.add_flag("--echo-server", options.echo_server,
               "be the server instead: send UDP to --port on --interface back from XDP until interrupted");
}

void declare_output(CLI::App& app, Options& options) {
  app.add_option("--label", options.label, "name of the run in a report; the transport if not given");
  app.add_option("--json-out-file", options.json_out_file,
                 "write the result there, see docs/loadgen.md; -: to standard output, instead of the table");
  app.add_option("--print-percentiles", options.print_percentiles, "of the latency, in the table")
      ->capture_default_str();
  app.add_flag("--hide-histogram", options.hide_histogram, "no distribution of the latency below the table");
  app.add_flag("--hide-progress", options.hide_progress, "no progress line");
}

void declare_report(CLI::App& app, Options& options) {
  CLI::App* report = app.add_subcommand("report", "compare runs: one HTML page of plots and a table");
  report->add_option("files", options.report_files, "of --json-out-file, or arrays of such runs")->required();
  report->add_option("-o,--output", options.report_output, "write the page there; - is standard output")
      ->required();
}

// A number where the text is one.
nlohmann::ordered_json value_json(const std::string& text) {
  const auto parsed = nlohmann::ordered_json::parse(text, nullptr, false);
  return parsed.is_number() ? parsed : nlohmann::ordered_json(text);
}

}  // namespace

void declare_options(CLI::App& app, Options& options) {
  declare_target(app, options);
  declare_keys(app, options);
  declare_load(app, options);
  declare_check(app, options);
  declare_output(app, options);
  declare_report(app, options);
}

nlohmann::ordered_json options_json(const CLI::App& app, const Options& options) {
  nlohmann::ordered_json out;
  for (const CLI::Option* option : app.get_options()) {
    const std::string name = option->get_name();
    if (name == "--help" || name.rfind("--", 0) != 0) continue;
    if (option->get_expected_max() == 0) {
      out[name.substr(2)] = option->count() > 0;
    } else {
      out[name.substr(2)] =
          value_json(option->count() > 0 ? option->results().back() : option->get_default_str());
    }
  }
  out["ratio"] = std::to_string(options.traffic.sets) + ":" + std::to_string(options.traffic.gets);
  out["key-pattern"] = *options.key_pattern;
  out["key-size"] = *options.key_size;
  out["data-size"] = *options.data_size;
  out["pipeline"] = *options.pipeline;
  out["test-time"] = *options.test_time;
  return out;
}

}  // namespace bmc::loadgen
