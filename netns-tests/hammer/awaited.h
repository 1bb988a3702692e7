// SPDX-License-Identifier: Apache-2.0
// The requests one reader waits for, by request id, and which of them a reply may answer. No threads, no
// sockets: used by Reader, tested in awaited_test.cc.
#ifndef BMC_NETNS_TESTS_HAMMER_AWAITED_H
#define BMC_NETNS_TESTS_HAMMER_AWAITED_H

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "netns-tests/hammer/oracle.h"

namespace bmc::hammer {

/// One key of one request, and what may be answered.
struct Asked {
  std::string name;
  size_t key = 0;  ///< index of the key, or of the counter
  bool counter = false;
  ReadBound bound;     ///< of a key
  uint64_t floor = 0;  ///< of a counter
  bool answered = false;
};

struct Request {
  std::vector<Asked> asked;
  int64_t sent_ns = 0;
  bool lost = false;
};

/// Several requests may be under way with one id, and nothing but a value tells them apart: memcached's
/// threads and the kernel's answers overtake each other. What is kept is always permissive enough:
///
/// Invariant: the bounds kept for an id hold, key by key, at least as many requests as replies may still
/// come, and in ascending order none of those bounds is above that of the request it stands for. So a value
/// removes, of the requests for its key, the one with the highest bound it satisfies; a miss, which may be
/// anybody's, removes none and is counted; and when all that is left has been answered, all goes.
class Awaited {
 public:
  /// Whether `value` of a reply may answer this.
  using Judge = std::function<bool(const Asked&)>;

  void add(uint16_t id, Request request);
  /// Whether a reply with this id may come.
  bool expects(uint16_t id) const { return ids_.contains(id); }
  /// Whether so many misses weigh on this id that it should rest until all its replies are there: what they
  /// leave behind makes every check under it weaker.
  bool blurred(uint16_t id) const;
  /// What this key's value answers and has not been answered; marked as answered. Null: nobody asked.
  Asked* take_value(uint16_t id, std::string_view key, const Judge& good);
  /// Whether this key has been asked for under this id, answered or not.
  bool asked_for(uint16_t id, std::string_view key) const;
  /// The end of a reply: the request it ends, or nothing when that can't be known.
  struct Ended {
    bool known = false;  ///< `request` is the one
    Request request;
  };
  Ended take_end(uint16_t id, bool had_values);
  /// Visits every request; one for which `forget` is true is no longer waited for.
  void visit(const std::function<bool(Request&)>& forget);
  void clear() { ids_.clear(); }

 private:
  struct Waiting {
    std::deque<Request> requests;  ///< oldest first
    size_t misses = 0;             ///< so many of them have been answered, unknown which
  };
  std::unordered_map<uint16_t, Waiting> ids_;
};

}  // namespace bmc::hammer
#endif
