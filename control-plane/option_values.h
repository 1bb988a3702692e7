// SPDX-License-Identifier: Apache-2.0
// What an option does with its value: functions for the `set` of an Option, each of which writes to a target
// that must outlive the table. And the options that every server of ours has. Used by the tables of bmcd and
// of paxos-kv.
#ifndef BMC_CONTROL_PLANE_OPTION_VALUES_H
#define BMC_CONTROL_PLANE_OPTION_VALUES_H

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "control-plane/endpoint.h"
#include "control-plane/option_table.h"
#include "control-plane/parse.h"

namespace bmc {

inline constexpr std::size_t kPathBytesMax = 4000;  // PATH_MAX is 4096; we add names of our own

/// An absolute path.
Option::Set set_path(std::string& target, std::size_t bytes_max = kPathBytesMax);

Option::Set set_endpoint(Endpoint& target);

/// An endpoint, or the word "off".
Option::Set set_endpoint_or_off(std::optional<Endpoint>& target);

Option::Set set_duration(std::chrono::nanoseconds& target);

/// What `parse` makes of the value.
template <typename T, typename Parsed>
Option::Set set_parsed(T& target, Result<Parsed> (*parse)(std::string_view)) {
  return [&target, parse](const std::string& value) -> Result<void> {
    auto parsed = parse(value);
    if (!parsed) return std::move(parsed).error();
    target = *std::move(parsed);
    return {};
  };
}

/// What `parse` makes of each value, behind the others.
template <typename T>
Option::Set append_parsed(std::vector<T>& target, Result<T> (*parse)(std::string_view)) {
  return [&target, parse](const std::string& value) -> Result<void> {
    auto parsed = parse(value);
    if (!parsed) return std::move(parsed).error();
    target.push_back(*std::move(parsed));
    return {};
  };
}

template <typename Number>
Option::Set set_number(Number& target, std::uint64_t max = std::numeric_limits<Number>::max()) {
  return [&target, max](const std::string& value) -> Result<void> {
    const auto parsed = parse_number(value, max);
    if (!parsed) return parsed.error();
    target = static_cast<Number>(*parsed);
    return {};
  };
}

/// A number of bytes from `min` to `max`.
template <typename Size>
Option::Set set_size(Size& target, std::uint64_t min, std::uint64_t max) {
  return [&target, min, max](const std::string& value) -> Result<void> {
    const auto parsed = parse_size(value);
    if (!parsed) return parsed.error();
    if (*parsed < min || *parsed > max)
      return Error{ERANGE, "'" + value + "' is not between " + format_size(min) + " and " + format_size(max)};
    target = static_cast<Size>(*parsed);
    return {};
  };
}

/// The value whose name was given.
template <typename T>
Option::Set set_choice(T& target, std::vector<std::pair<std::string, T>> choices) {
  return [&target, choices = std::move(choices)](const std::string& value) -> Result<void> {
    std::string all;
    for (const auto& [name, choice] : choices) {
      if (name == value) {
        target = choice;
        return {};
      }
      all += (all.empty() ? "" : ", ") + name;
    }
    return Error{EINVAL, "'" + value + "' is none of: " + all};
  };
}

/// --metrics: where the exporter listens; nothing: there is none. The default is what `target` holds.
Option metrics_option(std::optional<Endpoint>& target);

/// --log-level: a name that spdlog knows. The default is what `target` holds.
Option log_level_option(std::string& target);

}  // namespace bmc

#endif
