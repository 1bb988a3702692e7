// SPDX-License-Identifier: Apache-2.0
// Options of the command line and the file; see option_table.h. CLI11 collects the words and writes the help;
// the values are judged by the table.
#include "control-plane/option_table.h"

#include <sys/stat.h>
#include <toml++/toml.h>

#include <algorithm>

#include "control-plane/parse.h"

namespace bmc {
namespace {

Result<std::string> scalar_text(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  if (const auto* truth = node.as_boolean()) return std::string(truth->get() ? "true" : "false");
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

// "; did you mean --listen?", or nothing.
std::string suggestion(const std::string& word, const std::string& prefix,
                       const std::vector<std::string>& names) {
  const std::string near = nearest(word, names);
  return near.empty() ? "" : "; did you mean " + prefix + near + "?";
}

Result<void> reject_extras(const CLI::App& app) {
  for (const std::string& word : app.remaining()) {
    if (word.size() < 3 || word.compare(0, 2, "--") != 0)
      return Error{EINVAL, "'" + word + "' was not expected; options begin with --"};
    const std::string name = word.substr(2, word.find('=') - 2);
    std::vector<std::string> names;
    for (const CLI::Option* option : app.get_options())
      for (const std::string& each : option->get_lnames()) names.push_back(each);
    return Error{EINVAL, "unknown option --" + name + suggestion(name, "--", names)};
  }
  return {};
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
  app.add_option("--config", file_, "configuration file")->type_name("PATH")->default_str(default_file_);
  app.allow_extras();  // which are then refused with a better sentence
}

Result<std::string> OptionTable::parse(CLI::App& app, int argc, const char* const* argv) const {
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return app.help();
  } catch (const CLI::ParseError& error) {
    return Error{EINVAL, error.what()};
  }
  if (Result<void> known = reject_extras(app); !known) return known.error();
  return std::string();
}

Result<std::string> OptionTable::apply() const {
  AllGiven given;
  for (const auto& [name, words] : words_)
    if (!words.empty()) given[name] = Given{"--" + name, words};
  std::string file = file_to_read();
  if (!file.empty())
    if (Result<void> read = read_file(file, given); !read) return read.error();
  for (const Option& option : options_) {
    const auto found = given.find(option.name);
    if (found == given.end()) continue;
    for (const std::string& value : found->second.values)
      if (Result<void> set = option.set(value); !set) return within(found->second.place, set.error());
  }
  return file;
}

const Option* OptionTable::find(const std::string& name) const {
  const auto found =
      std::find_if(options_.begin(), options_.end(), [&](const Option& each) { return each.name == name; });
  return found == options_.end() ? nullptr : &*found;
}

std::string OptionTable::file_to_read() const {
  struct stat status = {};
  const bool has_default = ::stat(default_file_.c_str(), &status) == 0;
  return file_.empty() && has_default ? default_file_ : file_;
}

// Adds what the file says about options of which the command line says nothing.
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
    if (option == nullptr) {
      std::vector<std::string> names;
      for (const Option& each : options_) names.push_back(each.name);
      return Error{EINVAL, place + "unknown key '" + name + "'" + suggestion(name, "", names)};
    }
    auto values = values_of(node, option->repeatable);
    if (!values) return within(place + name, std::move(values).error());
    given.try_emplace(name, Given{place + name, *std::move(values)});
  }
  return {};
}

}  // namespace bmc
