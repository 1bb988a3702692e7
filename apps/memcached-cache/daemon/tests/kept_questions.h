// SPDX-License-Identifier: Apache-2.0
// KeptQuestions: what was asked of memcached, until the test answers it. For tests of what asks.
#ifndef BMC_CACHE_DAEMON_TESTS_KEPT_QUESTIONS_H
#define BMC_CACHE_DAEMON_TESTS_KEPT_QUESTIONS_H

#include <gtest/gtest.h>

#include <deque>
#include <utility>

#include "apps/memcached-cache/daemon/memcached_session.h"

namespace bmc::cache::test {

class KeptQuestions {
 public:
  void keep(MemcachedSession::AnswerHandler handler) { handlers_.push_back(std::move(handler)); }
  // The connection ended, with no call.
  void clear() { handlers_.clear(); }
  bool empty() const { return handlers_.empty(); }
  std::size_t size() const { return handlers_.size(); }

  // The oldest one.
  void answer(const Result<Answer>& given) {
    ASSERT_FALSE(handlers_.empty());
    const MemcachedSession::AnswerHandler handler = std::move(handlers_.front());
    handlers_.pop_front();
    handler(given);
  }
  void answer(Reply reply) {
    Answer given;
    given.reply = std::move(reply);
    answer(Result<Answer>(given));
  }

 private:
  std::deque<MemcachedSession::AnswerHandler> handlers_;
};

}  // namespace bmc::cache::test

#endif
