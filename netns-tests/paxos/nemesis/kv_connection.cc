// SPDX-License-Identifier: Apache-2.0
// Requests and what their answers promise; see kv_connection.h.
#include "netns-tests/paxos/nemesis/kv_connection.h"

#include <cstdlib>
#include <string_view>

#include "netns-tests/lib/clock.h"

namespace bmc::nemesis {

using lab::Deadline;
using linearizability::kNever;

std::optional<KvConnection> KvConnection::open(const lab::Netns& netns, const lab::Endpoint& server,
                                               std::int64_t timeout_ms) {
  auto socket = lab::TcpClient::try_connect(netns, server, timeout_ms);
  if (!socket) return std::nullopt;
  return KvConnection(std::move(*socket), timeout_ms);
}

bool KvConnection::carry_out(Operation& operation, const std::string& unique) {
  std::string ignored;
  return operation.action == Action::kGet ? retrieve(operation, ignored) : write(operation, unique);
}

bool KvConnection::gets(Operation& operation, std::optional<Versioned>& found) {
  std::string cas_unique;
  found.reset();
  if (!retrieve(operation, cas_unique)) return false;
  if (operation.found) found = Versioned{*operation.found, cas_unique};
  return true;
}

// A read without an answer tells nothing: it is no part of the history.
bool KvConnection::retrieve(Operation& operation, std::string& cas_unique) {
  operation.invoked_ns = lab::now_ns();
  deadline_ = Deadline::in_ms(timeout_ms_);
  const auto fail = [this] {
    usable_ = false;
    return false;
  };
  if (!socket_.send("gets " + operation.key + "\r\n", deadline_)) return fail();
  const auto reply = socket_.read_values(deadline_);
  if (!reply) return fail();
  operation.returned_ns = lab::now_ns();
  if (*reply == "END\r\n") return true;
  if (!reply->starts_with("VALUE " + operation.key + " ")) return fail();
  // VALUE <key> <flags> <bytes> <cas unique>\r\n<value>\r\nEND\r\n
  constexpr std::size_t kTail = sizeof("\r\nEND\r\n") - 1;
  const std::size_t line_end = reply->find("\r\n");
  const std::size_t unique_at = reply->rfind(' ', line_end) + 1;
  cas_unique = reply->substr(unique_at, line_end - unique_at);
  if (reply->size() < line_end + 2 + kTail) return fail();
  operation.found = reply->substr(line_end + 2, reply->size() - line_end - 2 - kTail);
  return true;
}

bool KvConnection::write(Operation& operation, const std::string& unique) {
  operation.invoked_ns = lab::now_ns();
  deadline_ = Deadline::in_ms(timeout_ms_);
  switch (operation.action) {
    case Action::kSet:
      return conclude(operation, store("set " + operation.key + " 0 0", operation.value));
    case Action::kAdd:
      return conclude(operation, store("add " + operation.key + " 0 0", operation.value));
    case Action::kCas:
      return conclude(operation, store("cas " + operation.key + " 0 0", operation.value, " " + unique));
    case Action::kDelete:
      return conclude(operation, command("delete " + operation.key + "\r\n"));
    case Action::kAppend:
      return conclude(operation, append(operation));
    case Action::kGet:
      break;
  }
  std::abort();
}

// memcached's append wants something to append to. Each refusal says that nothing was done, so trying the
// other way is no repetition.
KvConnection::Answer KvConnection::append(const Operation& operation) {
  for (;;) {
    Answer answer = store("append " + operation.key + " 0 0", operation.value + " ");
    if (answer == Answer::kRefused) answer = store("add " + operation.key + " 0 0", operation.value + " ");
    if (answer != Answer::kRefused) return answer;
    if (deadline_.passed()) return Answer::kNothingDone;
  }
}

// `line` is without the number of bytes, which `suffix` follows.
KvConnection::Answer KvConnection::store(const std::string& line, const std::string& value,
                                         const std::string& suffix) {
  return command(line + " " + std::to_string(value.size()) + suffix + "\r\n" + value + "\r\n");
}

KvConnection::Answer KvConnection::command(const std::string& line) {
  if (!socket_.send(line, deadline_)) return Answer::kLost;
  const auto reply = socket_.read_line(deadline_);
  if (!reply) return Answer::kLost;
  if (*reply == "STORED\r\n" || *reply == "DELETED\r\n") return Answer::kDone;
  if (*reply == "NOT_STORED\r\n" || *reply == "EXISTS\r\n" || *reply == "NOT_FOUND\r\n")
    return Answer::kRefused;
  if (!reply->starts_with("SERVER_ERROR nothing was done")) return Answer::kLost;
  usable_ = false;  // this replica cannot serve now
  return Answer::kNothingDone;
}

bool KvConnection::conclude(Operation& operation, Answer answer) {
  operation.returned_ns = lab::now_ns();
  operation.outcome = answer == Answer::kRefused ? Outcome::kRefused : Outcome::kDone;
  if (answer == Answer::kLost) {
    operation.outcome = Outcome::kUnknown;
    operation.returned_ns = kNever;
    usable_ = false;
  }
  return answer != Answer::kNothingDone;
}

}  // namespace bmc::nemesis
