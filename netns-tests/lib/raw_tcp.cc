// SPDX-License-Identifier: Apache-2.0
// See raw_tcp.h.
#include "netns-tests/lib/raw_tcp.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <atomic>
#include <cstring>

#include "netns-tests/lib/lab_error.h"
#include "netns-tests/lib/process.h"

namespace bmc::lab {
namespace {

constexpr unsigned kHost = 77;
std::atomic<uint16_t> next_port{20'000};

uint32_t read32(const uint8_t* bytes) {
  return static_cast<uint32_t>(bytes[0]) << 24 | static_cast<uint32_t>(bytes[1]) << 16 |
         static_cast<uint32_t>(bytes[2]) << 8 | bytes[3];
}

void append32(std::vector<uint8_t>& bytes, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<uint8_t>(value >> shift));
}

/// The TSval of a segment's timestamp option; 0 when it has none.
uint32_t timestamp_of(const uint8_t* options, size_t length) {
  for (size_t at = 0; at + 1 < length;) {
    if (options[at] == TCPOPT_EOL) break;
    if (options[at] == TCPOPT_NOP) {
      ++at;
      continue;
    }
    if (options[at] == TCPOPT_TIMESTAMP && at + 10 <= length) return read32(options + at + 2);
    at += std::max<size_t>(2, options[at + 1]);
  }
  return 0;
}

}  // namespace

RawTcp::RawTcp(Netns& client, Netns& server, const Link& link, uint16_t port, bool timestamps)
    : timestamps_(timestamps) {
  const std::string ip = "10.99." + std::to_string(link.number) + "." + std::to_string(kHost);
  run_checked({"ip", "-n", server.name(), "neigh", "replace", ip, "lladdr", link.far_mac(), "dev",
               link.server_device, "nud", "permanent"});
  {
    const ScopedNetns inside(client);
    socket_ = open_packet_socket(link.far_device, 4 << 20);
  }
  address_ = {.source_mac = link.far_mac(),
              .destination_mac = link.server_mac(),
              .source = {ip, next_port++},
              .destination = link.server(false, port)};
  first_sequence_ = 0x7ffff000u + address_.source.port;  // crosses the sign bit early
  transmit({.sequence = first_sequence_ - 1, .flags = TH_SYN}, "", 0);
  const Deadline deadline = Deadline::in_ms(3000);
  while (last_flags_ != (TH_SYN | TH_ACK))
    if (!take_segment(deadline)) throw LabError("no SYN-ACK from " + address_.destination.text());
  transmit({.sequence = first_sequence_, .acknowledgement = receive_next_, .flags = TH_ACK}, "", 0);
}

void RawTcp::transmit(TcpFields fields, std::string_view payload, uint32_t timestamp_age) {
  if (timestamps_) {
    fields.options = {TCPOPT_NOP, TCPOPT_NOP, TCPOPT_TIMESTAMP, TCPOLEN_TIMESTAMP};
    append32(fields.options, timestamp_age != 0 ? timestamp_ - timestamp_age : ++timestamp_);
    append32(fields.options, timestamp_echo_);
  }
  const auto frame = tcp_frame(address_, fields, payload);
  checked(::send(socket_.get(), frame.data(), frame.size(), 0), "send frame");
  last_sent_ack_ = fields.acknowledgement;
}

void RawTcp::send(const Segment& segment) {
  TcpFields fields{.sequence = first_sequence_ + segment.offset,
                   .acknowledgement = acknowledge_ ? receive_next_ : last_sent_ack_,
                   .flags = TH_ACK,
                   .bad_checksum = segment.bad_checksum};
  if (segment.push) fields.flags |= TH_PUSH;
  if (segment.fin) fields.flags |= TH_FIN;
  transmit(fields, segment.bytes, segment.timestamp_age);
}

void RawTcp::send_next(std::string_view bytes) {
  send({.offset = next_offset_, .bytes = bytes});
  next_offset_ += static_cast<uint32_t>(bytes.size());
}

void RawTcp::send_reset(uint32_t ahead) {
  transmit({.sequence = first_sequence_ + next_offset_ + ahead,
            .acknowledgement = receive_next_,
            .flags = TH_RST | TH_ACK},
           "", 0);
}

bool RawTcp::take_segment(Deadline deadline) {
  uint8_t buffer[65536];
  for (;;) {
    if (!wait_fd(socket_.get(), POLLIN, deadline)) return false;
    const ssize_t length = recv(socket_.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
    if (length <= 0) continue;
    const FrameView view = view_frame({buffer, static_cast<size_t>(length)});
    if (view.protocol != IPPROTO_TCP || view.destination.ip != address_.source.ip ||
        view.destination.port != address_.source.port)
      continue;
    const uint8_t* header = buffer + view.transport_offset;
    const uint32_t sequence = read32(header + 4);
    last_flags_ = header[13] & (TH_SYN | TH_ACK | TH_FIN | TH_RST);
    if ((last_flags_ & TH_ACK) != 0) acknowledged_ = read32(header + 8);
    timestamp_echo_ = timestamp_of(header + 20, view.payload_offset - view.transport_offset - 20);
    if ((last_flags_ & TH_SYN) != 0) receive_next_ = sequence + 1;
    accept_payload(sequence, {reinterpret_cast<char*>(buffer) + view.payload_offset, view.payload_length});
    return true;
  }
}

void RawTcp::accept_payload(uint32_t sequence, std::string_view payload) {
  if (payload.empty()) return;
  const uint32_t known = receive_next_ - sequence;  // bytes of it we have already
  if (known < payload.size()) {
    received_ += payload.substr(known);
    receive_next_ += static_cast<uint32_t>(payload.size()) - known;
  }
  if (acknowledge_)
    transmit({.sequence = first_sequence_ + next_offset_, .acknowledgement = receive_next_, .flags = TH_ACK},
             "", 0);
}

bool RawTcp::wait_received(std::string_view end, Deadline deadline) {
  while (!received_.ends_with(end))
    if (!take_segment(deadline)) return false;
  return true;
}

bool RawTcp::wait_acknowledged(uint32_t offset, Deadline deadline) {
  while (static_cast<int32_t>(acknowledged_ - (first_sequence_ + offset)) < 0)
    if (!take_segment(deadline)) return false;
  return true;
}

}  // namespace bmc::lab
