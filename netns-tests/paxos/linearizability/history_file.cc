// SPDX-License-Identifier: Apache-2.0
// See history_file.h.
#include "netns-tests/paxos/linearizability/history_file.h"

#include <fstream>
#include <nlohmann/json.hpp>

namespace bmc::linearizability {
namespace {

using nlohmann::json;

NLOHMANN_JSON_SERIALIZE_ENUM(Action, {{Action::kGet, "get"},
                                      {Action::kSet, "set"},
                                      {Action::kAdd, "add"},
                                      {Action::kCas, "cas"},
                                      {Action::kDelete, "delete"},
                                      {Action::kAppend, "append"}})
NLOHMANN_JSON_SERIALIZE_ENUM(Outcome, {{Outcome::kDone, "done"},
                                       {Outcome::kRefused, "refused"},
                                       {Outcome::kUnknown, "unknown"}})

json to_json(const Operation& operation) {
  json line{{"client", operation.client},
            {"action", operation.action},
            {"outcome", operation.outcome},
            {"key", operation.key},
            {"invoked_ns", operation.invoked_ns}};
  if (!operation.value.empty()) line["value"] = operation.value;
  if (!operation.expected.empty()) line["expected"] = operation.expected;
  if (operation.found) line["found"] = *operation.found;
  if (operation.returned_ns != kNever) line["returned_ns"] = operation.returned_ns;
  return line;
}

Operation from_json(const json& line) {
  Operation operation;
  operation.client = line.at("client");
  operation.action = line.at("action");
  operation.outcome = line.at("outcome");
  operation.key = line.at("key");
  operation.value = line.value("value", "");
  operation.expected = line.value("expected", "");
  if (line.contains("found")) operation.found = line["found"].get<std::string>();
  operation.invoked_ns = line.at("invoked_ns");
  operation.returned_ns = line.value("returned_ns", kNever);
  return operation;
}

}  // namespace

Result<void> write_history(const std::string& path, const History& history) {
  std::ofstream file(path, std::ios::trunc);
  for (const Operation& operation : history) file << to_json(operation).dump() << '\n';
  file.flush();
  if (!file) return errno_error("cannot write the history to " + path);
  return {};
}

Result<History> read_history(const std::string& path) {
  std::ifstream file(path);
  if (!file) return errno_error("cannot read the history " + path);
  History history;
  std::string line;
  for (std::size_t number = 1; std::getline(file, line); ++number) {
    try {
      history.push_back(from_json(json::parse(line)));
    } catch (const json::exception& error) {
      return Error{EINVAL,
                   path + ":" + std::to_string(number) + " is no operation of a history: " + error.what()};
    }
  }
  return history;
}

}  // namespace bmc::linearizability
