// SPDX-License-Identifier: Apache-2.0
// The invariants of PROTOCOL.md that the core checks while it runs, by name. A broken one is a programmer's
// error: the process ends rather than go on with a wrong state.
#ifndef BMC_PAXOS_CORE_INVARIANT_H
#define BMC_PAXOS_CORE_INVARIANT_H

#include <cstdint>

namespace bmc::paxos {

// name, what always holds
#define PAXOS_INVARIANTS(X)                                                                               \
  X(valid_options, "the options and what storage restored agree with each other")                         \
  X(view_grows, "view and log_view never go back, and log_view is at most view")                          \
  X(log_is_consecutive, "an entry follows the one before it, in op and in chain")                         \
  X(committed_stays, "a committed entry is never truncated, replaced or missing from a newer view's log") \
  X(entry_present, "what is committed and not yet applied is in the log")                                 \
  X(one_proposer, "only the normal leader of a view proposes, at the end of its log")                     \
  X(stores_in_order, "stores become durable in their order, and none before it was asked for")            \
  X(fenced_is_next, "what the fence accepted continues the log")                                          \
  X(accepted_is_kept, "what a program accepted stands in its slot until it is taken")                     \
  X(commit_is_counted, "what a program holds for committed, a quorum has acknowledged")                   \
  X(snapshot_loads, "a checkpoint whose hash is right loads")

enum class Invariant : std::uint8_t {
#define X(name, text) name,
  PAXOS_INVARIANTS(X)
#undef X
};

const char* name_of(Invariant invariant);
const char* text_of(Invariant invariant);

// What happens when one is broken; it must not return. Null: print the name and abort. The simulator throws
// from here, so that a mutant which trips an invariant ends its run and not the program; the core that was
// called is then good for nothing but its destructor.
using InvariantHandler = void (*)(Invariant invariant);
void on_broken_invariant(InvariantHandler handler);

[[noreturn]] void broken_invariant(Invariant invariant);

inline void check(bool holds, Invariant invariant) {
  if (!holds) [[unlikely]]
    broken_invariant(invariant);
}

}  // namespace bmc::paxos

#endif
