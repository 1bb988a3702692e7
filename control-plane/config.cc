// SPDX-License-Identifier: Apache-2.0
// The options of bmcd, one table for the command line and the file; see config.h.
#include "control-plane/config.h"

#include <sys/stat.h>
#include <toml++/toml.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <map>

#include "control-plane/parse.h"

namespace bmc {
namespace {

constexpr const char* kDefaultFile = "/etc/bmcd/bmcd.toml";

// One option: --name on the command line, `name` in the file. `set` takes each value in turn.
struct Option {
  const char* name;
  const char* value_name;
  const char* doc;
  const char* default_text;  // empty: none
  bool repeatable;
  Result<void> (*set)(Config& config, const std::string& value);
};

template <typename T, typename Parsed>
Result<void> assign(T& target, Result<Parsed> parsed) {
  if (!parsed) return std::move(parsed).error();
  target = static_cast<T>(*std::move(parsed));
  return {};
}

// Sets `target` to the value whose name was given.
template <typename T>
Result<void> choose(T& target, const std::string& value,
                    const std::vector<std::pair<std::string, T>>& choices) {
  std::string all;
  for (const auto& [name, choice] : choices) {
    if (name == value) {
      target = choice;
      return {};
    }
    all += (all.empty() ? "" : ", ") + name;
  }
  return Error{EINVAL, "'" + value + "' is none of: " + all};
}

Result<void> add_iface(Config& config, const std::string& value) {
  // The kernel's own rules: dev_valid_name().
  const bool good = !value.empty() && value.size() < 16 && value != "." && value != ".." &&
                    std::none_of(value.begin(), value.end(),
                                 [](unsigned char c) { return c == '/' || c == ':' || c <= ' '; });
  if (!good) return Error{EINVAL, "'" + value + "' is no interface name; `ip link` lists them"};
  if (std::find(config.ifaces.begin(), config.ifaces.end(), value) != config.ifaces.end())
    return Error{EINVAL, "interface " + value + " is given twice"};
  config.ifaces.push_back(value);
  return {};
}

Result<void> set_path(std::string& target, const std::string& value, std::size_t size_max) {
  if (value.empty() || value.front() != '/') return Error{EINVAL, "'" + value + "' is no absolute path"};
  if (value.size() > size_max)
    return Error{EINVAL, "'" + value + "' is longer than " + std::to_string(size_max) + " characters"};
  target = value;
  return {};
}

Result<void> set_log_level(Config& config, const std::string& value) {
  return choose<std::string>(
      config.log_level, value,
      {{"trace", "trace"}, {"debug", "debug"}, {"info", "info"}, {"warning", "warning"}, {"error", "error"}});
}

Result<void> set_optional_duration(std::optional<std::chrono::nanoseconds>& target,
                                   const std::string& value) {
  target.reset();
  if (value == "off") return {};
  const auto parsed = parse_duration(value);
  if (!parsed) return parsed.error();
  if (parsed->count() == 0) return Error{EINVAL, "0 would act at once; write off, or a duration like 30s"};
  target = *parsed;
  return {};
}

Result<void> set_metrics(Config& config, const std::string& value) {
  config.metrics.reset();
  if (value == "off") return {};
  return assign(config.metrics, parse_endpoint(value));
}

template <typename T>
Result<void> append(std::vector<T>& target, Result<T> parsed) {
  if (!parsed) return std::move(parsed).error();
  target.push_back(*std::move(parsed));
  return {};
}

// sun_path holds 108 bytes with its terminating zero.
constexpr std::size_t kSocketPathMax = 107;
constexpr std::size_t kPathMax = 4000;

const std::vector<Option>& options() {
  static const std::vector<Option> all = {
      {"iface", "NAME", "network interface to accelerate", "", true, add_iface},
      {"server", "ADDR:PORT", "server to accelerate; without any they are found on the host", "", true,
       [](Config& c, const std::string& v) { return append(c.servers, parse_endpoint(v)); }},
      {"xdp-mode", "auto|native|generic", "where XDP runs: in the driver, or in the stack's generic hook",
       "auto", false,
       [](Config& c, const std::string& v) {
         return choose<XdpMode>(
             c.xdp_mode, v,
             {{"auto", XdpMode::kAuto}, {"native", XdpMode::kNative}, {"generic", XdpMode::kGeneric}});
       }},
      {"mode", "serve|shadow|bypass", "answer, only compare, or do nothing", "serve", false,
       [](Config& c, const std::string& v) {
         return choose<ServeMode>(
             c.mode, v,
             {{"serve", ServeMode::kServe}, {"shadow", ServeMode::kShadow}, {"bypass", ServeMode::kBypass}});
       }},
      {"memory", "SIZE", "upper limit of the memory that holds cached items", "256MiB", false,
       [](Config& c, const std::string& v) { return assign(c.memory_bytes, parse_size(v)); }},
      {"metrics", "ADDR:PORT|off", "where Prometheus scrapes", "127.0.0.1:9801", false, set_metrics},
      {"control", "PATH", "unix socket for bmcctl", "/run/bmcd/control.sock", false,
       [](Config& c, const std::string& v) { return set_path(c.control, v, kSocketPathMax); }},
      {"pin", "PATH", "directory in bpffs through which programs and cache outlive bmcd", "/sys/fs/bpf/bmcd",
       false, [](Config& c, const std::string& v) { return set_path(c.pin, v, kPathMax); }},
      {"max-staleness", "DURATION", "longest that an item is served after it was read; 0: no cap", "1s",
       false, [](Config& c, const std::string& v) { return assign(c.max_staleness, parse_duration(v)); }},
      {"revalidate-after", "DURATION", "how often a hot item is shown to the server all the same; 0: never",
       "10s", false,
       [](Config& c, const std::string& v) { return assign(c.revalidate_after, parse_duration(v)); }},
      {"allow", "PREFIX", "clients that may be answered from the kernel; without any: all", "", true,
       [](Config& c, const std::string& v) { return append(c.allow, parse_prefix(v)); }},
      {"rate-limit", "PPS", "replies a second to one source from the kernel; 0: no limit", "0", false,
       [](Config& c, const std::string& v) { return assign(c.rate_limit_pps, parse_number(v, UINT32_MAX)); }},
      {"reset-stuck-connections", "DURATION|off",
       "close a TCP connection whose position stays unknown for so long", "off", false,
       [](Config& c, const std::string& v) { return set_optional_duration(c.reset_stuck_connections, v); }},
      {"log-level", "LEVEL", "trace, debug, info, warning or error", "info", false, set_log_level},
  };
  return all;
}

const Option* find_option(const std::string& name) {
  const auto& all = options();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Option& each) { return each.name == name; });
  return found == all.end() ? nullptr : &*found;
}

