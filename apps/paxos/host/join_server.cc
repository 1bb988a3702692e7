// SPDX-License-Identifier: Apache-2.0
// The join socket; see join_server.h.
#include "apps/paxos/host/join_server.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "apps/paxos/host/address.h"
#include "apps/paxos/host/join_message.h"

namespace bmc::paxos::host {

using boost::asio::posix::stream_descriptor;
using boost::system::error_code;

namespace {
constexpr int kAcceptsAtOnce = 64;  // then others on the loop have their turn
}

// One connection. Alive while it stands in the server's set or waits for its socket.
class JoinServer::Session : public std::enable_shared_from_this<Session> {
 public:
  Session(JoinServer& server, Fd socket, const ucred& peer, bool is_stranger)
      : server_(&server),
        socket_(server.loop_, socket.release()),
        timer_(server.loop_),
        peer_(peer),
        is_stranger_(is_stranger) {}

  const ucred& peer() const { return peer_; }
  bool is_stranger() const { return is_stranger_; }
  bool is_member(const paxos_address& address) const { return member_ && same(*member_, address); }

  void start() {
    limit_time();
    wait();
  }

  void tell(std::uint32_t offloads) {
    paxos_join_reply reply = granted_;
    reply.offloads = offloads;
    if (Result<void> sent = send_reply(socket_.native_handle(), reply); !sent) end();
  }

  // Ends the membership, too.
  void end() {
    timer_.cancel();
    error_code ignored;
    socket_.close(ignored);
    JoinServer* server = std::exchange(server_, nullptr);
    if (server == nullptr) return;
    leave(*server);
    server->sessions_.erase(shared_from_this());
  }

  // As end(), by the server, which forgets it itself.
  void abandon() {
    JoinServer* server = std::exchange(server_, nullptr);
    if (server != nullptr) leave(*server);
    end();
  }

 private:
  void wait() {
    socket_.async_wait(stream_descriptor::wait_read, [self = shared_from_this()](const error_code& failed) {
      if (!failed && self->server_ != nullptr) self->readable();
    });
  }

  void limit_time() {
    timer_.expires_after(server_->answer_limit_);
    timer_.async_wait([self = shared_from_this()](const error_code& failed) {
      if (!failed) self->end();
    });
  }

  void readable() {
    if (is_refused_) return discard_message(socket_.native_handle()) ? wait() : end();
    if (is_stranger_) return turn_away();  // without looking at what it sent
    auto message = receive_join(socket_.native_handle());
    if (!message && message.error().code == EAGAIN) return wait();
    if (!message && (message.error().code == ESHUTDOWN || message.error().code == ECONNRESET)) return end();
    if (member_)
      return refuse(Error{EPROTO, "the replica has joined already; it asks once for each connection"});
    if (!message) return refuse(message.error());
    if (Result<void> joined = join(*message); !joined) return refuse(joined.error());
    timer_.cancel();
    wait();
  }

  void turn_away() {
    if (!discard_message(socket_.native_handle())) return end();
    refuse(Error{EACCES, "nothing is allowed to user " + std::to_string(peer_.uid) +
                             "; in bmcd's configuration: paxos-allow = [\"uid=" + std::to_string(peer_.uid) +
                             ",ports=7400-7409\"]"});
  }

  Result<void> join(const JoinMessage& message) {
    const Applicant applicant{peer_, message.request, message.socket.get()};
    if (Result<void> good = server_->admission_.check(peer_.uid, applicant.request, applicant.socket); !good)
      return good;
    auto grant = server_->membership_.join(applicant);
    if (!grant) return std::move(grant).error();
    member_ = applicant.address();
    granted_ = grant->reply;
    ++server_->granted_;
    spdlog::info("replica {} of pid {}, user {}, has joined", to_string(to_endpoint(*member_)), peer_.pid,
                 peer_.uid);
    return send_reply(socket_.native_handle(), grant->reply, grant->descriptors);
  }

