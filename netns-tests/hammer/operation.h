// SPDX-License-Identifier: Apache-2.0
// One write of the hammer as bytes of the classic, meta or binary protocol, and what its reply means.
// Used by the writers.
#ifndef BMC_NETNS_TESTS_HAMMER_OPERATION_H
#define BMC_NETNS_TESTS_HAMMER_OPERATION_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "netns-tests/hammer/oracle.h"
#include "netns-tests/lib/binary_protocol.h"

namespace bmc::hammer {

enum class Verb { kSet, kAdd, kReplace, kAppend, kPrepend, kDelete, kTouch, kGat };

/// Seconds, as memcached reads them: 0 never, < 0 at once, up to 30 days relative, else a Unix time.
struct Expiry {
  int64_t exptime = 0;
  bool passed() const { return exptime < 0; }
  /// From which moment on (CLOCK_MONOTONIC) nobody may see the item, when the write was acknowledged at
  /// `acknowledged_ns`; 0: never. memcached's clock ticks once a second, so it is the second after, plus
  /// slack.
  int64_t gone_ns(int64_t acknowledged_ns) const;
};

struct Operation {
  Verb verb = Verb::kSet;
  std::string key{};
  std::string value{};   ///< kSet, kAdd, kReplace, kAppend, kPrepend
  Expiry expiry{};       ///< kSet, kAdd, kReplace, kTouch, kGat
  uint64_t version = 0;  ///< the oracle's
  uint32_t opaque = 0;   ///< tells the operations of a writer apart
  bool quiet = false;    ///< no reply when it succeeds: only kSet and kDelete, whose outcome is then known
  bool meta = false;     ///< in the classic connection: as a meta command

  Effect effect() const;
};

enum class Outcome {
  kDone,
  kAbsent,   ///< the key did not exist
  kRefused,  ///< add: it did exist
  kError,    ///< anything else memcached may say
};

const char* to_string(Verb verb);
const char* to_string(Outcome outcome);

std::string encode_text(const Operation& operation);
/// `reply`: one line with "\r\n"; for kGat the whole retrieval reply.
Outcome read_text_reply(const Operation& operation, std::string_view reply);
/// memcached 1.6.18 answers a quiet meta delete of nothing all the same; it is encoded with an opaque so that
/// this line can be told from the reply of the next command. Its operation's opaque, if `reply` is such a
/// line.
std::optional<uint32_t> read_unquiet_miss(std::string_view reply);
/// Whether the reply is a retrieval (read to its "END\r\n") and not one line.
bool has_values_reply(const Operation& operation);

std::string encode_binary(const Operation& operation);
Outcome read_binary_reply(const Operation& operation, const lab::BinaryResponse& response);

}  // namespace bmc::hammer
#endif
