// SPDX-License-Identifier: Apache-2.0
#include "loadgen/report_page/runs.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

namespace bmc::loadgen {
namespace {

using nlohmann::json;

constexpr const char* kFormat = "bmc-loadgen";
constexpr int kVersion = 1;
// More than any count or rate can be, and small enough to be drawn.
constexpr double kNumberMax = 1e18;

// An object of the file and where it stands in it. Whoever reads a field that is not there or of another type
// gets the default; the first such field is the file's error, kept at the root.
class Fields {
 public:
  Fields(const json& value, std::string path, std::optional<std::string>& error)
      : value_(value), path_(std::move(path)), error_(error) {
    if (!value_.is_object()) fail(path_, "an object");
  }

  double number(const char* key) const { return read_number(key).value_or(0); }

  // None where the field is null.
  std::optional<double> number_or_null(const char* key) const {
    const json& field = at(key);
    return field.is_null() && value_.contains(key) ? std::nullopt : read_number(key);
  }

  bool boolean(const char* key) const {
    const json& field = at(key);
    if (!field.is_boolean()) fail(below(key), "true or false");
    return field.is_boolean() && field.get<bool>();
  }

  std::string text(const char* key) const {
    const json& field = at(key);
    if (!field.is_string()) fail(below(key), "a string");
    return field.is_string() ? field.get<std::string>() : std::string();
  }

  Fields object(const char* key) const { return {at(key), below(key), error_}; }

  // None where the field is null.
  std::optional<Fields> object_or_null(const char* key) const {
    if (at(key).is_null() && value_.contains(key)) return std::nullopt;
    return object(key);
  }

  // Calls `take` with each object of an array.
  template <typename Take>
  void each_object(const char* key, const Take& take) const {
    each(key, [&](const json& item, std::string path) { take(Fields(item, std::move(path), error_)); });
  }

  std::vector<std::string> texts(const char* key) const {
    std::vector<std::string> texts;
    each(key, [&](const json& item, const std::string& path) {
      if (item.is_string())
        texts.push_back(item.get<std::string>());
      else
        fail(path, "a string");
    });
    return texts;
  }

  // The numbers whose name begins with `prefix` and that are not 0, named by the rest.
  std::vector<Count> counts(std::string_view prefix) const {
    std::vector<Count> counts;
    if (!value_.is_object()) return counts;
    for (const auto& [key, field] : value_.items()) {
      if (!key.starts_with(prefix)) continue;
      const double count = number(key.c_str());
      if (count > 0) counts.push_back({key.substr(prefix.size()), count});
    }
    return counts;
  }

  void fail(const std::string& path, const std::string& wanted) const {
    if (!error_) error_ = (path.empty() ? "the file" : path) + " must be " + wanted;
  }
  std::string below(const char* key) const { return path_.empty() ? key : path_ + "." + key; }

 private:
  const json& at(const char* key) const {
    static const json kNothing;
    if (!value_.is_object()) return kNothing;
    const auto found = value_.find(key);
    return found == value_.end() ? kNothing : *found;
  }

  std::optional<double> read_number(const char* key) const {
    const json& field = at(key);
    const double number = field.is_number() ? field.get<double>() : -1;
    if (number >= 0 && number <= kNumberMax) return number;
    fail(below(key), "a number that is not negative");
    return std::nullopt;
  }

  template <typename Take>
  void each(const char* key, const Take& take) const {
    const json& list = at(key);
    if (!list.is_array()) return fail(below(key), "an array");
    for (std::size_t index = 0; index < list.size(); ++index)
      take(list[index], below(key) + "[" + std::to_string(index) + "]");
  }

  const json& value_;
  std::string path_;
  std::optional<std::string>& error_;
};

void read_loads(const Fields& fields, Run& run) {
  run.load.offered_rps = fields.number_or_null("offered_rps");
  run.load.rps = fields.number("rps");
  const Fields requests = fields.object("requests");
  run.load.loss = requests.number("loss");
  run.load.held = run.load.loss <= kLossHeld;
  run.lost = requests.number("lost");
  run.wrong = requests.number("wrong");
  run.late = requests.number("late");
  run.wrong_replies = fields.object("replies").counts("wrong_");
  if (const auto search = fields.object_or_null("find_max")) {
    run.load.held = search->boolean("confirmed");
    search->each_object("windows", [&](const Fields& window) {
      run.windows.push_back({window.number_or_null("offered_rps"), window.number("rps"),
                             window.number("loss"), window.number_or_null("p50_us"),
                             window.number_or_null("p99_us"), window.boolean("held")});
    });
  }
}

void read_latency(const Fields& totals, Run& run) {
  if (const auto latency = totals.object_or_null("latency_us")) {
    run.load.p50_us = latency->number("p50");
    run.load.p99_us = latency->number("p99");
    run.p999_us = latency->number("p999");
    run.max_us = latency->number("max");
  }
  totals.each_object("distribution", [&](const Fields& point) {
    const Percentile read{point.number("percent") / 100, point.number("us")};
    const bool ascends = run.distribution.empty() || (read.share >= run.distribution.back().share &&
                                                      read.us >= run.distribution.back().us);
    if (read.share > 1 || !ascends)
      point.fail(point.below("percent"), "ascending, as us is, and at most 100");
    run.distribution.push_back(read);
  });
}

Run read_run(const Fields& fields) {
  Run run;
  if (fields.text("format") != kFormat)
    fields.fail(fields.below("format"), std::string("\"") + kFormat + "\": give files of --json-out-file");
  if (fields.number("version") != kVersion)
    fields.fail(fields.below("version"), std::to_string(kVersion) + ": use the bmc-loadgen that wrote it");
  run.name = fields.text("label");
  run.transport = fields.object("options").text("transport");
  run.started = fields.text("started");
  run.seconds = fields.number("seconds");
  read_loads(fields, run);
  read_latency(fields.object("operations").object("totals"), run);
  run.remarks = fields.texts("remarks");
  run.interrupted = fields.boolean("interrupted");
  return run;
}

}  // namespace

Result<std::vector<Run>> read_runs(const std::string& file, std::string_view text) {
  const json parsed = json::parse(text, nullptr, false);
  if (parsed.is_discarded()) return Error{EINVAL, file + ": this is not JSON; give files of --json-out-file"};
  std::optional<std::string> error;
  std::vector<Run> runs;
  if (parsed.is_array()) {
    for (std::size_t index = 0; index < parsed.size() && !error; ++index)
      runs.push_back(read_run(Fields(parsed[index], "[" + std::to_string(index) + "]", error)));
  } else {
    runs.push_back(read_run(Fields(parsed, "", error)));
  }
  if (error) return Error{EINVAL, file + ": " + *error};
  for (Run& run : runs) {
    run.file = file;
    // Without --label the label is the transport, which tells nothing of what was measured.
    if (run.name.empty() || run.name == run.transport) run.name = std::filesystem::path(file).stem().string();
  }
  return runs;
}

}  // namespace bmc::loadgen
