// SPDX-License-Identifier: Apache-2.0
// What the replicated machine is asked: commands, several of them in one operation (which goes through the
// log) or in one query (which does not). Written by the server, read by KvMachine.
#ifndef BMC_KV_MACHINE_COMMAND_H
#define BMC_KV_MACHINE_COMMAND_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/paxos/kv/machine/bytes.h"
#include "apps/paxos/kv/machine/limits.h"

namespace bmc::kv {

// memcached's verbs. The numbers are in the logs: they never change.
enum class Verb : std::uint8_t {
  kGet = 1,
  kGetAndTouch = 2,
  kSet = 3,
  kAdd = 4,
  kReplace = 5,
  kAppend = 6,
  kPrepend = 7,
  kCas = 8,
  kDelete = 9,
  kIncr = 10,
  kDecr = 11,
  kTouch = 12,
  kFlushAll = 13,
};

constexpr bool is_retrieval(Verb verb) { return verb == Verb::kGet || verb == Verb::kGetAndTouch; }
constexpr bool is_storage(Verb verb) { return verb >= Verb::kSet && verb <= Verb::kCas; }

// The strings belong to whoever made the command.
struct Command {
  Verb verb = Verb::kGet;
  std::vector<std::string_view> keys;  // retrieval: one or more; flush_all: none; all others: one
  std::string_view value;              // storage
  std::uint32_t flags = 0;             // set, add, replace, cas
  std::int64_t exptime = 0;            // the client's words: relative, absolute, negative; see deadline_of()
  std::uint64_t number = 0;            // cas: the unique; incr, decr: by how much
};

// What a query does about an item whose time the reader's clock says is over, though by the time of the last
// operation it is not.
enum class Expiry : std::uint8_t {
  kReport = 1,  // tell Status::kBehind: the reader then sends the same commands as an operation
  kJudge = 2,   // believe the reader's clock: for stale reads, which promise nothing
};

struct Operation {
  // The proposer's limit: in every operation, so that replicas whose configurations differ still decide the
  // same. At most kMemoryBytesMax.
  std::uint64_t memory_bytes_max = 0;
  std::vector<Command> commands;
};

struct Query {
  Expiry expiry = Expiry::kReport;
  std::uint64_t now_us = 0;       // the reader's clock, since 1970
  std::vector<Command> commands;  // kGet only
};

// An operation or query is written as its begin, then its commands.
void begin_operation(ByteWriter& out, std::uint64_t memory_bytes_max);
void begin_query(ByteWriter& out, Expiry expiry, std::uint64_t now_us);
// Aborts if the command breaks the rules of Command or the limits of keys and values.
void add_command(ByteWriter& out, const Command& command);

// Nothing if the bytes are not exactly what the functions above write. The commands' strings are in `bytes`.
std::optional<Operation> decode_operation(std::string_view bytes);
std::optional<Query> decode_query(std::string_view bytes);

}  // namespace bmc::kv

#endif
