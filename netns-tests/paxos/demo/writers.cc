// SPDX-License-Identifier: Apache-2.0
// See writers.h.
#include "netns-tests/paxos/demo/writers.h"

#include <algorithm>

#include "netns-tests/paxos/nemesis/kv_connection.h"

namespace bmc::demo {
namespace {

using nemesis::KvConnection;

constexpr std::int64_t kTimeoutMs = 3000;
constexpr std::size_t kKeysAtOnce = 50;

}  // namespace

Writers::Writers(const cluster::KvCluster& cluster, std::size_t count) : cluster_(cluster) {
  for (std::size_t i = 0; i < count; ++i) {
    writers_.push_back(std::make_unique<Writer>());
    writers_.back()->number = i;
  }
  for (auto& writer : writers_) threads_.emplace_back([this, &writer] { write(*writer); });
}

Writers::~Writers() { stop(); }

void Writers::stop() {
  stop_ = true;
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

// Stays with a replica as long as that answers, then goes to the next.
void Writers::write(Writer& writer) {
  std::optional<KvConnection> connection;
  for (std::size_t replica = writer.number; !stop_; ++replica) {
    connection = KvConnection::open(cluster_.mesh().clients(),
                                    cluster_.client_endpoint(replica % cluster_.size()), kTimeoutMs);
    while (connection && connection->usable() && !stop_) {
      nemesis::Operation set;
      set.action = nemesis::Action::kSet;
      set.key = key_of(writer, writer.writes.size());
      set.value = value_of(writer.writes.size());
      if (!connection->carry_out(set)) continue;
      const bool done = set.outcome == nemesis::Outcome::kDone;
      const std::lock_guard lock(writer.mutex);
      writer.writes.push_back({set.invoked_ns, done ? set.returned_ns : 0});
      acknowledged_ += done;
    }
    if (!connection) lab::wait_until_ns(lab::now_ns() + lab::kMillisecond);
  }
}

std::vector<std::int64_t> Writers::acknowledgements(std::int64_t from_ns, std::int64_t to_ns) const {
  std::vector<std::int64_t> all;
  for (const auto& writer : writers_) {
    const std::lock_guard lock(writer->mutex);
    for (const Write& write : writer->writes)
      if (write.acknowledged_ns >= std::max<std::int64_t>(from_ns, 1) && write.acknowledged_ns <= to_ns)
        all.push_back(write.acknowledged_ns);
  }
  std::sort(all.begin(), all.end());
  return all;
}

bool Writers::wait_for_service(lab::Deadline deadline) const {
  const std::int64_t asked_ns = lab::now_ns();
  return lab::eventually(deadline, [&] {
    return std::any_of(writers_.begin(), writers_.end(), [&](const auto& writer) {
      const std::lock_guard lock(writer->mutex);
      const auto& writes = writer->writes;
      return !writes.empty() && writes.back().sent_ns >= asked_ns && writes.back().acknowledged_ns != 0;
    });
  });
}

std::uint64_t Writers::unknown() const {
  std::uint64_t sum = 0;
  for (const auto& writer : writers_)
    for (const Write& write : writer->writes) sum += write.acknowledged_ns == 0;
  return sum;
}

// Many keys in a request; where the answer is not what it should be, one by one.
std::vector<std::string> Writers::lost(std::size_t replica) const {
  lab::TcpClient socket(cluster_.mesh().clients(), cluster_.client_endpoint(replica));
  std::vector<std::string> missing;
  for (const auto& writer : writers_)
    for (std::size_t i = 0; i < writer->writes.size(); i += kKeysAtOnce) {
      const std::size_t end = std::min(i + kKeysAtOnce, writer->writes.size());
      if (tells(socket, *writer, i, end)) continue;
      for (std::size_t one = i; one < end; ++one)
        if (!tells(socket, *writer, one, one + 1)) missing.push_back(key_of(*writer, one));
    }
  return missing;
}

bool Writers::tells(lab::TcpClient& socket, const Writer& writer, std::size_t begin, std::size_t end) {
  std::string request = "get", expected;
  for (std::size_t i = begin; i < end; ++i) {
    if (writer.writes[i].acknowledged_ns == 0) continue;
    const std::string key = key_of(writer, i), value = value_of(i);
    request += " " + key;
    expected += "VALUE " + key + " 0 " + std::to_string(value.size()) + "\r\n" + value + "\r\n";
  }
  return expected.empty() || socket.get(request + "\r\n") == expected + "END\r\n";
}

std::string Writers::key_of(const Writer& writer, std::size_t number) {
  return "writer" + std::to_string(writer.number) + ":" + std::to_string(number);
}

std::string Writers::value_of(std::size_t number) { return "value " + std::to_string(number); }

}  // namespace bmc::demo
