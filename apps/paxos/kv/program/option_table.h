// SPDX-License-Identifier: Apache-2.0
// Options that stand on the command line (--name) or in a TOML file (name), judged in one place, so that both
// give the same errors. Used by config.cc.
#ifndef BMC_KV_PROGRAM_OPTION_TABLE_H
#define BMC_KV_PROGRAM_OPTION_TABLE_H

#include <CLI/CLI.hpp>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "control-plane/result.h"

namespace bmc::kv {

struct Option {
  std::string name;
  std::string value_name;  // as in the help
  std::string doc;
  std::string default_text;  // for the help; empty: none
  bool repeatable = false;
  std::function<Result<void>(const std::string& value)> set;  // called for each value in turn
};

class OptionTable {
 public:
  explicit OptionTable(std::vector<Option> options) : options_(std::move(options)) {}

  // Makes them options of `app`, whose parse() then collects the words. The table must outlive it.
  void add_to(CLI::App& app);

  // What the command line says, then what the file says about all others. An empty `file`: there is none. The
  // error names the option, or the file, line and key.
  Result<void> apply(const std::string& file) const;

  // "; did you mean --listen?", or nothing. `further`: names that are not in the table.
  std::string suggestion(const std::string& word, const std::string& prefix,
                         std::vector<std::string> further = {}) const;

 private:
  // What was given for one option, and where: "--memory", or "/etc/x.toml:3: memory".
  struct Given {
    std::string place;
    std::vector<std::string> values;
  };
  using AllGiven = std::map<std::string, Given>;

  const Option* find(const std::string& name) const;
  Result<void> read_file(const std::string& file, AllGiven& given) const;

  std::vector<Option> options_;
  std::map<std::string, std::vector<std::string>> words_;
};

}  // namespace bmc::kv

#endif
