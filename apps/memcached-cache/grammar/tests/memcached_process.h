// SPDX-License-Identifier: Apache-2.0
// A real memcached on a unix socket of its own, for tests that ask it what bytes mean.
#ifndef BMC_MEMCACHED_PROCESS_H
#define BMC_MEMCACHED_PROCESS_H

#include <sys/types.h>

#include <string>
#include <string_view>

namespace bmc::grammar_test {

// Started by the constructor, ended by the destructor; owns the process and its directory.
class MemcachedProcess {
 public:
  MemcachedProcess();
  MemcachedProcess(const MemcachedProcess&) = delete;
  MemcachedProcess& operator=(const MemcachedProcess&) = delete;
  ~MemcachedProcess();

  bool running() const { return pid_ > 0; }

  // Sends `request` on a connection of its own in pieces of at most `piece` bytes, says that no more will
  // come, and returns all that memcached sent until it closed. Throws std::runtime_error after 10 s.
  std::string exchange(std::string_view request, std::size_t piece) const;

 private:
  std::string directory_;
  pid_t pid_ = -1;
};

}  // namespace bmc::grammar_test

#endif
