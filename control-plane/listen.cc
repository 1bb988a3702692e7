// SPDX-License-Identifier: Apache-2.0
// Listening on a TCP port; see listen.h.
#include "control-plane/listen.h"

namespace bmc {

using boost::asio::ip::tcp;
using boost::system::error_code;

namespace {

// What is in the way; empty: the error says it all.
std::string cause_of(const error_code& failed) {
  if (failed == boost::asio::error::address_in_use) return "`ss -ltnp` shows who listens there";
  if (failed == boost::system::errc::address_not_available) return "no interface has this address";
  if (failed == boost::system::errc::permission_denied) return "ports below 1024 are for root";
  return {};
}

}  // namespace

Result<void> listen_on(tcp::acceptor& acceptor, const Endpoint& endpoint, int backlog,
                       const std::string& purpose, const std::string& otherwise) {
  const tcp::endpoint where(endpoint.address, endpoint.port);
  error_code failed;
  acceptor.open(where.protocol(), failed);
  if (!failed) acceptor.set_option(tcp::acceptor::reuse_address(true), failed);
  if (!failed) acceptor.bind(where, failed);
  if (!failed) acceptor.listen(backlog, failed);
  if (!failed) return {};
  error_code ignored;
  acceptor.close(ignored);
  const std::string cause = cause_of(failed);
  return Error{failed.value(), "cannot " + purpose + " on " + to_string(endpoint) + ": " + failed.message() +
                                   (cause.empty() ? "" : "; " + cause + "; " + otherwise)};
}

}  // namespace bmc
