// SPDX-License-Identifier: Apache-2.0
// The inside of ReplicaCore: its state, and its functions by the file that holds them. PROTOCOL.md tells why
// each step is as it is.
#ifndef BMC_PAXOS_CORE_REPLICA_IMPL_H
#define BMC_PAXOS_CORE_REPLICA_IMPL_H

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/paxos/core/batcher.h"
#include "apps/paxos/core/bodies.pb.h"
#include "apps/paxos/core/client_table.h"
#include "apps/paxos/core/invariant.h"
#include "apps/paxos/core/log.h"
#include "apps/paxos/core/outbox.h"
#include "apps/paxos/core/peers.h"
#include "apps/paxos/core/reads.h"
#include "apps/paxos/core/replica_core.h"
#include "apps/paxos/core/transfer.h"

namespace bmc::paxos {

inline constexpr Micros kNever = ~Micros{0};

// A DO_VIEW_CHANGE or a RECOVERY_RESPONSE: what a replica says of its log.
struct Vote {
  View view = 0;
  View log_view = 0;
  LogEnd log;

  bool operator==(const Vote& other) const {
    return view == other.view && log_view == other.log_view && log.op == other.log.op &&
           log.chain == other.log.chain && log.commit == other.log.commit;
  }
};
using Votes = std::array<std::optional<Vote>, PAXOS_REPLICAS_MAX>;

// The newest checkpoint.
struct KeptCheckpoint {
  Op op = 0;
  Chain chain = 0;
  std::uint64_t hash = 0;
  std::shared_ptr<const std::string> bytes;  // null: none
};

class ReplicaCore::Impl {
 public:
  Impl(const CoreOptions& options, Restored restored, StateMachine& machine, std::uint64_t seed, Micros now,
       Fence* fence, MutantSet mutants);
  ~Impl();

  // replica_core.cc
  void on_message(Micros now, Micros wall_us, const Message& message);
  void on_tick(Micros now, Micros wall_us);
  void on_stored(Micros now, Micros wall_us, std::uint64_t number);
  void on_accelerated(Micros now, Micros wall_us);
  void on_fence_changes(Micros now, Micros wall_us);
  Micros next_deadline() const;
  Effects take_effects();
  CoreView look() const;
  const LogEntry* entry(Op op) const { return log_.has(op) ? &log_.at(op) : nullptr; }
  const IgnoredCounters& ignored() const { return ignored_; }

 private:
  // replica_core.cc
  void handle(const Message& message);
  void ignore(Ignored reason) { ++ignored_[static_cast<std::size_t>(reason)]; }
  void run_timers();

  // restore.cc
  void restore(Restored restored);
  void restore_log(std::vector<LogEntry> entries, bool log_is_whole);
  Status status_after_restart(bool log_is_whole) const;

  // basics.cc: small words of all parts
  ReplicaIndex leader_of(View view) const { return static_cast<ReplicaIndex>(view % options_.replica_count); }
  bool is_leader() const { return status_ == Status::kNormal && leader_of(view_) == options_.index; }
  bool is_backup() const { return status_ == Status::kNormal && leader_of(view_) != options_.index; }
  bool is_serving() const;
  std::size_t quorum() const;
  ReplicaSet everyone_else() const;
  static ReplicaSet only(ReplicaIndex index) { return static_cast<ReplicaSet>(1u << index); }
  Message message_of(MessageType type, const google::protobuf::MessageLite* body = nullptr) const;
  void store_state();
  Op accepted_op() const;
  Micros patience() const;
  Micros draw_timeout();
  void become_normal();

  // admission.cc
  std::optional<Ignored> unreadable(const Message& message);
  std::optional<Ignored> meet(const Message& message);
  std::optional<Ignored> unwanted(const Message& message);
  std::optional<Ignored> unwanted_while_recovering(const Message& message) const;
  std::optional<Ignored> unwanted_prepare(const Message& message) const;
  std::optional<Ignored> unwanted_prepare_ok(const Message& message) const;
  std::optional<Ignored> unwanted_view_change(const Message& message) const;
  std::optional<Ignored> unwanted_transfer(const Message& message);
  std::optional<Ignored> unwanted_answer(const Message& message) const;
  bool is_agreed(const Message& message) const;
  bool is_promise_breaker(const Message& message) const;
  bool is_from_leader(const Message& message) const;

  // requests.cc
  void on_request(const Message& message);
  void on_operation(const Message& message);
  void answer(const body::Request& request, body::Reply::Status status, const std::string& result = {});
  void refuse(const body::Request& request);
  void reply(const body::Request& request, body::Reply::Status status, ReplicaIndex leader,
             const std::string& result);
  void propose_what_is_due();
  bool may_propose() const;
  void propose();

  // normal_case.cc
  void on_prepare(const Message& message);
  void accept(const Message& message);
  void append_entry(View view, Op op, std::shared_ptr<const std::string> batch);
  void append_buffered();
  void acknowledge() { acknowledge(accepted_op()); }
  void acknowledge(Op op);
  void note_leaders_op(Op op);
  void on_prepare_ok(const Message& message);
  void count_own_vote();
  void count_acknowledgements();
  void on_commit(const Message& message);
  void send_commit();
  void press_peers();
  void press(ReplicaIndex index);
  Message prepare_of(const LogEntry& entry) const;

  // apply.cc
  void commit_up_to(Op op);
  void apply(const LogEntry& entry);
  void apply_register(const body::Request& request, Op op);
  void apply_operation(const body::Request& request, Op op, std::uint64_t time_us);
  void take_checkpoint(const LogEntry& entry);
  void trim_log();

