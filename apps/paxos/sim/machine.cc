// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/sim/machine.h"

#include <cstring>
#include <utility>

#include "apps/paxos/sim/random.h"

namespace bmc::paxos::sim {
namespace {

template <typename T>
void put(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

// Takes a T from the front; false if there are too few bytes.
template <typename T>
bool take(std::string_view& bytes, T& value) {
  if (bytes.size() < sizeof(value)) return false;
  std::memcpy(&value, bytes.data(), sizeof(value));
  bytes.remove_prefix(sizeof(value));
  return true;
}

}  // namespace

std::string Command::encoded() const {
  std::string bytes;
  put(bytes, static_cast<std::uint8_t>(verb));
  put(bytes, key);
  put(bytes, id);
  put(bytes, argument);
  put(bytes, padding);
  bytes.append(padding, '.');
  return bytes;
}

std::optional<Command> Command::decoded(std::string_view payload) {
  Command command;
  std::uint8_t verb = 0;
  if (!take(payload, verb) || !take(payload, command.key) || !take(payload, command.id) ||
      !take(payload, command.argument) || !take(payload, command.padding)) {
    return std::nullopt;
  }
  if (verb > static_cast<std::uint8_t>(Verb::kRead) || payload.size() != command.padding) return std::nullopt;
  command.verb = static_cast<Verb>(verb);
  return command;
}

std::string Answer::encoded() const {
  std::string bytes;
  put(bytes, version);
  put(bytes, value);
  put(bytes, done);
  return bytes;
}

std::optional<Answer> Answer::decoded(std::string_view result) {
  Answer answer;
  if (!take(result, answer.version) || !take(result, answer.value) || !take(result, answer.done) ||
      !result.empty()) {
    return std::nullopt;
  }
  return answer;
}

std::string Machine::apply(std::string_view operation, std::uint64_t time_us) {
  ++applied_;
  const std::optional<Command> command = Command::decoded(operation);
  const Answer answer = command ? carry_out(*command) : Answer{};
  on_applied_(Applied{applied_, operation, time_us, answer});
  return answer.encoded();
}

std::string Machine::read(std::string_view query, std::uint64_t) const {
  const std::optional<Command> command = Command::decoded(query);
  const auto cell = command ? cells_.find(command->key) : cells_.end();
  return cell == cells_.end() ? Answer{}.encoded()
                              : Answer{cell->second.version, cell->second.value, 1}.encoded();
}

Answer Machine::carry_out(const Command& command) {
  Cell& cell = cells_[command.key];
  switch (command.verb) {
    case Verb::kCompareAndSwap:
      if (cell.value != command.argument) return {cell.version, cell.value, 0};
      [[fallthrough]];
    case Verb::kWrite:
      cell.value = command.id;
      break;
    case Verb::kAppend:
      cell.elements.push_back(command.id);
      cell.value = mix(cell.value, command.id);
      break;
    case Verb::kAdd:
      cell.value += command.argument;
      break;
    case Verb::kRead:
      return {cell.version, cell.value, 1};
  }
  ++cell.version;
  return {cell.version, cell.value, 1};
}

std::string Machine::snapshot_save() const {
  std::string bytes;
  put(bytes, applied_);
  for (const auto& [key, cell] : cells_) {
    put(bytes, key);
    put(bytes, cell.version);
    put(bytes, cell.value);
    put(bytes, static_cast<std::uint32_t>(cell.elements.size()));
    for (const std::uint64_t element : cell.elements) put(bytes, element);
  }
  return bytes;
}

bool Machine::snapshot_load(std::string_view snapshot) {
  std::uint64_t applied = 0;
  std::map<std::uint8_t, Cell> cells;
  if (!take(snapshot, applied)) return false;
  while (!snapshot.empty()) {
    std::uint8_t key = 0;
    Cell cell;
    std::uint32_t elements = 0;
    if (!take(snapshot, key) || !take(snapshot, cell.version) || !take(snapshot, cell.value) ||
        !take(snapshot, elements) || snapshot.size() < std::size_t{elements} * sizeof(std::uint64_t)) {
      return false;
    }
    cell.elements.resize(elements);
    for (std::uint64_t& element : cell.elements) take(snapshot, element);
    cells[key] = std::move(cell);
  }
  applied_ = applied;
  cells_ = std::move(cells);
  return true;
}

}  // namespace bmc::paxos::sim
