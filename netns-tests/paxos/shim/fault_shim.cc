// SPDX-License-Identifier: Apache-2.0
// A library for LD_PRELOAD that makes a replica's disk fail or slow and its wall clock wrong, as
// shim_control.h says.
//
// CLOCK_REALTIME cannot be changed for one process otherwise: time namespaces cover only the monotonic
// clocks, and setting the host's clock would hit everybody on it. fsync() of a tmpfs never fails.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "netns-tests/paxos/shim/shim_control.h"

namespace {

using bmc::shim::Control;

constexpr std::int64_t kSecond = 1'000'000'000;

Control* map_control() {
  static Control nothing;
  const char* path = std::getenv(bmc::shim::kControlVariable);
  if (path == nullptr) return &nothing;
  const int file = open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) std::abort();
  void* memory = mmap(nullptr, sizeof(Control), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (memory == MAP_FAILED) std::abort();
  close(file);
  return static_cast<Control*>(memory);
}

Control& control() {
  static Control* mapped = map_control();
  return *mapped;
}

// At the start, when the process may still open the file.
[[gnu::constructor]] void start() { control(); }

template <class Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

void sleep_us(std::uint32_t microseconds) {
  const timespec pause{microseconds / 1'000'000, static_cast<long>(microseconds % 1'000'000) * 1000};
  nanosleep(&pause, nullptr);
}

int sync_with(int (*real_sync)(int), int file) {
  Control& faults = control();
  ++faults.syncs;
  if (const std::uint32_t delay = faults.sync_delay_us; delay != 0) sleep_us(delay);
  if (faults.sync_fails == 0) return real_sync(file);
  ++faults.syncs_failed;
  errno = EIO;
  return -1;
}

}  // namespace

extern "C" {

int fsync(int file) {
  static auto* real_fsync = real<int(int)>("fsync");
  return sync_with(real_fsync, file);
}

int fdatasync(int file) {
  static auto* real_fdatasync = real<int(int)>("fdatasync");
  return sync_with(real_fdatasync, file);
}

int clock_gettime(clockid_t clock, timespec* now) noexcept {
  static auto* real_clock_gettime = real<int(clockid_t, timespec*)>("clock_gettime");
  const int result = real_clock_gettime(clock, now);
  if (result != 0 || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) return result;
  const std::int64_t shifted =
      std::int64_t{now->tv_sec} * kSecond + now->tv_nsec + control().realtime_offset_ns.load();
  *now = {shifted / kSecond, shifted % kSecond};
  return 0;
}

int gettimeofday(timeval* now, void*) noexcept {
  timespec precise{};
  clock_gettime(CLOCK_REALTIME, &precise);
  *now = {precise.tv_sec, precise.tv_nsec / 1000};
  return 0;
}

time_t time(time_t* out) noexcept {
  timespec precise{};
  clock_gettime(CLOCK_REALTIME, &precise);
  if (out != nullptr) *out = precise.tv_sec;
  return precise.tv_sec;
}

}  // extern "C"
