// SPDX-License-Identifier: Apache-2.0
// ReplyReader: cuts what memcached sends on one connection into replies, whatever it sends.
// Used by MemcachedSession; no I/O.
#ifndef BMC_CACHE_DAEMON_REPLY_READER_H
#define BMC_CACHE_DAEMON_REPLY_READER_H

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "control-plane/result.h"

namespace bmc::cache {

// What a reply to a request looks like.
enum class ReplyShape {
  kLine,         // one line
  kStats,        // STAT lines until END, or one line of another kind
  kConnections,  // the same, of `stats conns`; kept is what is told of connections over UDP
};

using Stats = std::map<std::string, std::string, std::less<>>;

struct Reply {
  std::string line;  // without \r\n; empty for a list of statistics
  Stats stats;       // by name, the last of equal names
};

// Limits on what one reply may hold; memcached 1.6 stays far below.
inline constexpr std::size_t kReplyLineMax = 8192;  // a statistic may hold a path
inline constexpr std::size_t kReplyStatsMax = 4096;

// Feed with bytes as they come, ask for the reply of each request in the order of the requests.
class ReplyReader {
 public:
  void append(std::string_view bytes) { buffer_.append(bytes); }

  // The next whole reply if it is there. An error (EPROTO, EMSGSIZE) means that the place in the stream is
  // lost: the connection is of no more use.
  Result<std::optional<Reply>> next(ReplyShape shape);

  // Bytes that no request has asked for.
  bool empty() const { return consumed_ == buffer_.size(); }

 private:
  Result<std::optional<std::string_view>> line();
  bool is_of_udp(std::string_view statistic);
  void compact();

  std::string buffer_;
  std::size_t consumed_ = 0;  // bytes of buffer_ already taken
  std::size_t scanned_ = 0;   // bytes of buffer_ known to hold no end of line after consumed_
  Reply partial_;             // statistics of the reply being read
  std::string udp_;           // kConnections: "<descriptor>:", the last one over UDP
};

// What `me <key>` told of an item's expiry.
struct MetaReply {
  bool found = false;
  // As told, with the sign as told: memcached 1.6.18 prints current_time - exptime, that is the remaining
  // seconds negated; -1 stands both for "never" and for one second. Only where found.
  std::int64_t exp = 0;
};

// `line` is the reply to `me <key>`. Fails with EPROTO where it is no such reply, or of another key.
Result<MetaReply> parse_meta_reply(std::string_view line, std::string_view key);

// A whole decimal number; nothing else around it.
std::optional<std::int64_t> parse_number(std::string_view text);

// "ERROR", "CLIENT_ERROR ...", "SERVER_ERROR ...": memcached understood where the request ended and refused
// it.
bool is_error_line(std::string_view line);

}  // namespace bmc::cache

#endif
