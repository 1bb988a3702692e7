// SPDX-License-Identifier: Apache-2.0
// The request as it stands on the wire: addresses, headers, checksum. Used by the kernel transport (which
// gives the constant part to the program) and by tests (which compare the program's output with
// build_request).
#ifndef BMC_LOADGEN_FRAME_H
#define BMC_LOADGEN_FRAME_H

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control-plane/result.h"
#include "loadgen/workload.h"

namespace bmc::loadgen {

using Mac = std::array<std::uint8_t, 6>;

// "02:00:00:00:00:01".
Result<Mac> parse_mac(const std::string& text);
std::string to_string(const Mac& mac);

struct IpAddress {
  int family = 4;                           // 4 or 6
  std::array<std::uint8_t, 16> bytes = {};  // network order; IPv4 in the first four

  static Result<IpAddress> parse(const std::string& text);
  std::string text() const;
  bool operator==(const IpAddress&) const = default;
};

// The two ends of the wire. Both addresses are of one family.
struct Link {
  Mac client_mac = {};
  Mac server_mac = {};  // of the next hop
  IpAddress client;
  IpAddress server;
  std::uint16_t server_port = 11211;
};

// The whole frame of request `sequence`, byte by byte.
std::vector<std::uint8_t> build_request(const Link& link, const Workload& workload, std::uint16_t source_port,
                                        std::uint16_t id, std::uint64_t sequence);

// Fills the parts of the programs' configuration that say how a request and its reply are addressed.
// Workload::describe() must have been called on `config` before.
void describe_frame(const Link& link, const Workload& workload, loadgen_config& config);

// The part of it that says who talks to whom.
void describe_link(const Link& link, loadgen_config& config);

// A UDP datagram as a frame, headers and checksums complete.
std::vector<std::uint8_t> build_datagram(const Link& link, std::uint16_t source_port,
                                         std::string_view payload);

// The same again and again from one port: only what differs is computed.
class DatagramWriter {
 public:
  DatagramWriter(const Link& link, std::uint16_t source_port);

  // Bytes of the frame around a payload.
  std::size_t overhead() const { return headers_.size(); }
  // Writes the frame to `out`, which has room for overhead() + payload.size(); returns its size.
  std::size_t write(std::uint8_t* out, std::string_view payload) const;

 private:
  std::vector<std::uint8_t> headers_;  // with lengths and checksums of an empty payload
  bool ipv4_;
  std::uint32_t pseudo_sum_;  // of the addresses and the protocol
};

// A UDP datagram taken from a frame that came over `link`.
struct ReceivedDatagram {
  std::uint16_t destination_port = 0;
  bool checksum_right = false;
  std::string_view payload;
};
// Nothing where the lengths do not fit each other, or it is no UDP of the link's family. Views are into
// `frame`.
std::optional<ReceivedDatagram> read_datagram(const Link& link, std::string_view frame);

// One's complement sum of `data` in words of 16 bits as they lie in memory, folded; an odd end is padded.
std::uint32_t ones_sum(const std::uint8_t* data, std::size_t size, std::uint64_t start = 0);

}  // namespace bmc::loadgen

#endif
