// SPDX-License-Identifier: Apache-2.0
// Asking a running bmcd; see control_client.h.
#include "control-plane/control_client.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "control-plane/control_frame.h"

namespace bmc {
namespace {

Error explain_connect(const std::string& path, int code) {
  if (code == ENOENT)
    return Error{code, "bmcd is not running: no socket at " + path + "; start it with: systemctl start bmcd"};
  if (code == ECONNREFUSED)
    return Error{code,
                 "bmcd is not running: nobody listens at " + path + "; start it with: systemctl start bmcd"};
  if (code == EACCES || code == EPERM)
    return Error{code, "no permission for " + path + "; run this as root, or join the socket's group"};
  return errno_error("cannot connect to " + path, code);
}

Error explain_transfer(int code) {
  if (code == EAGAIN || code == EWOULDBLOCK)
    return Error{ETIMEDOUT,
                 "bmcd does not answer; `systemctl status bmcd` and `journalctl -u bmcd` tell more"};
  return errno_error("the connection to bmcd failed", code);
}

Result<void> send_all(int socket, const std::string& bytes) {
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t sent = ::send(socket, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return explain_transfer(errno);
    done += static_cast<std::size_t>(sent);
  }
  return {};
}

Result<void> receive_all(int socket, void* target, std::size_t bytes) {
  for (std::size_t done = 0; done < bytes;) {
    const ssize_t received = ::recv(socket, static_cast<char*>(target) + done, bytes - done, 0);
    if (received < 0 && errno == EINTR) continue;
    if (received < 0) return explain_transfer(errno);
    if (received == 0) return Error{ECONNRESET, "bmcd closed the connection"};
    done += static_cast<std::size_t>(received);
  }
  return {};
}

}  // namespace

Result<ControlClient> ControlClient::connect(const std::string& path, std::chrono::milliseconds timeout) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return Error{ENAMETOOLONG, path + " is too long for a socket"};
  std::memcpy(address.sun_path, path.c_str(), path.size());
  ControlClient client;
  client.socket_ = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!client.socket_) return errno_error("cannot make a socket");
  const timeval limit = {timeout.count() / 1000, timeout.count() % 1000 * 1000};
  for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO})
    if (::setsockopt(client.socket_.get(), SOL_SOCKET, option, &limit, sizeof limit) != 0)
      return errno_error("cannot set a timeout");
  if (::connect(client.socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return explain_connect(path, errno);
  return client;
}

Result<control::Response> ControlClient::ask(const control::Request& request) {
  const auto frame = encode_frame(request);
  if (!frame) return frame.error();
  if (Result<void> sent = send_all(socket_.get(), *frame); !sent) return sent.error();
  FrameHeader header;
  if (Result<void> got = receive_all(socket_.get(), header.data(), header.size()); !got) return got.error();
  const auto length = decode_frame_header(header);
  if (!length) return length.error();
  std::string body(*length, '\0');
  if (Result<void> got = receive_all(socket_.get(), body.data(), body.size()); !got) return got.error();
  control::Response response;
  if (!response.ParseFromString(body))
    return Error{EPROTO, "bmcd's answer is not understood: another version?"};
  return response;
}

}  // namespace bmc
