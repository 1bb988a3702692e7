// SPDX-License-Identifier: Apache-2.0
// bmcd's commands; see commands.h.
#include "control-plane/commands.h"

#include <spdlog/spdlog.h>

#include <cstdio>

#include "control-plane/bpf_object.h"
#include "control-plane/log.h"
#include "control-plane/removal.h"

namespace bmc {
namespace {

int say(const std::string& text) { return std::fputs(text.c_str(), stdout) < 0 ? kExitFailed : EXIT_SUCCESS; }

int check_config(const CommandLine& line) {
  return say("the configuration is good (" +
             (line.config_file.empty() ? "command line alone" : line.config_file) + ")\n");
}

int detach(const Config& config) {
  const Removal removal = remove_everything(config.pin);
  std::string text;
  for (const std::string& each : removal.removed) text += "removed " + each + "\n";
  if (removal.error) {
    const bool running = removal.error->code == EBUSY;
    spdlog::error("{}{}", removal.error->what, running ? "; or let it detach itself: bmcctl detach" : "");
    say(text);
    return kExitFailed;
  }
  return say(text.empty() ? "nothing was attached\n" : text);
}

}  // namespace

int run_command_line(int argc, const char* const* argv, const std::vector<Application>& applications) {
  const auto line = parse_command_line(argc, argv);
  if (!line) {
    std::fprintf(stderr, "bmcd: %s\n", line.error().what.c_str());
    return kExitUsage;
  }
  set_up_log(line->config.log_level);
  route_bpf_messages_to_log();
  switch (line->command) {
    case Command::kSaid:
      return say(line->text);
    case Command::kCheckConfig:
      return check_config(*line);
    case Command::kDetach:
      return detach(line->config);
    case Command::kRun:
      return run_daemon(line->config, applications);
  }
  std::abort();
}

}  // namespace bmc
