// SPDX-License-Identifier: Apache-2.0
// paxos-kv: a replicated key-value server that speaks memcached's protocol. docs/paxos-kv.md is the guide.
#include <cstdio>
#include <cstdlib>

#include "apps/paxos/include/bmc/paxos/replica.h"
#include "apps/paxos/kv/program/config.h"
#include "apps/paxos/kv/program/run.h"
#include "apps/paxos/kv/program/status.h"
#include "control-plane/log.h"

namespace bmc::kv {
namespace {

// Exit statuses besides 0; 2 tells systemd not to try again (RestartPreventExitStatus).
constexpr int kFailed = 1;
constexpr int kWrongUsage = 2;

int say(const std::string& text) { return std::fputs(text.c_str(), stdout) < 0 ? kFailed : EXIT_SUCCESS; }

int complain(const std::string& what, int status = kFailed) {
  std::fprintf(stderr, "paxos-kv: %s\n", what.c_str());
  return status;
}

int format_disk(const paxos::Options& options) {
  const auto formatted = paxos::format(options);
  if (!formatted) return complain(formatted.error().what);
  return say(options.data_directory + " is formatted for a new replica of a new cluster\n");
}

int recover_disk(const paxos::Options& options) {
  const auto recovered = paxos::recover(options);
  return recovered ? say(*recovered + "\n") : complain(recovered.error().what);
}

int show(const Config& config) {
  const auto stats = ask_status(config.asked);
  if (!stats) return complain(stats.error().what);
  const auto text = config.json ? show_status_as_json(*stats) : show_status(*stats);
  return text ? say(*text) : complain(text.error().what);
}

int carry_out(const CommandLine& line) {
  switch (line.task) {
    case Task::kSaid:
      return say(line.text);
    case Task::kFormat:
      return format_disk(line.config.replica);
    case Task::kRecover:
      return recover_disk(line.config.replica);
    case Task::kCheckConfig:
      return say("the configuration is good (" +
                 (line.config_file.empty() ? "command line alone" : line.config_file) + ")\n");
    case Task::kStatus:
      return show(line.config);
    case Task::kRun: {
      set_up_log(line.config.log_level, "paxos-kv");
      const Result<void> ran = run(line.config);
      return ran ? EXIT_SUCCESS
                 : complain(ran.error().what, ran.error().code == EINVAL ? kWrongUsage : kFailed);
    }
  }
  std::abort();
}

}  // namespace
}  // namespace bmc::kv

int main(int argc, char** argv) {
  const auto line = bmc::kv::parse_command_line(argc, argv);
  if (!line) return bmc::kv::complain(line.error().what, bmc::kv::kWrongUsage);
  return bmc::kv::carry_out(*line);
}
