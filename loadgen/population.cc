// SPDX-License-Identifier: Apache-2.0
#include "loadgen/population.h"

#include <sys/socket.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "control-plane/fd.h"
#include "loadgen/sockets.h"

namespace bmc::loadgen {
namespace {

constexpr std::uint32_t kKeysPerGet = 100;
constexpr std::size_t kSendBytes = 65536;

// A blocking connection with a time limit on every call.
class Connection {
 public:
  static Result<Connection> open(const IpAddress& server, std::uint16_t port) {
    auto socket = connect_tcp(server, port);
    if (!socket) return socket.error();
    return Connection(*std::move(socket));
  }

  Result<void> send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (sent < 0) return errno_error("sending to memcached");
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return {};
  }

  // Receives until the last bytes are `end`. Values of a workload never hold a whole line "END".
  Result<std::string> receive_until(std::string_view end) {
    std::string text;
    while (text.size() < end.size() || text.compare(text.size() - end.size(), end.size(), end) != 0) {
      char buffer[65536];
      const ssize_t got = ::recv(socket_.get(), buffer, sizeof buffer, 0);
      if (got < 0) return errno_error("waiting for memcached's reply");
      if (got == 0) return Error{ECONNRESET, "memcached closed the connection"};
      text.append(buffer, static_cast<std::size_t>(got));
    }
    return text;
  }

 private:
  explicit Connection(Fd socket) : socket_(std::move(socket)) {}
  Fd socket_;
};

void append_set(std::string& out, const Workload& workload, std::uint32_t index, bool reply) {
  out += "set " + workload.key(index) + " " + std::to_string(workload.options().flags) + " 0 " +
         std::to_string(workload.data_size(index)) + (reply ? "\r\n" : " noreply\r\n") +
         workload.value(index) + "\r\n";
}

// Compares the answer to a get of keys [first, last) with what it should be; missing keys may be left out.
void compare(const Workload& workload, std::uint32_t first, std::uint32_t last, std::string_view answer,
             PopulationCheck& check) {
  for (std::uint32_t index = first; index < last; ++index) {
    const std::string record = workload.record(index);
    if (answer.substr(0, record.size()) == record) {
      check.right++;
      answer.remove_prefix(record.size());
      continue;
    }
    const std::string line = "VALUE " + workload.key(index) + " ";
    if (answer.substr(0, line.size()) != line) {
      check.missing++;
      continue;
    }
    check.wrong++;
    const std::size_t next =
        index + 1 < last ? answer.find("VALUE " + workload.key(index + 1) + " ") : answer.npos;
    answer.remove_prefix(std::min(next, answer.size()));
  }
}

}  // namespace

Result<void> populate(const IpAddress& server, std::uint16_t port, const Workload& workload,
                      const std::stop_token& stop) {
  auto connection = Connection::open(server, port);
  if (!connection) return connection.error();
  const std::uint32_t end = workload.options().key_minimum + workload.options().key_count;
  std::string batch;
  for (std::uint32_t index = workload.options().key_minimum; index < end; ++index) {
    append_set(batch, workload, index, index + 1 == end);
    if (batch.size() < kSendBytes && index + 1 < end) continue;
    if (stop.stop_requested()) return Error{ECANCELED, "interrupted while storing the keys"};
    if (auto sent = connection->send(batch); !sent) return sent.error();
    batch.clear();
  }
  auto answer = connection->receive_until("\r\n");
  if (!answer) return answer.error();
  if (*answer != "STORED\r\n")
    return Error{EIO, "memcached refused to store: " + answer->substr(0, answer->find('\r'))};
  return {};
}

Result<PopulationCheck> verify_population(const IpAddress& server, std::uint16_t port,
                                          const Workload& workload, const std::stop_token& stop) {
  auto connection = Connection::open(server, port);
  if (!connection) return connection.error();
  const std::uint32_t end = workload.options().key_minimum + workload.options().key_count;
  PopulationCheck check;
  for (std::uint32_t first = workload.options().key_minimum; first < end; first += kKeysPerGet) {
    const std::uint32_t last = std::min(end, first + kKeysPerGet);
    if (stop.stop_requested()) return Error{ECANCELED, "interrupted while reading the keys back"};
    std::string request = "get";
    for (std::uint32_t index = first; index < last; ++index) request += " " + workload.key(index);
    if (auto sent = connection->send(request + "\r\n"); !sent) return sent.error();
    auto answer = connection->receive_until("END\r\n");
    if (!answer) return answer.error();
    compare(workload, first, last, *answer, check);
  }
  return check;
}

}  // namespace bmc::loadgen
