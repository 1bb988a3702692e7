// SPDX-License-Identifier: Apache-2.0
// The cache in a network namespace of its own; see cache_app_fixture.h.
#include "apps/memcached-cache/daemon/tests/cache_app_fixture.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/steady_timer.hpp>

#include "apps/memcached-cache/daemon/reply_reader.h"
#include "control-plane/bpf_object.h"
#include "control-plane/removal.h"

namespace bmc::cache::test {
void CacheAppFixture::SetUpTestSuite() {
  static bool done = false;
  if (std::exchange(done, true)) return;
  route_bpf_messages_to_log();
  ASSERT_EQ(::unshare(CLONE_NEWNET), 0) << "root is needed";
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request = {};
  std::strncpy(request.ifr_name, "lo", sizeof request.ifr_name);
  request.ifr_flags = IFF_UP;
  ASSERT_EQ(::ioctl(socket.get(), SIOCSIFFLAGS, &request), 0);
}

void CacheAppFixture::SetUp() {
  config_.ifaces = {"lo"};
  config_.memory_bytes = 16 << 20;
  config_.pin = "/sys/fs/bpf/bmc-cache-test-" + std::to_string(::getpid());
  udp_ = Fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  // The loopback interface leaves checksums unfinished, and XDP lets those pass: have none.
  const int yes = 1;
  ASSERT_EQ(::setsockopt(udp_.get(), SOL_SOCKET, SO_NO_CHECK, &yes, sizeof yes), 0);
}

void CacheAppFixture::TearDown() {
  stop_app();
  const Removal removed = remove_everything(config_.pin);
  EXPECT_FALSE(removed.error) << removed.error->what;
  EXPECT_EQ(failure_, "");
}

void CacheAppFixture::start_app(const Endpoint& server) {
  config_.servers.clear();
  if (server.port != 0) config_.servers.push_back(server);
  Result<Pins> pins = Pins::open(config_.pin, kAbiVersion);
  ASSERT_TRUE(pins) << pins.error().what;
  pins_.emplace(*std::move(pins));
  interfaces_.emplace(loop_);
  ASSERT_TRUE(interfaces_->start());
  app_ = make_cache_app(
      {loop_, config_, *pins_, *interfaces_, [this](const Error& error) { failure_ = error.what; }});
  const Result<void> started = app_->start();
  ASSERT_TRUE(started) << started.error().what;
}

void CacheAppFixture::stop_app() {
  if (app_) app_->stop();
  app_.reset();
  interfaces_.reset();
  pins_.reset();
}

bool CacheAppFixture::run(const std::function<bool()>& done, std::chrono::milliseconds limit) {
  const auto give_up = std::chrono::steady_clock::now() + limit;
  while (!done()) {
    if (std::chrono::steady_clock::now() >= give_up) return false;
    loop_.restart();
    loop_.run_one_for(std::chrono::milliseconds(20));
  }
  return true;
}

void CacheAppFixture::pass(std::chrono::milliseconds time) {
  loop_.restart();
  loop_.run_for(time);
}

control::Response CacheAppFixture::ask(const control::Request& request) {
  Result<control::Response> response = app_->control(request);
  EXPECT_TRUE(response) << response.error().what;
  return response ? *response : control::Response();
}

std::string CacheAppFixture::server_state() {
  control::Request request;
  request.mutable_status();
  const control::Response response = ask(request);
  return response.status().servers_size() == 1 ? response.status().servers(0).state() : "";
}

std::string CacheAppFixture::state_of(const std::string& key, control::Entry* entry) {
  control::Request request;
  request.mutable_get()->set_key(key);
  const control::Response response = ask(request);
  if (response.get().entries_size() != 1) return {};
  if (entry != nullptr) *entry = response.get().entries(0);
  return response.get().entries(0).state();
}

std::uint64_t CacheAppFixture::statistic(const std::string& name) {
  control::Request request;
  request.mutable_stats();
  const control::Response response = ask(request);
  for (const control::Field& field : response.stats().stats())
    if (field.name() == name) return static_cast<std::uint64_t>(*parse_number(field.value()));
  ADD_FAILURE() << "no statistic " << name;
  return 0;
}

void CacheAppFixture::udp_send(std::uint16_t port, const std::string& command) {
  request_id_++;
  const std::string frame = {
      static_cast<char>(request_id_ >> 8), static_cast<char>(request_id_), 0, 0, 0, 1, 0, 0};
  const std::string datagram = frame + command + "\r\n";
  const sockaddr_in to = loopback(port);
  ASSERT_EQ(::sendto(udp_.get(), datagram.data(), datagram.size(), 0, reinterpret_cast<const sockaddr*>(&to),
                     sizeof to),
            static_cast<ssize_t>(datagram.size()));
}

std::string CacheAppFixture::udp_get(std::uint16_t port, const std::string& key) {
  udp_send(port, "get " + key);
  std::string reply;
  const bool came = run(
      [&] {
        char buffer[2048];
        const ssize_t bytes = ::recv(udp_.get(), buffer, sizeof buffer, MSG_DONTWAIT);
        if (bytes < 8) return false;
        const auto id = static_cast<std::uint16_t>(static_cast<unsigned char>(buffer[0]) << 8 |
                                                   static_cast<unsigned char>(buffer[1]));
        if (id != request_id_) return false;
        reply.assign(buffer + 8, static_cast<std::size_t>(bytes) - 8);
        return true;
      },
      std::chrono::seconds(1));
  if (!came || reply == "END\r\n") return {};
  const std::size_t begin = reply.find("\r\n") + 2;
  return reply.substr(begin, reply.rfind("\r\nEND\r\n") - begin);
}

}  // namespace bmc::cache::test
