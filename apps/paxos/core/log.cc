// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/core/log.h"

#include <utility>

namespace bmc::paxos {

void Log::reset(Op begin, Chain chain) {
  begin_ = begin;
  begin_chain_ = chain;
  entries_.clear();
}

void Log::append(LogEntry entry) {
  check(entry.op == end() + 1 && entry.batch, Invariant::log_is_consecutive);
  entries_.push_back(std::move(entry));
}

void Log::truncate(Op new_end) {
  check(new_end >= begin_, Invariant::committed_stays);
  while (end() > new_end) entries_.pop_back();
}

void Log::trim(Op new_begin) {
  while (begin_ < new_begin && !entries_.empty()) {
    begin_chain_ = entries_.front().chain;
    ++begin_;
    entries_.pop_front();
  }
}

}  // namespace bmc::paxos
