// SPDX-License-Identifier: Apache-2.0
// Calls a replicated state machine from any process. docs/paxos-library.md is the guide.
#ifndef BMC_PAXOS_CLIENT_H
#define BMC_PAXOS_CLIENT_H

#include <bmc/paxos/error.h>
#include <bmc/paxos/options.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bmc::paxos {

namespace internal {

// A handler of any type that takes a Result<std::string>, called once: posted to the executor that belongs to
// it, or to the client's. Keeps that executor's context running until then.
class Completion {
 public:
  Completion() = default;
  template <typename Handler>
  Completion(const boost::asio::any_io_executor& fallback, Handler handler)
      : held_(std::make_unique<Held<Handler>>(fallback, std::move(handler))) {}

  void operator()(Result<std::string> result) { std::exchange(held_, nullptr)->post(std::move(result)); }
  explicit operator bool() const { return held_ != nullptr; }

 private:
  struct Base {
    virtual ~Base() = default;
    virtual void post(Result<std::string> result) = 0;
  };
  template <typename Handler>
  static auto executor_for(const Handler& handler, const boost::asio::any_io_executor& fallback) {
    return boost::asio::prefer(boost::asio::get_associated_executor(handler, fallback),
                               boost::asio::execution::outstanding_work.tracked);
  }
  template <typename Handler>
  struct Held final : Base {
    Held(const boost::asio::any_io_executor& fallback, Handler h)
        : executor(executor_for(h, fallback)), handler(std::move(h)) {}
    void post(Result<std::string> result) override {
      boost::asio::post(executor, [h = std::move(handler), r = std::move(result)]() mutable {
        std::move(h)(std::move(r));
      });
    }
    decltype(executor_for(std::declval<Handler>(), std::declval<boost::asio::any_io_executor>())) executor;
    Handler handler;
  };
  std::unique_ptr<Base> held_;
};

}  // namespace internal

// Every call is carried out exactly once or, if it fails, as its ErrorCode says. A call is sent again and to
// other replicas, under the same number, until it is answered or its deadline is over. Calls of one client
// run side by side: one that must follow another is started when the other has completed. All functions may
// be called from any thread.
class Client {
 public:
  using Signature = void(Result<std::string>);

  // Opens a socket; asks nobody. Errors: configuration, io.
  static Result<std::unique_ptr<Client>> open(boost::asio::any_io_executor executor,
                                              const ClientOptions& options);

  // close().
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Has the cluster apply `operation`; completes with what StateMachine::apply() returned. `token` is a
  // handler of Signature, or anything of Asio's: use_future, use_awaitable.
  template <typename Token>
  auto async_call(std::string operation, Token&& token) {
    return start(Kind::call, std::move(operation), std::forward<Token>(token));
  }

  // StateMachine::read() on a state that includes every call that had completed anywhere when this one began.
  template <typename Token>
  auto async_read(std::string query, Token&& token) {
    return start(Kind::read, std::move(query), std::forward<Token>(token));
  }

  // StateMachine::read() on the state of the one replica that is asked, which may be old by any measure: no
  // promise but that it was true once. One datagram there and one back.
  template <typename Token>
  auto async_read_stale(std::string query, Token&& token) {
    return start(Kind::read_stale, std::move(query), std::forward<Token>(token));
  }

  // The same, waiting: not on a thread that runs the executor, which would wait for itself.
  Result<std::string> call(std::string operation);
  Result<std::string> read(std::string query);
  Result<std::string> read_stale(std::string query);

  // Counts since the start: as Replica's.
  struct Counters {
    std::uint64_t datagrams_sent = 0;
    std::uint64_t datagrams_received = 0;
    std::uint64_t datagrams_dropped = 0;  // malformed, or not from a replica
    std::uint64_t retransmissions = 0;
    std::uint64_t redirections = 0;  // NOT_LEADER answers
    std::uint64_t sessions_opened = 0;
  };
  Counters counters() const;

  // Every call that is under way fails, with shutting_down if it was never sent and unknown_outcome
  // otherwise; later ones with shutting_down. Their handlers are posted, not called. Does not block.
  void close();

  class Impl;

 private:
  enum class Kind : std::uint8_t { call, read, read_stale };

  explicit Client(std::shared_ptr<Impl> impl);

  template <typename Token>
  auto start(Kind kind, std::string bytes, Token&& token) {
    return boost::asio::async_initiate<Token, Signature>(
        [impl = impl_](auto&& handler, Kind k, std::string b) {
          begin(impl, k, std::move(b),
                internal::Completion(executor_of(*impl), std::forward<decltype(handler)>(handler)));
        },
        token, kind, std::move(bytes));
  }

  static void begin(const std::shared_ptr<Impl>& impl, Kind kind, std::string bytes,
                    internal::Completion completion);
  static boost::asio::any_io_executor executor_of(const Impl& impl);
  Result<std::string> wait_for(Kind kind, std::string bytes);

  std::shared_ptr<Impl> impl_;
};

}  // namespace bmc::paxos

#endif
