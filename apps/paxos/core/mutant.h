// SPDX-License-Identifier: Apache-2.0
// Real bugs of published code and of our own making, switched on one at a time by the simulator to show that
// its checkers find them. In every other program the set is empty.
#ifndef BMC_PAXOS_CORE_MUTANT_H
#define BMC_PAXOS_CORE_MUTANT_H

#include <cstddef>
#include <cstdint>

namespace bmc::paxos {

// name, the bug in words (C1 … L8: points of the audit in PROTOCOL.md)
#define PAXOS_MUTANTS(X)                                                                                 \
  X(acks_after_promise, "C1: a replica that sent DO_VIEW_CHANGE goes on accepting the old leader")       \
  X(ack_before_append, "C2: the accepted op is raised before the entry is kept")                         \
  X(leader_keeps_own_log, "C3: a new leader does not look at the logs of the others")                    \
  X(any_ack_is_a_quorum, "C4: a single acknowledgement commits")                                         \
  X(last_entry_view_as_log_view, "C5: DO_VIEW_CHANGE tells the view of the last entry as log_view")      \
  X(restart_is_normal, "C9: a replica without its log starts as normal")                                 \
  X(append_over_gap, "C10: an entry is appended without the one before it")                              \
  X(resend_swallowed, "L1: a repeated PREPARE is not acknowledged again")                                \
  X(quorum_told_once, "L2: a quorum is noticed only by the acknowledgement that completes it exactly")   \
  X(pending_outlives_view, "L8: buffered PREPAREs are not tidied up with the view they belong to")       \
  X(ack_before_store, "an acknowledgement does not wait for fdatasync")                                  \
  X(view_not_stored, "a view is promised and not written")                                               \
  X(log_view_not_stored, "log_view is not written")                                                      \
  X(quorum_off_by_one, "a quorum is one replica less")                                                   \
  X(duplicate_vote_counted, "two DO_VIEW_CHANGEs of one replica are two votes")                          \
  X(leads_again, "a restarted leader collects votes for the view it led already")                        \
  X(truncate_to_commit, "state transfer drops what was acknowledged before it has the new log")          \
  X(stale_read, "a leader answers reads without asking a quorum")                                        \
  X(read_before_view_committed, "a new leader answers reads before it knows what is committed")          \
  X(no_client_table, "a repeated request is applied again")                                              \
  X(client_table_not_in_checkpoint, "a checkpoint forgets the sessions")                                 \
  X(recovery_below_durable_view, "recovery forgets the view that was promised, and believes any leader") \
  X(recovery_without_leader, "recovery is content with f + 1 answers of backups")                        \
  X(stale_recovery_answer, "an answer to an earlier recovery counts")                                    \
  X(commit_beyond_log, "a backup believes in the leader's commit number beyond its own log")             \
  X(log_view_before_entries, "log_view is written before the entries of its view")                       \
  X(local_time_in_apply, "apply() sees the replica's own clock")                                         \
  X(checkpoint_trims_uncommitted, "the log is trimmed up to its end instead of the checkpoint")          \
  X(leader_never_steps_down, "a leader that hears no quorum goes on serving")                            \
  X(one_wish_is_enough, "one START_VIEW_CHANGE pulls the others into a new view")                        \
  X(longest_log_is_best, "a new leader takes the longest log, whatever its log_view")                    \
  X(start_view_installed_again, "a repeated START_VIEW cuts off what was accepted since")                \
  X(fence_not_frozen, "C1: the accelerator goes on when another view is entered")                        \
  X(fence_not_drained, "C3: what the accelerator accepted last is forgotten")                            \
  X(fence_left_behind, "an accelerator that goes takes with it what it accepted")                        \
  X(fence_armed_early, "the accelerator acknowledges before log_view is durable")                        \
  X(fence_knows_old_lives, "the accelerator counts what a replica acknowledged before it restarted")     \
  X(fence_counts_heads, "C4: a quorum that goes on commits what its fastest has, not its slowest")       \
  X(own_cell_not_waited, "with an accelerator the leader's own vote does not wait for its disk")         \
  X(absorbed_is_acked, "what the accelerator only absorbed is acknowledged before it is stored")

enum class Mutant : std::uint8_t {
#define X(name, text) name,
  PAXOS_MUTANTS(X)
#undef X
};

inline constexpr std::size_t kMutants = 0
#define X(name, text) +1
    PAXOS_MUTANTS(X)
#undef X
    ;

class MutantSet {
 public:
  constexpr MutantSet() = default;
  constexpr explicit MutantSet(Mutant one) : bits_(std::uint64_t{1} << static_cast<unsigned>(one)) {}
  constexpr bool has(Mutant one) const { return bits_ >> static_cast<unsigned>(one) & 1; }

 private:
  std::uint64_t bits_ = 0;
};

const char* name_of(Mutant mutant);
const char* text_of(Mutant mutant);

}  // namespace bmc::paxos

#endif
