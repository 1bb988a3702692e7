// SPDX-License-Identifier: Apache-2.0
// See awaited.h.
#include "netns-tests/hammer/awaited.h"

#include <algorithm>

namespace bmc::hammer {
namespace {

constexpr size_t kMissesMax = 3;

}  // namespace

void Awaited::add(uint16_t id, Request request) { ids_[id].requests.push_back(std::move(request)); }

bool Awaited::blurred(uint16_t id) const {
  const auto found = ids_.find(id);
  return found != ids_.end() && found->second.misses >= kMissesMax;
}

Asked* Awaited::take_value(uint16_t id, std::string_view key, const Judge& good) {
  const auto found = ids_.find(id);
  if (found == ids_.end()) return nullptr;
  Asked* best = nullptr;
  for (auto& request : found->second.requests) {
    for (auto& asked : request.asked) {
      if (asked.answered || asked.name != key) continue;
      if (best == nullptr || good(asked)) best = &asked;  // bounds grow with time
    }
  }
  if (best != nullptr) best->answered = true;
  return best;
}

bool Awaited::asked_for(uint16_t id, std::string_view key) const {
  const auto found = ids_.find(id);
  if (found == ids_.end()) return false;
  for (const auto& request : found->second.requests)
    for (const auto& asked : request.asked)
      if (asked.name == key) return true;
  return false;
}

Awaited::Ended Awaited::take_end(uint16_t id, bool had_values) {
  const auto found = ids_.find(id);
  if (found == ids_.end()) return {};
  auto& [requests, misses] = found->second;
  const auto any_answered = [](const Request& request) {
    return std::any_of(request.asked.begin(), request.asked.end(), [](const Asked& a) { return a.answered; });
  };
  Ended ended;
  const auto valued =
      had_values ? std::find_if(requests.begin(), requests.end(), any_answered) : requests.end();
  if (valued != requests.end() || requests.size() == 1) {
    const auto done = valued != requests.end() ? valued : requests.begin();
    ended = {.known = true, .request = std::move(*done)};
    requests.erase(done);
  } else {
    ++misses;
  }
  if (requests.size() == misses) ids_.erase(found);
  return ended;
}

void Awaited::visit(const std::function<bool(Request&)>& forget) {
  for (auto item = ids_.begin(); item != ids_.end();) {
    auto& [requests, misses] = item->second;
    std::erase_if(requests, forget);
    item = requests.size() <= misses ? ids_.erase(item) : std::next(item);
  }
}

}  // namespace bmc::hammer