  // view_change.cc
  void on_leader_timer();
  void wish(View view);
  void withdraw_wish();
  bool hears_quorum() const;
  void send_wish();
  void follow_wishes();
  void hear_leader(const Message& message);
  void enter_view(View view);
  void leave_leadership();
  void repeat_view_change();
  void on_do_view_change(const Message& message);
  void collect_own_vote();
  bool led_before() const;
  void try_to_lead();
  std::optional<ReplicaIndex> best_vote() const;
  void send_start_view(ReplicaSet to);
  void on_start_view(const Message& message);
  LogEnd log_end() const { return {log_.end(), log_.chain_at(log_.end()), commit_}; }

  // recovery.cc
  void send_recovery();
  void on_recovery(const Message& message);
  void on_recovery_response(const Message& message);
  void try_to_recover();

  // state_transfer.cc
  void fetch(TransferPurpose purpose, ReplicaIndex source, const LogEnd& target);
  void fetch_from(Op base);
  void end_transfer();
  void ask();
  void repeat_question();
  void on_get_state(const Message& message);
  bool take_entries(const Message& message);
  void on_new_state(const Message& message);
  void on_different_log();
  void catch_up();
  void append_caught_up();
  void go_on_catching_up();
  void install_when_complete();
  void install(const LogEnd& target, std::vector<LogEntry> suffix);
  void replace_suffix(const LogEnd& target, std::vector<LogEntry> suffix);

  // checkpoint_transfer.cc
  void on_get_checkpoint(const Message& message);
  void on_checkpoint(const Message& message);
  void on_whole_checkpoint();
  bool load_checkpoint(std::shared_ptr<const std::string> bytes);
  void replace_log_by_checkpoint();

  // read_path.cc
  void on_read(const Message& message);
  void on_stale_read();
  void ask_for_reads();
  void send_read_question();
  void on_pong(const Message& message);
  void on_read_index(const Message& message);
  void on_read_index_reply(const Message& message);
  void confirm_reads(Op index);
  void answer_reads();
  void refuse_reads();

  // fencing.cc
  void take_back_acceptance();
  void leave_fence_behind();
  void hand_over_acceptance();
  void absorb();
  void take_fenced(const Fenced& fenced);
  void learn_acknowledgements();
  void absorb_acknowledgements();
  void count_heads();
  void tell_proposal(Op op);
  void tell_own_vote();

  const CoreOptions options_;
  StateMachine& machine_;
  Fence* const fence_;
  const MutantSet mutants_;
  std::uint64_t dice_;
  Micros now_;
  Micros wall_us_ = 0;

  Status status_ = Status::kRecovering;
  View view_ = 0;
  View log_view_ = 0;
  std::uint32_t incarnation_ = 0;

  Log log_;
  Op commit_ = 0;
  Op applied_ = 0;
  std::uint64_t applied_time_us_ = 0;  // of the last entry applied
  std::uint64_t last_time_us_ = 0;     // of the last entry of the log; only valid when leader
  KeptCheckpoint checkpoint_;
  ClientTable clients_;
  Outbox outbox_;
  Peers peers_;
  Batcher batcher_;
  Reads reads_;
  Transfer transfer_;
  std::uint32_t last_echo_ = 0;  // of GET_STATE and GET_CHECKPOINT

  // Backup: PREPAREs that came before their turn, and how far the leader is known to be.
  std::map<Op, Message> buffered_;
  Op leaders_op_ = 0;
  // Leader: end of the log with which the view began. A read must see it committed.
  Op view_start_op_ = 0;

  View own_wish_ = 0;  // 0: none
  // Views in a row that came to nothing or did not last; each doubles the patience with the next. Disks that
  // are slow for all alike would otherwise end every view before it has served.
  unsigned brief_views_ = 0;
  Micros normal_since_ = 0;       // only in Status::kNormal
  Votes votes_;                   // view change: DO_VIEW_CHANGEs; recovery: RECOVERY_RESPONSEs
  unsigned duplicate_votes_ = 0;  // Mutant::duplicate_vote_counted
  DurableState restored_state_;

  bool fence_is_armed_ = false;
  // When what the accelerator did was last asked for, or it was armed. What it heard came at any time since;
  // the earliest counts, for this process may have stood still.
  Micros looked_at_ = 0;

  Micros leader_timer_at_ = kNever;
  Micros wish_at_ = kNever;         // repeat the wish
  Micros view_change_at_ = kNever;  // repeat DO_VIEW_CHANGE or RECOVERY
  Micros heartbeat_at_ = kNever;
  Micros press_at_ = kNever;  // repeat PREPAREs
  Micros gap_at_ = kNever;    // ask the leader for what is missing
  Micros question_at_ = kNever;
  Micros read_at_ = kNever;

  IgnoredCounters ignored_{};

  // Bodies of the message at hand; kept for their memory.
  struct {
    body::Request request;
    body::StartViewChange wish;
    body::DoViewChange do_view_change;
    body::GetState get_state;
    body::NewState new_state;
    body::RecoveryResponse recovery_response;
    body::GetCheckpoint get_checkpoint;
    body::CheckpointChunk chunk;
    body::Batch batch;
  } bodies_;
  std::vector<LogEntry> incoming_;  // entries of the NEW_STATE at hand, checked
};

}  // namespace bmc::paxos

#endif
