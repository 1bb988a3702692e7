// SPDX-License-Identifier: Apache-2.0
// What the library's functions return when they can fail: Result<T> is a T, or an Error whose code is one of
// a closed set and whose sentence is for a person.
#ifndef BMC_PAXOS_ERROR_H
#define BMC_PAXOS_ERROR_H

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace bmc::paxos {

// name, what it says. Of calls and reads the first five say that certainly nothing was done.
#define BMC_PAXOS_ERROR_CODES(X)                                                                           \
  X(not_leader, "the replicas asked did not lead; Error::leader tells who may")                            \
  X(busy, "the cluster or this client has too much waiting; ask again later")                              \
  X(timed_out, "the time was over before anything was sent, or it was a read")                             \
  X(too_large, "larger than the cluster's limit")                                                          \
  X(shutting_down, "the client or the replica was closed")                                                 \
  X(unknown_outcome, "the operation may have been carried out, or may yet be, once; or never")             \
  X(session_evicted, "the cluster forgot this session for newer ones; the outcome is as unknown as above") \
  X(incompatible, "a replica did not understand the request: another version of the library")              \
  X(configuration, "the options are wrong or do not fit the data directory")                               \
  X(not_formatted, "the data directory holds no replica: format() or recover() it")                        \
  X(already_formatted, "the data directory holds a replica already")                                       \
  X(damaged, "what was durable does not read back: recover()")                                             \
  X(io, "the operating system refused")

enum class ErrorCode : std::uint8_t {
#define X(name, text) name,
  BMC_PAXOS_ERROR_CODES(X)
#undef X
};

// "not_leader", …
constexpr std::string_view name_of(ErrorCode code) {
  switch (code) {
#define X(name, text)   \
  case ErrorCode::name: \
    return #name;
    BMC_PAXOS_ERROR_CODES(X)
#undef X
  }
  std::abort();
}

// What the code says, for any error that has it.
constexpr std::string_view text_of(ErrorCode code) {
  switch (code) {
#define X(name, text)   \
  case ErrorCode::name: \
    return text;
    BMC_PAXOS_ERROR_CODES(X)
#undef X
  }
  std::abort();
}

// `what` is one sentence without a full stop: what was tried, what went wrong, and the remedy where there is
// one. `leader`: only with not_leader, and only where the cluster gave a hint.
struct [[nodiscard]] Error {
  ErrorCode code = ErrorCode::io;
  std::string what = {};
  std::optional<std::uint8_t> leader = {};
};

// Either a value or an Error. Reading the one that is not there is a programmer's error and aborts.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit by intent
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit by intent

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & { return (require(ok()), *std::get_if<0>(&state_)); }
  const T& value() const& { return (require(ok()), *std::get_if<0>(&state_)); }
  T&& value() && { return std::move(value()); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(value()); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  // Only where !ok().
  const Error& error() const { return (require(!ok()), *std::get_if<1>(&state_)); }

 private:
  void require(bool as_read) const {
    if (as_read) return;
    std::fprintf(stderr, "bmc::paxos::Result: %s\n",
                 ok() ? "error() of a success" : std::get_if<1>(&state_)->what.c_str());
    std::abort();
  }

  std::variant<T, Error> state_;
};

// Success without a value: return `{}`.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT: implicit by intent

  bool ok() const { return !error_; }
  explicit operator bool() const { return ok(); }

  // Only where !ok().
  const Error& error() const {
    if (error_) return *error_;
    std::fputs("bmc::paxos::Result: error() of a success\n", stderr);
    std::abort();
  }

 private:
  std::optional<Error> error_;
};

}  // namespace bmc::paxos

#endif
