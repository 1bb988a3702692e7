// SPDX-License-Identifier: Apache-2.0
// What an option does with its value; see option_values.h.
#include "control-plane/option_values.h"

namespace bmc {

Option::Set set_path(std::string& target, std::size_t bytes_max) {
  return [&target, bytes_max](const std::string& value) -> Result<void> {
    if (value.empty() || value.front() != '/') return Error{EINVAL, "'" + value + "' is no absolute path"};
    if (value.size() > bytes_max)
      return Error{EINVAL, "'" + value + "' is longer than " + std::to_string(bytes_max) + " characters"};
    target = value;
    return {};
  };
}

Option::Set set_endpoint(Endpoint& target) { return set_parsed(target, parse_endpoint); }

Option::Set set_endpoint_or_off(std::optional<Endpoint>& target) {
  return [&target](const std::string& value) -> Result<void> {
    target.reset();
    return value == "off" ? Result<void>() : set_parsed(target, parse_endpoint)(value);
  };
}

Option::Set set_duration(std::chrono::nanoseconds& target) { return set_parsed(target, parse_duration); }

Option metrics_option(std::optional<Endpoint>& target) {
  return {"metrics",
          "ADDR:PORT|off",
          "where Prometheus scrapes",
          target ? to_string(*target) : "off",
          false,
          set_endpoint_or_off(target)};
}

Option log_level_option(std::string& target) {
  std::vector<std::pair<std::string, std::string>> levels;
  for (const char* level : {"trace", "debug", "info", "warning", "error"}) levels.emplace_back(level, level);
  return {"log-level", "LEVEL", "trace, debug, info, warning or error",
          target,      false,   set_choice(target, std::move(levels))};
}

}  // namespace bmc
