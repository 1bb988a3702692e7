// SPDX-License-Identifier: Apache-2.0
// Listening on a TCP port, with an error that says who is in the way and what to do. Used by MetricsServer
// and by paxos-kv's server.
#ifndef BMC_CONTROL_PLANE_LISTEN_H
#define BMC_CONTROL_PLANE_LISTEN_H

#include <boost/asio/ip/tcp.hpp>
#include <string>

#include "control-plane/endpoint.h"
#include "control-plane/result.h"

namespace bmc {

/// Opens `acceptor` and listens; on an error it is closed again. For the error's sentence: `purpose`, such as
/// "serve metrics", and `otherwise`, what to do if the address cannot be had, such as "use another
/// --metrics".
Result<void> listen_on(boost::asio::ip::tcp::acceptor& acceptor, const Endpoint& endpoint, int backlog,
                       const std::string& purpose, const std::string& otherwise);

}  // namespace bmc

#endif
