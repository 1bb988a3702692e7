// SPDX-License-Identifier: Apache-2.0
// What a client does, as a state machine without sockets and clocks: sessions, numbers, retransmission,
// finding the leader. Used by Client, and by its tests with a time of their own.
#ifndef BMC_PAXOS_RUNTIME_CLIENT_CORE_H
#define BMC_PAXOS_RUNTIME_CLIENT_CORE_H

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "apps/paxos/core/bodies.pb.h"
#include "apps/paxos/core/message.h"
#include "apps/paxos/include/bmc/paxos/client.h"

namespace bmc::paxos::runtime {

struct ClientSend {
  ReplicaIndex to = 0;
  Message message;
};

class ClientCore {
 public:
  using Kind = body::Request::Kind;  // APPLY, READ, READ_STALE; REGISTERs are the core's own

  // `options` are valid. `draw` gives numbers that no other client of the cluster has.
  ClientCore(const ClientOptions& options, std::function<std::uint64_t()> draw);

  void start(Micros now, Kind kind, std::string payload, internal::Completion done);
  // A message that was decoded and came from the address of replica `from`.
  void on_message(Micros now, ReplicaIndex from, const Message& message);
  // Every few milliseconds while !is_idle().
  void on_tick(Micros now);
  // Completes everything. Nothing may be started afterwards.
  void close();

  // Nothing is under way, nothing waits.
  bool is_idle() const { return busy_ == 0 && waiting_.empty(); }
  std::vector<ClientSend> take_sends() { return std::exchange(sends_, {}); }

  std::uint64_t retransmissions() const { return retransmissions_; }
  std::uint64_t redirections() const { return redirections_; }
  std::uint64_t sessions_opened() const { return sessions_opened_; }

 private:
  struct Call {
    Kind kind = body::Request::APPLY;
    std::string payload;
    internal::Completion done;
    Micros deadline = 0;
  };

  // A session, and the one request that may be outstanding in it. Reads borrow its identity and need no
  // session.
  struct Slot {
    std::uint64_t client = 0;   // drawn when it is opened, and anew after an error
    std::uint64_t session = 0;  // 0: not open
    std::uint64_t last_number = 0;
    std::uint64_t last_read = 0;

    // Only with a call.
    std::optional<Call> call;
    Kind asked = body::Request::APPLY;  // kind of the outstanding request: the call's, or REGISTER
    std::uint64_t number = 0;           // of it
    std::shared_ptr<const std::string> request;
    ReplicaIndex target = 0;
    ReplicaIndex believed_leader = 0;  // when it was sent last
    Micros resend_at = 0;
    Micros pause = 0;             // before the next time
    bool was_proposable = false;  // the operation itself was sent: it may be carried out
    std::size_t redirected = 0;   // in a row, without a pause
    std::optional<Error> refusal;
  };

  void assign(Micros now, Slot& slot, Call call);
  void ask(Micros now, Slot& slot, Kind kind);
  void send(Micros now, Slot& slot);
  void resend(Micros now, Slot& slot);
  Slot* slot_for(Kind kind);
  Slot* slot_asking(const body::Reply& reply);
  ReplicaIndex first_target(Kind kind) const;
  ReplicaIndex after(ReplicaIndex replica) const;

  void on_ok(Micros now, ReplicaIndex from, Slot& slot, body::Reply& reply);
  void on_not_leader(Micros now, ReplicaIndex from, Slot& slot, std::uint32_t hint);
  void complete(Micros now, Slot& slot, Result<std::string> result);
  void fail(Micros now, Slot& slot, ErrorCode code, const std::string& why);
  void time_out(Micros now, Slot& slot);
  void forget_session(Slot& slot);

  const ClientOptions options_;
  const std::function<std::uint64_t()> draw_;
  ReplicaIndex leader_ = 0;  // as far as we know
  std::vector<std::unique_ptr<Slot>> slots_;
  std::vector<Slot*> free_open_, free_closed_;  // with and without a session
  std::unordered_map<std::uint64_t, Slot*> by_client_;
  std::deque<Call> waiting_;  // for a slot; so in the order of their deadlines
  std::size_t busy_ = 0;      // slots with a call
  bool closed_ = false;
  std::vector<ClientSend> sends_;
  std::uint64_t retransmissions_ = 0;
  std::uint64_t redirections_ = 0;
  std::uint64_t sessions_opened_ = 0;
};

}  // namespace bmc::paxos::runtime

#endif
