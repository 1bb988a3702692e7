// SPDX-License-Identifier: Apache-2.0
// Prometheus' scrapes; see metrics_server.h.
#include "control-plane/metrics_server.h"

#include <prometheus/text_serializer.h>
#include <spdlog/spdlog.h>

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <optional>

#include "control-plane/listen.h"

namespace bmc {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::asio::ip::tcp;
using boost::system::error_code;

// One connection. Alive while it stands in the server's set or an operation of its own is under way.
class MetricsServer::Session : public std::enable_shared_from_this<Session> {
 public:
  Session(MetricsServer& server, tcp::socket socket) : server_(&server), stream_(std::move(socket)) {}

  void read() {
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(kRequestBytesMax));
    parser_->body_limit(0);
    stream_.expires_after(kIdleLimit);
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](const error_code& failed, std::size_t) {
                       if (failed) return self->close();
                       self->answer();
                     });
  }

  void close() {
    stream_.close();
    if (MetricsServer* server = std::exchange(server_, nullptr)) server->sessions_.erase(shared_from_this());
  }

 private:
  void answer() {
    if (server_ == nullptr) return;
    const auto& request = parser_->get();
    response_ = {};
    response_.version(request.version());
    response_.keep_alive(request.keep_alive());
    response_.set(http::field::content_type, "text/plain; version=0.0.4; charset=utf-8");
    const bool known = request.target() == "/metrics" || request.target().starts_with("/metrics?");
    if (request.method() != http::verb::get && request.method() != http::verb::head) {
      response_.result(http::status::method_not_allowed);
    } else if (!known) {
      response_.result(http::status::not_found);
      response_.body() = "metrics are at /metrics\n";
    } else if (request.method() == http::verb::get) {
      response_.body() = server_->scrape();
    }
    response_.prepare_payload();
    stream_.expires_after(kIdleLimit);
    http::async_write(stream_, response_, [self = shared_from_this()](const error_code& failed, std::size_t) {
      if (failed || !self->response_.keep_alive()) return self->close();
      if (self->server_ != nullptr) self->read();
    });
  }

  MetricsServer* server_;  // null: closed
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_{kRequestBytesMax};
  std::optional<http::request_parser<http::empty_body>> parser_;  // one per request
  http::response<http::string_body> response_;
};

MetricsServer::MetricsServer(boost::asio::io_context& loop, MetricsCollector collector)
    : loop_(loop), collector_(std::move(collector)), acceptor_(loop) {}

MetricsServer::~MetricsServer() { stop(); }

Result<void> MetricsServer::listen(const Endpoint& endpoint) {
  Result<void> listening = listen_on(acceptor_, endpoint, static_cast<int>(kSessionsMax), "serve metrics",
                                     "use another --metrics, or --metrics off");
  if (listening) accept();
  return listening;
}

void MetricsServer::accept() {
  acceptor_.async_accept([this](const error_code& failed, tcp::socket socket) {
    if (failed == boost::asio::error::operation_aborted || !acceptor_.is_open()) return;
    if (!failed && sessions_.size() < kSessionsMax) {
      const auto session = std::make_shared<Session>(*this, std::move(socket));
      sessions_.insert(session);
      session->read();
    } else {
      spdlog::warn("metrics: a connection is refused: {}", failed ? failed.message() : "too many");
    }
    accept();
  });
}

void MetricsServer::stop() {
  error_code ignored;
  acceptor_.close(ignored);
  while (!sessions_.empty()) {
    const auto session = *sessions_.begin();
    session->close();
  }
}

std::string MetricsServer::scrape() {
  std::vector<prometheus::MetricFamily> families;
  collector_(families);
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace bmc
