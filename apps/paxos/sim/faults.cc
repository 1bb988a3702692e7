// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/sim/faults.h"

#include <array>

namespace bmc::paxos::sim {
namespace {

struct Words {
  const char* name;
  const char* text;
};

constexpr std::array<Words, kFaults> kWords = {{
#define X(name, text) {#name, text},
    PAXOS_SIM_FAULTS(X)
#undef X
}};

}  // namespace

const char* name_of(Fault fault) { return kWords[static_cast<std::size_t>(fault)].name; }
const char* text_of(Fault fault) { return kWords[static_cast<std::size_t>(fault)].text; }

bmc::Result<FaultSet> FaultSet::parse(std::string_view list) {
  if (list == "all") return all();
  FaultSet set;
  if (list == "none") return set;
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    const std::string_view name = list.substr(0, comma);
    list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
    std::size_t index = 0;
    while (index < kFaults && name != kWords[index].name) ++index;
    if (index == kFaults) {
      return bmc::Error{EINVAL,
                        "unknown fault '" + std::string(name) + "'; known are all, none, " + all().names()};
    }
    set.add(static_cast<Fault>(index));
  }
  return set;
}

std::string FaultSet::names() const {
  if (empty()) return "none";
  std::string names;
  for (std::size_t index = 0; index < kFaults; ++index) {
    if (!has(static_cast<Fault>(index))) continue;
    if (!names.empty()) names += ',';
    names += kWords[index].name;
  }
  return names;
}

}  // namespace bmc::paxos::sim