std::string suggestion(const std::string& word, const std::string& prefix, std::vector<std::string> further) {
  for (const Option& option : options()) further.emplace_back(option.name);
  const std::string near = nearest(word, further);
  return near.empty() ? "" : "; did you mean " + prefix + near + "?";
}

// What was given for one option, and where: "--memory", or "/etc/bmcd/bmcd.toml:3: memory".
struct Given {
  std::string place;
  std::vector<std::string> values;
};
using AllGiven = std::map<std::string, Given>;

Result<std::string> scalar_text(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  return Error{EINVAL, "the value must be a string or a whole number"};
}

Result<std::vector<std::string>> values_of(const toml::node& node, const Option& option) {
  std::vector<std::string> values;
  const toml::array* array = node.as_array();
  if (array == nullptr) {
    auto text = scalar_text(node);
    if (!text) return std::move(text).error();
    values.push_back(*std::move(text));
    return values;
  }
  if (!option.repeatable) return Error{EINVAL, "only one value is possible"};
  for (const toml::node& each : *array) {
    auto text = scalar_text(each);
    if (!text) return std::move(text).error();
    values.push_back(*std::move(text));
  }
  return values;
}

// Adds what the file says about options of which the command line says nothing.
Result<void> read_file(const std::string& path, AllGiven& given) {
  toml::table table;
  try {
    table = toml::parse_file(path);
  } catch (const toml::parse_error& error) {
    return Error{EINVAL, path + ":" + std::to_string(error.source().begin.line) + ": " +
                             std::string(error.description())};
  }
  for (const auto& [key, node] : table) {
    const std::string name(key.str());
    const std::string place = path + ":" + std::to_string(key.source().begin.line) + ": ";
    const Option* option = find_option(name);
    if (option == nullptr)
      return Error{EINVAL, place + "unknown key '" + name + "'" + suggestion(name, "", {})};
    auto values = values_of(node, *option);
    if (!values) return within(place + name, std::move(values).error());
    given.try_emplace(name, Given{place + name, *std::move(values)});
  }
  return {};
}

