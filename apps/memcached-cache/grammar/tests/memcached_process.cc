// SPDX-License-Identifier: Apache-2.0
// See memcached_process.h.
#include "apps/memcached-cache/grammar/tests/memcached_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

namespace bmc::grammar_test {
namespace {

constexpr int kTimeoutMs = 10000;

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

// A file descriptor that closes itself.
class Fd {
 public:
  explicit Fd(int fd, const char* what) : fd_(fd) {
    if (fd_ < 0) fail(what);
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { close(fd_); }
  int get() const { return fd_; }

 private:
  int fd_;
};

void run_memcached(const std::string& directory) {
  const std::string socket = directory + "/socket";
  const std::string pid = directory + "/pid";
  const int null = open("/dev/null", O_RDWR);
  dup2(null, STDIN_FILENO);
  dup2(null, STDOUT_FILENO);
  dup2(null, STDERR_FILENO);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  execlp("memcached", "memcached", "-s", socket.c_str(), "-P", pid.c_str(), "-u", "root", "-m", "64", "-t",
         "1", static_cast<char*>(nullptr));
  _exit(127);
}

}  // namespace

MemcachedProcess::MemcachedProcess() {
  std::string name = "/tmp/bmc-grammar-XXXXXX";
  if (!mkdtemp(name.data())) fail("mkdtemp");
  directory_ = name;
  const Fd watch(inotify_init1(IN_CLOEXEC), "inotify");
  if (inotify_add_watch(watch.get(), directory_.c_str(), IN_MOVED_TO) < 0) fail("inotify");
  pid_ = fork();
  if (pid_ < 0) fail("fork");
  if (pid_ == 0) run_memcached(directory_);
  // The pid file is renamed to its place once the socket listens.
  pollfd ready = {watch.get(), POLLIN, 0};
  if (poll(&ready, 1, kTimeoutMs) != 1) fail("memcached did not start");
}

MemcachedProcess::~MemcachedProcess() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  for (const char* file : {"/socket", "/pid"}) unlink((directory_ + file).c_str());
  rmdir(directory_.c_str());
}

std::string MemcachedProcess::exchange(std::string_view request, std::size_t piece) const {
  const Fd connection(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  const std::string path = directory_ + "/socket";
  std::memcpy(address.sun_path, path.data(), path.size());
  if (connect(connection.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) fail("connect");
  while (!request.empty()) {
    const ssize_t sent =
        send(connection.get(), request.data(), std::min(piece, request.size()), MSG_NOSIGNAL);
    if (sent < 0) break;  // memcached closed: what it said before counts
    request.remove_prefix(static_cast<std::size_t>(sent));
  }
  shutdown(connection.get(), SHUT_WR);
  std::string reply;
  char buffer[65536];
  for (;;) {
    pollfd ready = {connection.get(), POLLIN, 0};
    if (poll(&ready, 1, kTimeoutMs) != 1) fail("memcached does not answer");
    const ssize_t got = recv(connection.get(), buffer, sizeof(buffer), 0);
    if (got <= 0) return reply;  // a reset, too, ends what memcached had to say
    reply.append(buffer, static_cast<std::size_t>(got));
  }
}

}  // namespace bmc::grammar_test
