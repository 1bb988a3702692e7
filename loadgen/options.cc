// SPDX-License-Identifier: Apache-2.0
#include "loadgen/options.h"

namespace bmc::loadgen {
namespace {

void declare_target(CLI::App& app, Options& options) {
  app.add_option("-s,--server", options.server, "address of the server")->capture_default_str();
  app.add_option("-p,--port", options.port, "its port, for UDP and, with --populate, TCP")
      ->capture_default_str();
  app.add_option("--transport", options.transport,
                 "kernel: BPF programs on --interface, millions of requests a second; udp: one socket, one "
                 "request outstanding, for latency")
      ->check(CLI::IsMember({"kernel", "udp"}))
      ->capture_default_str();
  app.add_option("-i,--interface", options.kernel.interface,
                 "interface that leads to the server (kernel transport)");
  app.add_option("--peer-mac", options.peer_mac, "Ethernet address of the server or the router to it");
}

void declare_workload(CLI::App& app, Options& options) {
  WorkloadOptions& work = options.workload;
  app.add_option("--ratio", options.ratio, "sets to gets; only 0:1 is there yet")->capture_default_str();
  app.add_option("-d,--data-size", work.data_size, "bytes of a value")->capture_default_str();
  app.add_option("--key-size", work.key_size, "bytes of a key")->capture_default_str();
  app.add_option("--key-maximum", work.key_count, "number of keys")->capture_default_str();
  app.add_option("--key-pattern", options.key_pattern, "R uniform random, Z Zipf, S one after another")
      ->capture_default_str();
  app.add_option("--key-zipf-exp", work.zipf_exponent, "exponent of the Zipf distribution")
      ->capture_default_str();
  app.add_option("--multi-key-get", work.keys_per_request, "keys in one get")->capture_default_str();
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
  app.add_option("--rate,--rate-limiting", options.rate,
                 "requests a second, evenly spaced, whatever is answered");
  app.add_option("--test-time", options.test_time, "seconds")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("-n,--requests", options.requests, "end after so many requests");
  app.add_flag("--find-max", options.find_max, "search the highest rate that loses no more than --loss-max");
  app.add_option("--loss-max", options.search.loss_max, "share of requests")->capture_default_str();
  app.add_option("--batch", options.kernel.batch, "runs between two looks at the scheduler, 1..256")
      ->capture_default_str();
  app.add_option("--burst", options.kernel.burst, "requests caught up at once after a pause")
      ->capture_default_str();
  app.add_option("--cpu", options.kernel.cpu, "processor of the generating thread");
  app.add_flag("--echo-server", options.echo_server,
               "be the server instead: send UDP to --port on --interface back from XDP until interrupted");
  app.add_flag("--expect-echo", options.kernel.expect_echo, "the server sends requests back as they are");
  app.add_flag("!--ignore-checksum", options.kernel.verify_checksum,
               "do not look at UDP checksums (server on a veth with transmit offload)");
  app.add_option("--json-out-file", options.json_out_file, "write the report there; - is standard output");
  app.add_flag("--hide-progress", options.hide_progress, "no progress line");
}

}  // namespace

void declare_options(CLI::App& app, Options& options) {
  declare_target(app, options);
  declare_workload(app, options);
  declare_load(app, options);
}

Result<void> settle_options(Options& options) {
  const auto fail = [](std::string what) { return Error{EINVAL, std::move(what)}; };
  if (options.echo_server) {
    if (options.kernel.interface.empty()) return fail("--echo-server needs --interface");
    return {};
  }
  if (options.ratio != "0:1")
    return fail("--ratio " + options.ratio + ": only gets are there yet, --ratio 0:1");
  // memtier gives the patterns of sets and gets as S:R; ours is that of the gets.
  const std::string pattern = options.key_pattern.substr(options.key_pattern.find(':') + 1);
  if (pattern == "R") {
    options.workload.pattern = Pattern::kUniform;
  } else if (pattern == "S") {
    options.workload.pattern = Pattern::kSequential;
  } else if (pattern == "Z") {
    options.workload.pattern = Pattern::kZipf;
  } else {
    return fail("--key-pattern " + options.key_pattern + ": R, S or Z");
  }
  if (options.transport == "kernel" && !options.populate_only && options.kernel.interface.empty())
    return fail("--transport kernel needs --interface");
  if (options.transport == "udp" && options.find_max)
    return fail("--find-max needs --transport kernel: a socket client finds its own limit, not the server's");
  if (options.transport == "kernel" && !options.find_max && options.rate <= 0 && !options.populate_only)
    return fail("--transport kernel needs --rate, or --find-max");
  return {};
}

}  // namespace bmc::loadgen
