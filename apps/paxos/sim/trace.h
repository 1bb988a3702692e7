// SPDX-License-Identifier: Apache-2.0
// What happened, as lines for a person (--verbose) and as one number: two runs with the same number took the
// same steps.
#ifndef BMC_PAXOS_SIM_TRACE_H
#define BMC_PAXOS_SIM_TRACE_H

#include <cstdio>
#include <string>

#include "apps/paxos/core/message.h"
#include "apps/paxos/sim/agenda.h"
#include "apps/paxos/sim/random.h"

namespace bmc::paxos::sim {

class Trace {
 public:
  Trace(const Agenda& agenda, bool verbose) : agenda_(agenda), verbose_(verbose) {}

  // Whether line() does anything: ask before a text is made.
  bool on() const { return verbose_; }
  void line(const std::string& text) const {
    if (verbose_) std::printf("%10.3f ms  %s\n", static_cast<double>(agenda_.now()) / 1000.0, text.c_str());
  }

  // Takes a step into the number.
  void step(std::uint64_t word) { hash_ = mix(hash_ ^ agenda_.now(), word); }
  std::uint64_t hash() const { return hash_; }

 private:
  const Agenda& agenda_;
  bool verbose_;
  std::uint64_t hash_ = 0;
};

// "PREPARE view 3 op 17 …"
std::string text_of(const Message& message);

}  // namespace bmc::paxos::sim

#endif
