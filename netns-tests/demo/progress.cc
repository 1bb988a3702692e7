// SPDX-License-Identifier: Apache-2.0
// See progress.h.
#include "netns-tests/demo/progress.h"

#include <unistd.h>

#include <cmath>
#include <cstdio>

#include "netns-tests/lib/clock.h"

namespace bmc::demo {

std::string grouped(double value) {
  std::string digits = std::to_string(std::llround(value));
  for (std::ptrdiff_t at = std::ssize(digits) - 3; at > (digits[0] == '-' ? 1 : 0); at -= 3)
    digits.insert(static_cast<std::size_t>(at), ",");
  return digits;
}

ProgressLine::ProgressLine() : terminal_(::isatty(STDERR_FILENO) == 1) {}

void ProgressLine::step(const std::string& what) {
  step_ = what;
  shown_ns_ = 0;
  std::fprintf(stderr, terminal_ ? "\r\033[K%s" : "%s\n", what.c_str());
}

void ProgressLine::show(const std::string& detail) {
  const int64_t now = lab::now_ns();
  if (!terminal_ || now - shown_ns_ < 100 * lab::kMillisecond) return;
  shown_ns_ = now;
  std::fprintf(stderr, "\r\033[K%s: %s", step_.c_str(), detail.c_str());
}

void ProgressLine::show(const loadgen::RunReport& so_far) {
  const auto answered = static_cast<double>(so_far.answered());
  show((so_far.offered_rps > 0 ? grouped(so_far.offered_rps) + " requests/s offered, " : "") +
       grouped(answered) + " answered, " + grouped(static_cast<double>(so_far.wrong())) + " wrong");
}

void ProgressLine::clear() {
  if (terminal_) std::fputs("\r\033[K", stderr);
}

}  // namespace bmc::demo
