// SPDX-License-Identifier: Apache-2.0
// See twins.h. How the end of a reply is known: the plain server is asked a barrier behind each step, whose
// reply nothing else can look like; the tested one is asked only where nothing else would tell that a quiet
// command is done, so that it sees the traffic as clients send it.
#include "netns-tests/compare/twins.h"

#include "netns-tests/lib/binary_protocol.h"
#include "netns-tests/lib/lab_error.h"

namespace bmc::compare {
namespace {

constexpr int64_t kReplyLimitMs = 5000;
constexpr int64_t kHangLimitMs = 100;
constexpr int64_t kSceneLimitMs = 15'000;
constexpr const char* kBarrierKey = "~barrier";

lab::MemcachedOptions server_options() {
  // One worker: UDP commands are then executed in the order they were sent. No maintenance threads: whether
  // one holds an item just then decides how a number that gets shorter is stored.
  return {.threads = 1, .extra = {"-o", "no_lru_crawler,no_lru_maintainer"}};
}

std::string frame(uint16_t id, const Step& step) {
  if (step.frame_header.empty()) return lab::udp_frame_header(id);
  return lab::udp_frame_header(id).substr(0, 2) + step.frame_header;
}

std::string joined(const std::vector<lab::Datagram>& datagrams) {
  std::string payload;
  for (const auto& datagram : datagrams) payload += datagram.payload;
  return payload;
}

std::string described(const std::vector<lab::Datagram>& datagrams) {
  std::string text;
  for (const auto& datagram : datagrams)
    text += "[" + std::to_string(datagram.sequence) + " of " + std::to_string(datagram.total) + "] " +
            visible(datagram.payload) + " ";
  return text.empty() ? "(nothing)" : text;
}

bool same_datagrams(const std::vector<lab::Datagram>& left, const std::vector<lab::Datagram>& right) {
  if (left.size() != right.size()) return false;
  for (size_t i = 0; i < left.size(); ++i)
    if (left[i].raw != right[i].raw) return false;
  return true;
}

/// memcached 1.6 answers a get of several keys in several datagrams; one whole datagram with the same text is
/// what a client expects, and what the kernel sends.
bool same_in_one_datagram(const std::vector<lab::Datagram>& plain, const std::vector<lab::Datagram>& tested) {
  return tested.size() == 1 && tested[0].sequence == 0 && tested[0].total == 1 && tested[0].reserved == 0 &&
         tested[0].raw.size() <= 1400 && tested[0].payload == joined(plain);
}

}  // namespace

Twin::Twin() : lab_({.quick_ack = true}), memcached_(lab_.server(), server_options()) {}

void Twin::set_udp_port(uint16_t port) {
  udp_port_ = port;
  for (auto& client : udp_) client.reset();
}

lab::TcpClient& Twin::tcp(Channel channel) {
  auto& client = tcp_[static_cast<size_t>(channel)];
  if (!client) {
    const bool v6 = channel == Channel::kText6 || channel == Channel::kBinary6;
    if (channel == Channel::kTextLoopback) {
      client.emplace(lab_.server(), memcached_.loopback());
    } else {
      client.emplace(lab_.client(), lab_.link().server(v6));
    }
  }
  return *client;
}

lab::UdpClient& Twin::udp(Channel channel) {
  auto& client = udp_[static_cast<size_t>(channel)];
  if (!client) client.emplace(lab_.client(), lab_.link().server(channel == Channel::kUdp6, udp_port_));
  return *client;
}

void Twin::reconnect(Channel channel) { tcp_[static_cast<size_t>(channel)].reset(); }

int64_t Twin::uptime() { return std::stoll(memcached_.stat("uptime")); }

bool Twin::has(const std::string& key) {
  lab::TcpClient client(lab_.server(), memcached_.loopback());
  return client.get("get " + key + "\r\n") != "END\r\n";
}

const std::string& Twins::barrier(Channel channel) {
  ++barriers_;
  last_barrier_ = is_binary(channel)
                      ? lab::encode({.op = lab::BinaryOp::kNoop, .opaque = barriers_})
                      : "md " + std::string(kBarrierKey) + " O" + std::to_string(barriers_) + "\r\n";
  return last_barrier_;
}

std::string Twins::barrier_reply(Channel channel) const {
  if (!is_binary(channel)) return "NF O" + std::to_string(barriers_) + "\r\n";
  std::string reply = lab::encode({.op = lab::BinaryOp::kNoop, .opaque = barriers_});
  reply[0] = static_cast<char>(0x81);
  return reply;
}

std::optional<Difference> Twins::execute(const Step& step) {
  if (step.kind == StepKind::kWaitGone) {
    wait_gone(step.keys);
  } else if (step.kind == StepKind::kWaitTick) {
    wait_tick();
  } else {
    return is_udp(step.channel) ? execute_udp(step) : execute_tcp(step);
  }
  return std::nullopt;
}

void Twins::wait_gone(const std::vector<std::string>& keys) {
  for (Twin* twin : {&plain_, &tested_})
    for (const auto& key : keys)
      if (!lab::eventually(lab::Deadline::in_ms(kSceneLimitMs), [&] { return !twin->has(key); }))
        throw lab::LabError("memcached itself does not lose " + key);
}

void Twins::wait_tick() {
  for (Twin* twin : {&plain_, &tested_}) {
    const int64_t start = twin->uptime();
    lab::eventually(lab::Deadline::in_ms(kSceneLimitMs), [&] { return twin->uptime() >= start + 2; });
  }
}

Twins::TcpReply Twins::plain_tcp(const Step& step) {
  lab::TcpClient& client = plain_.tcp(step.channel);
  client.send_cut(step.bytes, step.cuts, step.mode);
  client.send(barrier(step.channel));
  const int64_t limit = step.may_hang ? kHangLimitMs : kReplyLimitMs;
  const std::string end = barrier_reply(step.channel);
  TcpReply reply;
  if (auto text = client.read_until(end, lab::Deadline::in_ms(limit))) {
    reply.bytes = text->substr(0, text->size() - end.size());
    return reply;
  }
  reply.closed = client.at_end();
  reply.hung = !reply.closed;
  reply.bytes = client.pending();
  return reply;
}

std::optional<Difference> Twins::execute_tcp(const Step& step) {
  const TcpReply plain = plain_tcp(step);
  if (plain.hung && !step.may_hang) throw lab::LabError("plain memcached does not answer");
  lab::TcpClient& client = tested_.tcp(step.channel);
  client.send_cut(step.bytes, step.cuts, step.mode);
  // Of a malformed command the plain server may have taken the barrier as a part: then the tested one gets it
  // too.
  const bool same_barrier = step.may_hang || (step.ends_quiet && !plain.closed);
  if (same_barrier) client.send(last_barrier_);
  std::string tested = client.read_exactly(plain.bytes.size(), lab::Deadline::in_ms(kReplyLimitMs));
  if (same_barrier && !plain.closed && !plain.hung) {
    const std::string end = barrier_reply(step.channel);
    tested += client.read_until(end, lab::Deadline::in_ms(kReplyLimitMs)).value_or("(no barrier)" + end);
    tested.resize(tested.size() - end.size());
  }
  if (plain.closed && !client.wait_end(lab::Deadline::in_ms(kReplyLimitMs))) tested += "(not closed)";
  tested += client.pending();
  if (plain.closed || plain.hung) {
    plain_.reconnect(step.channel);
    tested_.reconnect(step.channel);
  }
  if (tested == plain.bytes) return std::nullopt;
  // A server that closes with requests unread resets the connection: how much of its reply arrives is chance.
  if (plain.closed && (plain.bytes.starts_with(tested) || tested.starts_with(plain.bytes)))
    return std::nullopt;
  return Difference{visible(plain.bytes), visible(tested)};
}

std::vector<lab::Datagram> Twins::collect_until_barrier(Twin& twin, Channel channel, uint16_t id) {
  lab::UdpClient& client = twin.udp(channel);
  const auto barrier_id = static_cast<uint16_t>(id + 1);
  client.send(barrier_id, barrier(channel));
  std::vector<lab::Datagram> datagrams;
  while (auto datagram = client.receive(lab::Deadline::in_ms(kReplyLimitMs))) {
    if (datagram->id == barrier_id && datagram->payload == barrier_reply(channel)) return datagrams;
    datagrams.push_back(std::move(*datagram));
  }
  throw lab::LabError("no answer to a barrier over UDP");
}

std::vector<lab::Datagram> Twins::collect_bytes(Twin& twin, Channel channel, uint16_t id,
                                                size_t payload_bytes) {
  std::vector<lab::Datagram> datagrams;
  size_t got = 0;
  const lab::Deadline deadline = lab::Deadline::in_ms(kReplyLimitMs);
  while (got < payload_bytes) {
    auto datagram = twin.udp(channel).receive(deadline);
    if (!datagram) break;
    got += datagram->id == id ? datagram->payload.size() : payload_bytes;  // a stray one is a difference
    datagrams.push_back(std::move(*datagram));
  }
  return datagrams;
}

std::optional<Difference> Twins::execute_udp(const Step& step) {
  udp_id_ = static_cast<uint16_t>(udp_id_ + 2);
  const std::string datagram = frame(udp_id_, step) + step.bytes;
  plain_.udp(step.channel).send_raw(datagram);
  const auto plain = collect_until_barrier(plain_, step.channel, udp_id_);
  const std::string text = joined(plain);
  tested_.udp(step.channel).send_raw(datagram);
  auto tested = collect_bytes(tested_, step.channel, udp_id_, text.size());
  if (step.ends_quiet || text.empty())
    for (auto& more : collect_until_barrier(tested_, step.channel, udp_id_))
      tested.push_back(std::move(more));
  // Frame headers with nothing behind them may come before or after what was counted.
  const auto empty = [](const lab::Datagram& one) { return one.payload.empty(); };
  auto plain_full = plain;
  std::erase_if(plain_full, empty);
  std::erase_if(tested, empty);
  if (same_datagrams(plain_full, tested)) return std::nullopt;
  if (step.bytes.starts_with("get ") && same_in_one_datagram(plain_full, tested)) return std::nullopt;
  return Difference{described(plain_full), described(tested)};
}

}  // namespace bmc::compare
