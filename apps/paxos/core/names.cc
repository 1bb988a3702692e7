// SPDX-License-Identifier: Apache-2.0
// The names and texts of ignored.h, mutant.h and invariant.h, and what a broken invariant does.
#include <cstdio>
#include <cstdlib>

#include "apps/paxos/core/ignored.h"
#include "apps/paxos/core/invariant.h"
#include "apps/paxos/core/mutant.h"

namespace bmc::paxos {

namespace {
InvariantHandler broken_handler = nullptr;
}  // namespace

#define NAME_CASE(name, text) \
  case Enum::name:            \
    return #name;
#define TEXT_CASE(name, text) \
  case Enum::name:            \
    return text;

const char* name_of(Ignored reason) {
  using Enum = Ignored;
  switch (reason) { PAXOS_IGNORED_REASONS(NAME_CASE) }
  return "?";
}

const char* text_of(Ignored reason) {
  using Enum = Ignored;
  switch (reason) { PAXOS_IGNORED_REASONS(TEXT_CASE) }
  return "?";
}

const char* name_of(Mutant mutant) {
  using Enum = Mutant;
  switch (mutant) { PAXOS_MUTANTS(NAME_CASE) }
  return "?";
}

const char* text_of(Mutant mutant) {
  using Enum = Mutant;
  switch (mutant) { PAXOS_MUTANTS(TEXT_CASE) }
  return "?";
}

const char* name_of(Invariant invariant) {
  using Enum = Invariant;
  switch (invariant) { PAXOS_INVARIANTS(NAME_CASE) }
  return "?";
}

const char* text_of(Invariant invariant) {
  using Enum = Invariant;
  switch (invariant) { PAXOS_INVARIANTS(TEXT_CASE) }
  return "?";
}

#undef NAME_CASE
#undef TEXT_CASE

void on_broken_invariant(InvariantHandler handler) { broken_handler = handler; }

void broken_invariant(Invariant invariant) {
  if (broken_handler) broken_handler(invariant);
  std::fprintf(stderr, "paxos: broken invariant %s: %s\n", name_of(invariant), text_of(invariant));
  std::abort();
}

}  // namespace bmc::paxos
