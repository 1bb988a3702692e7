// SPDX-License-Identifier: Apache-2.0
// Options of the command line and the file; see option_table.h.
#include "apps/paxos/kv/program/option_table.h"

#include <toml++/toml.h>

#include <algorithm>

#include "control-plane/parse.h"

namespace bmc::kv {
namespace {

Result<std::string> scalar_text(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  return Error{EINVAL, "the value must be a string or a whole number"};
}

Result<std::vector<std::string>> values_of(const toml::node& node, bool repeatable) {
  std::vector<std::string> values;
  const toml::array* array = node.as_array();
  if (array != nullptr && !repeatable) return Error{EINVAL, "only one value is possible"};
  const auto take = [&](const toml::node& each) -> Result<void> {
    auto text = scalar_text(each);
    if (!text) return std::move(text).error();
    values.push_back(*std::move(text));
    return {};
  };
  if (array == nullptr) {
    if (Result<void> taken = take(node); !taken) return taken.error();
    return values;
  }
  for (const toml::node& each : *array)
    if (Result<void> taken = take(each); !taken) return taken.error();
  return values;
}

}  // namespace

void OptionTable::add_to(CLI::App& app) {
  for (const Option& option : options_) {
    CLI::Option* added = app.add_option("--" + option.name, words_[option.name], option.doc);
    added->type_name(option.value_name)
        ->expected(1)
        ->allow_extra_args(false)
        ->default_str(option.default_text);
    added->multi_option_policy(option.repeatable ? CLI::MultiOptionPolicy::TakeAll
                                                 : CLI::MultiOptionPolicy::Throw);
  }
}

const Option* OptionTable::find(const std::string& name) const {
  const auto found =
      std::find_if(options_.begin(), options_.end(), [&](const Option& each) { return each.name == name; });
  return found == options_.end() ? nullptr : &*found;
}

std::string OptionTable::suggestion(const std::string& word, const std::string& prefix,
                                    std::vector<std::string> further) const {
  for (const Option& option : options_) further.push_back(option.name);
  const std::string near = nearest(word, further);
  return near.empty() ? "" : "; did you mean " + prefix + near + "?";
}

Result<void> OptionTable::read_file(const std::string& file, AllGiven& given) const {
  toml::table table;
  try {
    table = toml::parse_file(file);
  } catch (const toml::parse_error& error) {
    return Error{EINVAL, file + ":" + std::to_string(error.source().begin.line) + ": " +
                             std::string(error.description())};
  }
  for (const auto& [key, node] : table) {
    const std::string name(key.str());
    const std::string place = file + ":" + std::to_string(key.source().begin.line) + ": ";
    const Option* option = find(name);
    if (option == nullptr) return Error{EINVAL, place + "unknown key '" + name + "'" + suggestion(name, "")};
    auto values = values_of(node, option->repeatable);
    if (!values) return within(place + name, std::move(values).error());
    given.try_emplace(name, Given{place + name, *std::move(values)});
  }
  return {};
}

Result<void> OptionTable::apply(const std::string& file) const {
  AllGiven given;
  for (const auto& [name, words] : words_)
    if (!words.empty()) given[name] = Given{"--" + name, words};
  if (!file.empty())
    if (Result<void> read = read_file(file, given); !read) return read;
  for (const Option& option : options_) {
    const auto found = given.find(option.name);
    if (found == given.end()) continue;
    for (const std::string& value : found->second.values)
      if (Result<void> set = option.set(value); !set) return within(found->second.place, set.error());
  }
  return {};
}

}  // namespace bmc::kv
