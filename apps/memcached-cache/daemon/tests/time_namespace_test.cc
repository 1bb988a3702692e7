// SPDX-License-Identifier: Apache-2.0
// shares_our_seconds() with real processes, one of them in a time namespace of its own.
#include "apps/memcached-cache/daemon/time_namespace.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <ctime>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

namespace bmc::cache {
namespace {

// A process that waits to be killed; `offset`: of CLOCK_MONOTONIC in a time namespace of its own.
class Waiter {
 public:
  explicit Waiter(const char* offset = nullptr) {
    int ready[2];
    EXPECT_EQ(::pipe(ready), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (offset != nullptr && (::unshare(CLONE_NEWTIME) != 0 || !set_offset(offset))) ::_exit(1);
      (void)!::write(ready[1], "", 1);
      ::execlp("sleep", "sleep", "60", nullptr);  // exec enters the namespace
      ::_exit(1);
    }
    ::close(ready[1]);
    char byte = 0;
    started_ = ::read(ready[0], &byte, 1) == 1;
    ::close(ready[0]);
  }
  ~Waiter() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  bool started() const { return started_; }
  pid_t pid() const { return pid_; }

 private:
  static bool set_offset(const char* offset) {
    const int file = ::open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
    return ::write(file, offset, std::strlen(offset)) > 0;
  }

  pid_t pid_ = -1;
  bool started_ = false;
};

TEST(TimeNamespace, OurOwn) {
  const std::int64_t now = ::time(nullptr);
  const Waiter waiter;
  EXPECT_TRUE(shares_our_seconds(waiter.pid(), now));
  EXPECT_FALSE(shares_our_seconds(waiter.pid(), now - 60));  // another process with this number
  EXPECT_FALSE(shares_our_seconds(waiter.pid(), now + 60));
}

TEST(TimeNamespace, AnothersSecondsBeginElsewhere) {
  const std::int64_t now = ::time(nullptr);
  const Waiter waiter("monotonic 5 300000000");
  if (!waiter.started()) GTEST_SKIP() << "no time namespaces here";
  EXPECT_FALSE(shares_our_seconds(waiter.pid(), now));
}

TEST(TimeNamespace, WholeSecondsAwayIsTheSameToUs) {
  const std::int64_t now = ::time(nullptr);
  const Waiter waiter("monotonic 5 0");
  if (!waiter.started()) GTEST_SKIP() << "no time namespaces here";
  EXPECT_TRUE(shares_our_seconds(waiter.pid(), now));
}

TEST(TimeNamespace, NobodyThere) { EXPECT_FALSE(shares_our_seconds(1 << 30, ::time(nullptr))); }

}  // namespace
}  // namespace bmc::cache