  // Then it may read that and close: a socket closed with something unread takes our answer with it.
  void refuse(const Error& error) {
    leave(*server_);
    is_refused_ = true;
    ++server_->refused_;
    server_->told_refusal(peer_, error.what);
    if (Result<void> sent = send_reply(socket_.native_handle(), refusal(error)); !sent) return end();
    ::shutdown(socket_.native_handle(), SHUT_WR);
    limit_time();
    wait();
  }

  void leave(JoinServer& server) {
    const auto member = std::exchange(member_, std::nullopt);
    if (!member) return;
    server.membership_.leave(*member);
    spdlog::info("replica {} of pid {} has left", to_string(to_endpoint(*member)), peer_.pid);
  }

  JoinServer* server_;  // null: ended
  stream_descriptor socket_;
  boost::asio::steady_timer timer_;
  const ucred peer_;
  const bool is_stranger_;
  bool is_refused_ = false;
  std::optional<paxos_address> member_;
  paxos_join_reply granted_ = {};  // only with member_
};

JoinServer::JoinServer(boost::asio::io_context& loop, const Admission& admission, Membership& membership,
                       std::chrono::milliseconds answer_limit)
    : loop_(loop),
      admission_(admission),
      membership_(membership),
      answer_limit_(answer_limit),
      acceptor_(loop),
      retry_(loop) {}

JoinServer::~JoinServer() { stop(); }

Result<void> JoinServer::listen(const std::string& path) {
  auto listener = UnixListener::open({path, "--paxos-socket", SOCK_SEQPACKET, 0666, 64});
  if (!listener) return std::move(listener).error();
  listener_ = *std::move(listener);
  acceptor_.assign(listener_.release());
  wait();
  return {};
}

void JoinServer::stop() {
  life_.end();
  error_code ignored;
  acceptor_.close(ignored);
  retry_.cancel();
  listener_.close();
  for (const auto& session : std::exchange(sessions_, {})) session->abandon();
}

void JoinServer::wait() {
  acceptor_.async_wait(stream_descriptor::wait_read, life_.guard([this](const error_code& failed) {
    if (!failed) accept_all();
  }));
}

void JoinServer::accept_all() {
  for (int i = 0; i < kAcceptsAtOnce; i++) {
    Fd socket(::accept4(acceptor_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (socket) {
      accept(std::move(socket));
      continue;
    }
    if (errno == EAGAIN || errno == ECONNABORTED) return wait();
    // Of descriptors or memory there is none: they become free without telling us.
    spdlog::warn("cannot accept a replica's connection: {}", std::strerror(errno));
    retry_.expires_after(std::chrono::milliseconds(100));
    retry_.async_wait(life_.guard([this](const error_code& failed) {
      if (!failed) wait();
    }));
    return;
  }
  wait();
}

void JoinServer::accept(Fd socket) {
  ucred peer = {};
  socklen_t bytes = sizeof peer;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &bytes) != 0) return;
  const bool is_stranger = !admission_.knows(peer.uid);
  const auto of_same = std::ranges::count_if(sessions_, [&](const auto& each) {
    return is_stranger ? each->is_stranger() : each->peer().uid == peer.uid;
  });
  if (static_cast<std::size_t>(of_same) >= (is_stranger ? kConnectionsOfStrangers : kConnectionsPerUser)) {
    ++refused_;
    return told_refusal(peer, "too many connections");
  }
  const auto session = std::make_shared<Session>(*this, std::move(socket), peer, is_stranger);
  sessions_.insert(session);
  session->start();
}

// Once a second at most: everybody may connect, and the log is not his to fill.
void JoinServer::told_refusal(const ucred& peer, const std::string& why) {
  const auto now = std::chrono::steady_clock::now();
  if (now - logged_at_ < std::chrono::seconds(1)) return;
  logged_at_ = now;
  spdlog::warn("a replica of pid {}, user {}, is refused: {}", peer.pid, peer.uid, why);
}

void JoinServer::tell(const paxos_address& address, std::uint32_t offloads) {
  const auto found =
      std::ranges::find_if(sessions_, [&](const auto& each) { return each->is_member(address); });
  if (found == sessions_.end()) return;
  const auto session = *found;  // it may end by this
  session->tell(offloads);
}

}  // namespace bmc::paxos::host
