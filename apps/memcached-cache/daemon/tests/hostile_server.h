// SPDX-License-Identifier: Apache-2.0
// A peer that misbehaves, for what no real memcached can be made to do when it is wanted. Used by the tests
// of what talks to memcached.
#ifndef BMC_CACHE_DAEMON_TESTS_HOSTILE_SERVER_H
#define BMC_CACHE_DAEMON_TESTS_HOSTILE_SERVER_H

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <memory>
#include <string>
#include <vector>

#include "control-plane/config.h"

namespace bmc::cache::test {

// Accepts connections one after another and sends each the same bytes, whatever it is asked.
class HostileServer {
 public:
  HostileServer(boost::asio::io_context& loop, std::string says, bool closes)
      : acceptor_(loop, {boost::asio::ip::make_address("127.0.0.1"), 0}),
        says_(std::move(says)),
        closes_(closes) {
    accept();
  }
  Endpoint endpoint() const {
    return {boost::asio::ip::make_address("127.0.0.1"), acceptor_.local_endpoint().port()};
  }
  int accepted() const { return static_cast<int>(clients_.size()); }

 private:
  void accept() {
    acceptor_.async_accept([this](const boost::system::error_code& code,
                                  boost::asio::ip::tcp::socket client) {
      if (code) return;
      auto& kept = clients_.emplace_back(std::make_unique<boost::asio::ip::tcp::socket>(std::move(client)));
      boost::asio::async_write(*kept, boost::asio::buffer(says_),
                               [this, &socket = *kept](const auto&, std::size_t) {
                                 if (closes_) socket.close();
                               });
      accept();
    });
  }

  boost::asio::ip::tcp::acceptor acceptor_;
  const std::string says_;
  const bool closes_;
  std::vector<std::unique_ptr<boost::asio::ip::tcp::socket>> clients_;
};

}  // namespace bmc::cache::test

#endif