Result<void> apply_given(const AllGiven& given, Config& config) {
  if (Result<void> set = set_metrics(config, find_option("metrics")->default_text); !set) return set;
  for (const Option& option : options()) {
    const auto found = given.find(option.name);
    if (found == given.end()) continue;
    for (const std::string& value : found->second.values)
      if (Result<void> set = option.set(config, value); !set) return within(found->second.place, set.error());
  }
  return {};
}

// CLI11 collects the words and writes the help; the values are judged by the table, so that the command line
// and the file give the same errors.
struct Parser {
  CLI::App app{
      "bmcd answers requests before the network stack.\n"
      "Every option but --config can stand in the file under the same name (TOML).",
      "bmcd"};
  std::map<std::string, std::vector<std::string>> words;
  std::string file;
  bool check = false, detach = false, version = false;

  Parser() {
    for (const Option& option : options()) {
      CLI::Option* added = app.add_option("--" + std::string(option.name), words[option.name], option.doc);
      added->type_name(option.value_name)
          ->expected(1)
          ->allow_extra_args(false)
          ->default_str(option.default_text);
      added->multi_option_policy(option.repeatable ? CLI::MultiOptionPolicy::TakeAll
                                                   : CLI::MultiOptionPolicy::Throw);
    }
    app.add_option("--config", file, "configuration file")->type_name("PATH")->default_str(kDefaultFile);
    app.add_flag("--check-config", check, "say whether the configuration is good, and leave");
    app.add_flag("--detach", detach, "remove from the kernel what an earlier bmcd left there, and leave");
    app.add_flag("--version", version, "print the version, and leave");
    app.allow_extras();
  }
};

Result<void> reject_extras(const Parser& parser) {
  for (const std::string& word : parser.app.remaining()) {
    if (word.size() < 3 || word.compare(0, 2, "--") != 0)
      return Error{EINVAL, "'" + word + "' was not expected; options begin with --"};
    const std::string name = word.substr(2, word.find('=') - 2);
    return Error{EINVAL, "unknown option --" + name +
                             suggestion(name, "--", {"config", "check-config", "detach", "version", "help"})};
  }
  return {};
}

Result<CommandLine> interpret(Parser& parser) {
  CommandLine line;
  line.command = parser.check ? Command::kCheckConfig : parser.detach ? Command::kDetach : Command::kRun;
  AllGiven given;
  for (const auto& [name, words] : parser.words)
    if (!words.empty()) given[name] = Given{"--" + name, words};
  struct stat status = {};
  if (!parser.file.empty() || ::stat(kDefaultFile, &status) == 0) {
    line.config_file = parser.file.empty() ? kDefaultFile : parser.file;
    if (Result<void> read = read_file(line.config_file, given); !read) return read.error();
  }
  if (Result<void> applied = apply_given(given, line.config); !applied) return applied.error();
  if (line.config.ifaces.empty() && line.command != Command::kDetach)
    return Error{EINVAL, "no interface given: use --iface NAME, or iface = \"NAME\" in the file"};
  return line;
}

}  // namespace

Result<CommandLine> parse_command_line(int argc, const char* const* argv) {
  Parser parser;
  try {
    parser.app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return CommandLine{Command::kSaid, {}, {}, parser.app.help()};
  } catch (const CLI::ParseError& error) {
    return Error{EINVAL, error.what()};
  }
  if (Result<void> known = reject_extras(parser); !known) return known.error();
  if (parser.version) return CommandLine{Command::kSaid, {}, {}, "bmcd " BMC_VERSION "\n"};
  return interpret(parser);
}

const char* to_string(XdpMode mode) {
  switch (mode) {
    case XdpMode::kAuto:
      return "auto";
    case XdpMode::kNative:
      return "native";
    case XdpMode::kGeneric:
      return "generic";
  }
  std::abort();
}

const char* to_string(ServeMode mode) {
  switch (mode) {
    case ServeMode::kServe:
      return "serve";
    case ServeMode::kShadow:
      return "shadow";
    case ServeMode::kBypass:
      return "bypass";
  }
  std::abort();
}

std::string to_string(const Endpoint& endpoint) {
  const std::string address = endpoint.address.to_string();
  return (endpoint.address.is_v6() ? "[" + address + "]" : address) + ":" + std::to_string(endpoint.port);
}

std::string to_string(const Prefix& prefix) {
  return prefix.address.to_string() + "/" + std::to_string(prefix.bits);
}

}  // namespace bmc
