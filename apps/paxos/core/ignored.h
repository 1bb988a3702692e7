// SPDX-License-Identifier: Apache-2.0
// Why a message was not acted upon: every way out of ReplicaCore::on_message() that does nothing has a name
// here and a counter.
#ifndef BMC_PAXOS_CORE_IGNORED_H
#define BMC_PAXOS_CORE_IGNORED_H

#include <array>
#include <cstddef>
#include <cstdint>

namespace bmc::paxos {

// name, what it says
#define PAXOS_IGNORED_REASONS(X)                                                    \
  X(unknown_sender, "the sender is no replica of this cluster, or this one itself") \
  X(malformed_body, "the body does not parse or contradicts the header")            \
  X(old_incarnation, "from an earlier life of its sender")                          \
  X(old_view, "of a view that is over")                                             \
  X(not_normal, "this replica is not in the normal status")                         \
  X(not_leader, "only the leader acts on it")                                       \
  X(led_before, "a vote for the view that this replica led before it restarted")    \
  X(not_from_leader, "only the leader of its view may send it")                     \
  X(not_leader_of_view, "sent to the leader of another view")                       \
  X(recovering, "this replica is recovering and takes part in nothing")             \
  X(not_recovering, "an answer to a question that is no longer asked")              \
  X(stale_answer, "an answer to an older question")                                 \
  X(duplicate, "already known")                                                     \
  X(impossible_op, "acknowledges an op that was never proposed")                    \
  X(chain_mismatch, "its log is not a continuation of ours")                        \
  X(out_of_window, "too far ahead to be kept")                                      \
  X(low_ack_level, "acknowledges less than the cluster's durability asks for")      \
  X(nothing_newer, "asks for entries that are not here")                            \
  X(no_checkpoint, "asks for a checkpoint that is not here")                        \
  X(leader_is_heard, "wishes for a view change while the leader is heard")          \
  X(not_for_replicas, "is for clients only")

enum class Ignored : std::uint8_t {
#define X(name, text) name,
  PAXOS_IGNORED_REASONS(X)
#undef X
};

inline constexpr std::size_t kIgnoredReasons = 0
#define X(name, text) +1
    PAXOS_IGNORED_REASONS(X)
#undef X
    ;

const char* name_of(Ignored reason);
const char* text_of(Ignored reason);

using IgnoredCounters = std::array<std::uint64_t, kIgnoredReasons>;

}  // namespace bmc::paxos

#endif
