// SPDX-License-Identifier: Apache-2.0
// The control socket: framing, requests and answers, and whatever a hostile peer may send.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <random>
#include <thread>

#include "control-plane/control_client.h"
#include "control-plane/control_frame.h"
#include "control-plane/control_server.h"

namespace bmc {
namespace {

TEST(ControlFrame, HeaderIsLittleEndianAndBounded) {
  EXPECT_EQ(*decode_frame_header({0, 0, 0, 0}), 0u);
  EXPECT_EQ(*decode_frame_header({1, 2, 3, 0}), 0x030201u);
  EXPECT_EQ(*decode_frame_header({0, 0, 0x10, 0}), kFrameBytesMax);
  EXPECT_FALSE(decode_frame_header({1, 0, 0x10, 0}));
  EXPECT_FALSE(decode_frame_header({0xff, 0xff, 0xff, 0xff}));
}

TEST(ControlFrame, RefusesToSendMoreThanItWouldTake) {
  control::Request request;
  request.mutable_get()->set_key(std::string(kFrameBytesMax, 'k'));
  const auto frame = encode_frame(request);
  ASSERT_FALSE(frame);
  EXPECT_EQ(frame.error().code, EMSGSIZE);
  request.mutable_get()->set_key("abc");
  const auto good = encode_frame(request);
  ASSERT_TRUE(good);
  EXPECT_EQ(good->size(), kFrameHeaderBytes + request.ByteSizeLong());
  EXPECT_EQ(static_cast<unsigned char>((*good)[0]), request.ByteSizeLong());
}

// A server on a loop in a thread of its own, which answers `get` with the key, `stats` with too much.
class ControlSocket : public testing::Test {
 protected:
  ControlSocket() : path_("/tmp/bmc_control_test_" + std::to_string(::getpid()) + "/control.sock") {}

  void SetUp() override {
    const auto listening = server_.listen(path_);
    ASSERT_TRUE(listening) << listening.error().what;
    thread_ = std::thread([this] {
      const auto work = boost::asio::make_work_guard(loop_);
      loop_.run();
    });
  }

  void TearDown() override {
    boost::asio::post(loop_, [this] {
      server_.stop();
      loop_.stop();
    });
    if (thread_.joinable()) thread_.join();
    struct stat status = {};
    EXPECT_NE(::lstat(path_.c_str(), &status), 0) << "the socket was left behind";
    ::rmdir(path_.substr(0, path_.rfind('/')).c_str());
  }

  ControlAnswer answer(const control::Request& request) {
    control::Response response;
    if (request.has_get()) response.mutable_get()->add_entries()->set_value(request.get().key());
    if (request.has_stats())
      response.mutable_stats()->add_stats()->set_value(std::string(kFrameBytesMax, 'x'));
    return {response, [this] { ++sent_; }};
  }

  // A connection whose bytes the test decides.
  Fd raw() {
    Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, path_.c_str());
    if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return {};
    const timeval limit = {5, 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return fd;
  }

