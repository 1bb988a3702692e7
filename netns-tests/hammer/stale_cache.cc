// SPDX-License-Identifier: Apache-2.0
// See stale_cache.h.
#include "netns-tests/hammer/stale_cache.h"

#include <sys/socket.h>

#include <utility>

#include "netns-tests/lib/lab_error.h"

namespace bmc::hammer {
namespace {

constexpr double kNowAndThen = 0.002;

int64_t keep_ns(Defect defect) {
  if (defect == Defect::kStale) return 50 * lab::kMillisecond;
  return defect == Defect::kBlink ? 3 * lab::kMillisecond : 0;
}

lab::Fd open_server_socket(const lab::Netns& netns, uint16_t port) {
  const lab::ScopedNetns inside(netns);
  lab::Fd socket(lab::checked(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0), "proxy socket"));
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  lab::checked(bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), "bind proxy");
  return socket;
}

}  // namespace

StaleCache::StaleCache(const lab::Netns& netns, uint16_t port, const lab::Endpoint& memcached, Defect defect,
                       uint64_t seed)
    : socket_(open_server_socket(netns, port)), memcached_(netns, memcached), defect_(defect), random_(seed) {
  thread_ = std::thread([this] { loop(); });
}

StaleCache::~StaleCache() {
  stop_ = true;
  thread_.join();
}

void StaleCache::loop() {
  char buffer[2048];
  while (!stop_) {
    if (!lab::wait_fd(socket_.get(), POLLIN, lab::Deadline::in_ms(20))) continue;
    sockaddr_in6 client{};
    socklen_t length = sizeof(client);
    const ssize_t got = recvfrom(socket_.get(), buffer, sizeof(buffer), MSG_DONTWAIT,
                                 reinterpret_cast<sockaddr*>(&client), &length);
    if (got <= 8) continue;
    const std::string header(buffer, 8);
    const std::string reply = answer(std::string(buffer + 8, static_cast<size_t>(got) - 8));
    if (reply.empty()) continue;
    const std::string datagram = header + reply;
    sendto(socket_.get(), datagram.data(), datagram.size(), 0, reinterpret_cast<sockaddr*>(&client), length);
  }
}

std::string StaleCache::answer(const std::string& text) {
  const int64_t now = lab::now_ns();
  const auto found = kept_.find(text);
  if (found != kept_.end() && now - found->second.since_ns < keep_ns(defect_)) return found->second.reply;
  const auto reply = memcached_.request_until(text, "END\r\n", 200);
  if (!reply) return "";
  if (keep_ns(defect_) != 0) kept_[text] = {*reply, now};
  return spoil(*reply);
}

std::string StaleCache::spoil(std::string reply) {
  if (!random_.chance(kNowAndThen)) {
    if (reply != "END\r\n") last_ = reply;
    return reply;
  }
  const size_t data = reply.find("\r\n");
  if (defect_ == Defect::kForgetful) return "END\r\n";
  if (defect_ == Defect::kWrongKey && !last_.empty()) return last_;
  if (defect_ == Defect::kMangle && reply.starts_with("VALUE key:")) reply[data + 3 + random_.below(8)] ^= 1;
  return reply;
}

}  // namespace bmc::hammer
