// SPDX-License-Identifier: Apache-2.0
// RequestSource: which request comes next, and its text. One per worker; the channels draw from it.
#ifndef BMC_LOADGEN_REQUEST_SOURCE_H
#define BMC_LOADGEN_REQUEST_SOURCE_H

#include <cstdint>
#include <string>

#include "loadgen/exchange.h"

namespace bmc::loadgen {

class RequestSource {
 public:
  // For worker `part` of `parts`: together they ask what one would ask. `traffic` must outlive it.
  RequestSource(Traffic& traffic, std::uint32_t part, std::uint32_t parts)
      : traffic_(traffic), part_(part), parts_(parts) {}

  // Sets come first in each turn of sets and gets.
  bool next_is_set() const {
    return number_ % (traffic_.options.sets + traffic_.options.gets) < traffic_.options.sets;
  }

  // Makes the next request: fills `exchange` (all but the times) and appends its text to `text`. It must
  // leave at once: what a get may return is taken from now.
  void next(Exchange& exchange, std::string& text);

 private:
  void make_get(Exchange& exchange, std::uint64_t sequence, std::string& text);
  void make_set(Exchange& exchange, std::uint64_t sequence, std::string& text);

  Traffic& traffic_;
  std::uint32_t part_;
  std::uint32_t parts_;
  std::uint64_t number_ = 0;  // requests made
  std::uint64_t sets_ = 0;    // of them
};

}  // namespace bmc::loadgen

#endif
