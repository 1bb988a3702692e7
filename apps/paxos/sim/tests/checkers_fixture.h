// SPDX-License-Identifier: Apache-2.0
// Made-up replicas and messages for the tests of the checkers: each test shows a history that is right, and
// beside it the one that differs in the one thing that the checker is there to find.
#ifndef BMC_PAXOS_SIM_TESTS_CHECKERS_FIXTURE_H
#define BMC_PAXOS_SIM_TESTS_CHECKERS_FIXTURE_H

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include "apps/paxos/core/bodies.pb.h"
#include "apps/paxos/sim/observation.h"
#include "apps/paxos/sim/verdict.h"

namespace bmc::paxos::sim {

// A log in which entry `op` has the chain that it was given.
class FakeLog : public LogReader {
 public:
  FakeLog& put(Op op, Chain chain) {
    entries_[op] = LogEntry{op, 0, chain, nullptr};
    return *this;
  }
  const LogEntry* entry(Op op) const override {
    const auto found = entries_.find(op);
    return found == entries_.end() ? nullptr : &found->second;
  }

 private:
  std::map<Op, LogEntry> entries_;
};

inline std::shared_ptr<const std::string> bytes_of(const google::protobuf::MessageLite& body) {
  return std::make_shared<const std::string>(body.SerializeAsString());
}

inline Message message(MessageType type, ReplicaIndex sender, View view, Op op, Chain chain = 0,
                       std::uint32_t incarnation = 1) {
  Message message;
  message.type = type;
  message.sender = sender;
  message.view = view;
  message.op = op;
  message.chain = chain;
  message.incarnation = incarnation;
  message.body = std::make_shared<const std::string>();
  return message;
}

inline Message prepare_ok(ReplicaIndex sender, View view, Op op, Chain chain = 0,
                          std::uint32_t incarnation = 1) {
  Message ok = message(MessageType::kPrepareOk, sender, view, op, chain, incarnation);
  ok.ack_level = PAXOS_ACK_DURABLE;
  return ok;
}

inline Message do_view_change(ReplicaIndex sender, View view, View log_view, Op op) {
  body::DoViewChange body;
  body.set_log_view(log_view);
  Message change = message(MessageType::kDoViewChange, sender, view, op);
  change.body = bytes_of(body);
  return change;
}

inline Message wish(ReplicaIndex sender, View view, View wished) {
  body::StartViewChange body;
  body.set_wished_view(wished);
  Message change = message(MessageType::kStartViewChange, sender, view, 0);
  change.body = bytes_of(body);
  return change;
}

inline CoreView normal(View view, Op op, Op commit, bool is_leader = false) {
  CoreView core;
  core.status = Status::kNormal;
  core.view = view;
  core.log_view = view;
  core.op = op;
  core.commit = commit;
  core.applied = commit;
  core.is_leader = is_leader;
  core.is_serving = is_leader;
  return core;
}

inline Store store(std::uint64_t number, decltype(Store::what) what) {
  return Store{number, std::move(what)};
}

inline LogEntry stored_entry(Op op, Chain chain) {
  return LogEntry{op, 0, chain, std::make_shared<const std::string>("batch")};
}

}  // namespace bmc::paxos::sim

#endif