  static void send(const Fd& fd, const std::string& bytes) {
    ASSERT_EQ(::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  }

  // Whether the server closed the connection (within the receive timeout) and said nothing.
  static bool closed(const Fd& fd) {
    char byte;
    const ssize_t received = ::recv(fd.get(), &byte, 1, 0);
    return received == 0 || (received < 0 && errno == ECONNRESET);
  }

  bool still_answers() {
    auto client = ControlClient::connect(path_);
    control::Request request;
    request.mutable_get()->set_key("k");
    if (!client) return false;
    const auto response = client->ask(request);
    return response && response->get().entries_size() == 1 && response->get().entries(0).value() == "k";
  }

  std::string path_;
  boost::asio::io_context loop_;
  ControlServer server_{loop_, [this](const control::Request& request) { return answer(request); }};
  std::thread thread_;
  std::atomic<int> sent_ = 0;
};

TEST_F(ControlSocket, IsPrivateToItsGroup) {
  struct stat status = {};
  ASSERT_EQ(::lstat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0660u);
}

TEST_F(ControlSocket, AnswersSeveralRequestsOfOneConnection) {
  auto client = ControlClient::connect(path_);
  ASSERT_TRUE(client);
  for (int i = 0; i < 3; ++i) {
    control::Request request;
    request.mutable_get()->set_key(std::string(1, static_cast<char>('a' + i)));
    const auto response = client->ask(request);
    ASSERT_TRUE(response) << response.error().what;
    EXPECT_EQ(response->get().entries(0).value(), request.get().key());
  }
  EXPECT_TRUE(still_answers());
}

TEST_F(ControlSocket, TooLargeAnswerBecomesAnError) {
  auto client = ControlClient::connect(path_);
  control::Request request;
  request.mutable_stats();
  const auto response = client->ask(request);
  ASSERT_TRUE(response);
  EXPECT_EQ(response->code(), static_cast<std::uint32_t>(EMSGSIZE));
}

TEST_F(ControlSocket, RequestInSingleBytesIsARequest) {
  control::Request request;
  request.mutable_get()->set_key("slow");
  const std::string frame = *encode_frame(request);
  const Fd fd = raw();
  for (const char byte : frame) send(fd, std::string(1, byte));
  FrameHeader header;
  ASSERT_EQ(::recv(fd.get(), header.data(), header.size(), MSG_WAITALL), 4);
  EXPECT_GT(*decode_frame_header(header), 4u);
}

TEST_F(ControlSocket, HostileBytesCloseOnlyTheirOwnConnection) {
  const std::string hostile[] = {
      std::string("\xff\xff\xff\xff", 4),              // a length beyond the limit
      std::string("\x01\x00\x10\x00", 4),              // one byte beyond it
      std::string("\x03\x00\x00\x00\xff\xff\xff", 7),  // no protobuf
      std::string("\x02\x00\x00\x00\x1a\x7f", 6),      // a field longer than the message
      "GET / HTTP/1.1\r\n\r\n",
      "stats\r\n",
  };
  for (const std::string& bytes : hostile) {
    const Fd fd = raw();
    ASSERT_TRUE(fd);
    send(fd, bytes);
    EXPECT_TRUE(closed(fd)) << bytes;
    EXPECT_TRUE(still_answers()) << bytes;
  }
}

TEST_F(ControlSocket, ConnectionsCutShortAnywhereDoNoHarm) {
  control::Request request;
  request.mutable_get()->set_key("a key");
  const std::string frame = *encode_frame(request);
  for (std::size_t cut = 0; cut <= frame.size(); ++cut) {
    const Fd fd = raw();
    ASSERT_TRUE(fd);
    if (cut > 0) send(fd, frame.substr(0, cut));
  }
  EXPECT_TRUE(still_answers());
}

TEST_F(ControlSocket, RandomBytesDoNoHarm) {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    std::string bytes(4 + random() % 64, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    // Half of them with a length that fits, so that the body is read too.
    if (round % 2 == 0) {
      const auto length = static_cast<std::uint32_t>(bytes.size() - 4);
      std::memcpy(bytes.data(), &length, 4);
    }
    const Fd fd = raw();
    ASSERT_TRUE(fd);
    send(fd, bytes);
  }
  EXPECT_TRUE(still_answers());
}

TEST_F(ControlSocket, MoreConnectionsThanAllowedAreRefused) {
  std::vector<Fd> open;
  for (std::size_t i = 0; i < ControlServer::kSessionsMax; ++i) {
    open.push_back(raw());
    // Wait until it was accepted: it answers.
    control::Request request;
    request.mutable_get()->set_key("k");
    send(open.back(), *encode_frame(request));
    FrameHeader header;
    ASSERT_EQ(::recv(open.back().get(), header.data(), header.size(), MSG_WAITALL), 4) << i;
  }
  EXPECT_TRUE(closed(raw()));
  open.pop_back();
  // The place is free once the server has noticed; until then it refuses.
  bool answered = false;
  for (int attempt = 0; attempt < 1000 && !answered; ++attempt) answered = still_answers();
  EXPECT_TRUE(answered);
}

TEST_F(ControlSocket, StaleSocketIsReplacedALivingOneIsNot) {
  boost::asio::io_context loop;
  ControlServer second(loop, [](const control::Request&) { return ControlAnswer{}; });
  const auto refused = second.listen(path_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, EADDRINUSE);
  EXPECT_TRUE(still_answers());
  // As kill -9 leaves it: bound, and nobody there.
  const std::string stale = path_ + ".stale";
  {
    Fd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, stale.c_str());
    ASSERT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  EXPECT_TRUE(second.listen(stale));
  second.stop();
}

TEST_F(ControlSocket, AFileInItsPlaceIsNotRemoved) {
  const std::string path = path_ + ".file";
  { const Fd file(::open(path.c_str(), O_CREAT | O_WRONLY, 0600)); }
  boost::asio::io_context loop;
  ControlServer second(loop, [](const control::Request&) { return ControlAnswer{}; });
  EXPECT_FALSE(second.listen(path));
  EXPECT_EQ(::unlink(path.c_str()), 0);
}

TEST(ControlClient, SaysThatNobodyRuns) {
  const auto client = ControlClient::connect("/tmp/bmc_no_such.sock");
  ASSERT_FALSE(client);
  EXPECT_NE(client.error().what.find("bmcd is not running"), std::string::npos);
  EXPECT_NE(client.error().what.find("systemctl start bmcd"), std::string::npos);
}

}  // namespace
}  // namespace bmc
