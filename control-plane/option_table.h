// SPDX-License-Identifier: Apache-2.0
// Options that stand on the command line (--name) or in a TOML file (name), judged in one place, so that both
// give the same errors. Used by the configuration of bmcd and of paxos-kv.
#ifndef BMC_CONTROL_PLANE_OPTION_TABLE_H
#define BMC_CONTROL_PLANE_OPTION_TABLE_H

#include <CLI/CLI.hpp>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "control-plane/result.h"

namespace bmc {

struct Option {
  /// Takes one value as it was written; the error says what is wrong with it, without the option's name.
  using Set = std::function<Result<void>(const std::string& value)>;

  std::string name;
  std::string value_name;  // as in the help
  std::string doc;
  std::string default_text;  // for the help; empty: none
  bool repeatable = false;
  Set set;  // called for each value in turn
};

/// Made for one command line: add_to(), parse(), apply(), in this order. Neither the table nor the
/// application may move meanwhile.
class OptionTable {
 public:
  /// `default_file` is read where no --config is given, if it is there.
  OptionTable(std::vector<Option> options, std::string default_file)
      : options_(std::move(options)), default_file_(std::move(default_file)) {}
  OptionTable(const OptionTable&) = delete;
  OptionTable& operator=(const OptionTable&) = delete;

  /// Makes them, and --config, options of `app`.
  void add_to(CLI::App& app);

  /// Lets `app` collect the words. The help, if that was asked for; else nothing. The error names the word,
  /// and the option that was likely meant.
  Result<std::string> parse(CLI::App& app, int argc, const char* const* argv) const;

  /// Sets what the command line says, and what the file says about all other options, in the table's order.
  /// Returns the file that was read; empty: none. The error names the option, or the file, line and key.
  Result<std::string> apply() const;

 private:
  // What was given for one option, and where: "--memory", or "/etc/x.toml:3: memory".
  struct Given {
    std::string place;
    std::vector<std::string> values;
  };
  using AllGiven = std::map<std::string, Given>;

  const Option* find(const std::string& name) const;
  std::string file_to_read() const;
  Result<void> read_file(const std::string& file, AllGiven& given) const;

  std::vector<Option> options_;
  std::string default_file_;
  std::string file_;                                       // --config; empty: not given
  std::map<std::string, std::vector<std::string>> words_;  // of the command line, by option
};

}  // namespace bmc

#endif
