// SPDX-License-Identifier: Apache-2.0
// The little netlink that the control plane needs: dumps and requests on a socket of one family.
// Used by InterfaceWatch, TcAttachment and the interface facts.
#ifndef BMC_CONTROL_PLANE_NETLINK_H
#define BMC_CONTROL_PLANE_NETLINK_H

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "control-plane/fd.h"
#include "control-plane/result.h"

namespace bmc {

// A request under construction: header, the family's fixed part, attributes.
class NetlinkMessage {
 public:
  template <typename Fixed>
  NetlinkMessage(std::uint16_t type, std::uint16_t flags, const Fixed& fixed) {
    bytes_.resize(NLMSG_SPACE(sizeof fixed));
    header()->nlmsg_type = type;
    header()->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    std::memcpy(NLMSG_DATA(header()), &fixed, sizeof fixed);
    header()->nlmsg_len = static_cast<std::uint32_t>(bytes_.size());
  }

  NetlinkMessage& add(std::uint16_t type, const void* data, std::size_t size) {
    const std::size_t start = bytes_.size();
    bytes_.resize(start + RTA_SPACE(size));
    auto* attribute = reinterpret_cast<rtattr*>(bytes_.data() + start);
    attribute->rta_type = type;
    attribute->rta_len = static_cast<std::uint16_t>(RTA_LENGTH(size));
    std::memcpy(RTA_DATA(attribute), data, size);
    header()->nlmsg_len = static_cast<std::uint32_t>(bytes_.size());
    return *this;
  }

  std::span<std::byte> bytes() { return bytes_; }

 private:
  nlmsghdr* header() { return reinterpret_cast<nlmsghdr*>(bytes_.data()); }
  std::vector<std::byte> bytes_;
};

// One message that was received, checked to lie whole within the buffer. Valid within its callback.
struct NetlinkView {
  const nlmsghdr* header;

  // The fixed part after the header; null if the message is too short for it.
  template <typename Fixed>
  const Fixed* fixed() const {
    return header->nlmsg_len < NLMSG_LENGTH(sizeof(Fixed)) ? nullptr
                                                           : static_cast<const Fixed*>(NLMSG_DATA(header));
  }

  // The bytes of the first attribute `type` after a fixed part of `fixed_size`; nothing if it is missing.
  std::optional<std::span<const std::byte>> attribute(std::uint16_t type, std::size_t fixed_size) const;
};

// The same search within a block of attributes (a nested attribute).
std::optional<std::span<const std::byte>> find_attribute(std::span<const std::byte> block,
                                                         std::uint16_t type);

template <typename T>
std::optional<T> read_as(const std::optional<std::span<const std::byte>>& bytes) {
  if (!bytes || bytes->size() < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes->data(), sizeof value);
  return value;
}

using NetlinkVisitor = std::function<void(const NetlinkView&)>;

// Opens a socket; `groups` as in sockaddr_nl.
Result<Fd> open_netlink(int family, std::uint32_t groups);

// Sends and visits every message of the answer until its acknowledgement or the end of the dump. Blocking.
// The error carries the kernel's errno.
Result<void> netlink_request(int socket, NetlinkMessage& message, const NetlinkVisitor& visit);

// Visits the messages in a buffer that recv() filled.
void visit_messages(std::span<const std::byte> buffer, const NetlinkVisitor& visit);

}  // namespace bmc

#endif
