// SPDX-License-Identifier: Apache-2.0
// An operating error as a value: Result<T> is a T, or an Error that says what was tried and what to do.
// Used by every C++ part of the project; includes nothing of ours.
#ifndef BMC_CONTROL_PLANE_RESULT_H
#define BMC_CONTROL_PLANE_RESULT_H

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>
#include <variant>

namespace bmc {

// `code` is a positive errno (EINVAL where no system call spoke); `what` is one sentence for a person,
// without a full stop at its end: what was tried, what went wrong, and the remedy where there is one.
struct [[nodiscard]] Error {
  int code = EINVAL;
  std::string what;
};

// "<tried>: <strerror>". `code` may be given as libbpf and the kernel do, negative.
inline Error errno_error(std::string tried, int code = errno) {
  const int positive = code < 0 ? -code : code;
  return Error{positive, std::move(tried) + ": " + std::strerror(positive)};
}

// The same error seen from further out: "<tried>: <what>".
inline Error within(std::string tried, Error error) {
  error.what = std::move(tried) + ": " + error.what;
  return error;
}

namespace internal {
[[noreturn]] inline void wrong_access(const char* text, const char* what) {
  std::fprintf(stderr, "bmc: %s%s\n", text, what);
  std::abort();
}
}  // namespace internal

// Either a value or an Error. Reading the one that is not there is a programmer's error and aborts.
//
//   Result<Fd> socket = open_socket();
//   if (!socket) return socket.error();
//   use(*socket);
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit by intent
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit by intent

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & { return *checked(); }
  const T& value() const& { return *const_cast<Result*>(this)->checked(); }
  T&& value() && { return std::move(*checked()); }
  T& operator*() & { return *checked(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*checked()); }
  T* operator->() { return checked(); }
  const T* operator->() const { return &value(); }

  // Only where !ok().
  const Error& error() const& {
    if (ok()) internal::wrong_access("error() of a Result that holds a value", "");
    return *std::get_if<1>(&state_);
  }
  Error error() && {
    if (ok()) internal::wrong_access("error() of a Result that holds a value", "");
    return std::move(*std::get_if<1>(&state_));
  }

 private:
  T* checked() {
    if (!ok()) internal::wrong_access("value() of a failed Result: ", std::get_if<1>(&state_)->what.c_str());
    return std::get_if<0>(&state_);
  }

  std::variant<T, Error> state_;
};

// Success without a value: return `{}`.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)), ok_(false) {}  // NOLINT: implicit by intent

  bool ok() const { return ok_; }
  explicit operator bool() const { return ok_; }
  const Error& error() const {
    if (ok_) internal::wrong_access("error() of a Result that succeeded", "");
    return error_;
  }

 private:
  Error error_{0, {}};
  bool ok_ = true;
};

}  // namespace bmc

#endif
