// SPDX-License-Identifier: Apache-2.0
// Netlink dumps and requests; see netlink.h.
#include "control-plane/netlink.h"

#include <sys/socket.h>

#include <algorithm>

namespace bmc {
namespace {

// The kernel never sends more at once in a dump (NLMSG_GOODSIZE is at most 8 KiB; 32 KiB since 4.9 if asked).
constexpr std::size_t kReceiveBytes = 64 << 10;

}  // namespace

std::optional<std::span<const std::byte>> find_attribute(std::span<const std::byte> block,
                                                         std::uint16_t type) {
  while (block.size() >= sizeof(rtattr)) {
    rtattr attribute;
    std::memcpy(&attribute, block.data(), sizeof attribute);
    if (attribute.rta_len < sizeof attribute || attribute.rta_len > block.size()) return std::nullopt;
    if ((attribute.rta_type & NLA_TYPE_MASK) == type)
      return block.subspan(RTA_LENGTH(0), attribute.rta_len - RTA_LENGTH(0));
    block = block.subspan(std::min<std::size_t>(RTA_ALIGN(attribute.rta_len), block.size()));
  }
  return std::nullopt;
}

std::optional<std::span<const std::byte>> NetlinkView::attribute(std::uint16_t type,
                                                                 std::size_t fixed_size) const {
  const std::size_t start = NLMSG_ALIGN(NLMSG_LENGTH(fixed_size));
  if (header->nlmsg_len < start) return std::nullopt;
  return find_attribute({reinterpret_cast<const std::byte*>(header) + start, header->nlmsg_len - start},
                        type);
}

void visit_messages(std::span<const std::byte> buffer, const NetlinkVisitor& visit) {
  while (buffer.size() >= sizeof(nlmsghdr)) {
    const auto* header = reinterpret_cast<const nlmsghdr*>(buffer.data());
    if (header->nlmsg_len < sizeof(nlmsghdr) || header->nlmsg_len > buffer.size()) return;
    visit(NetlinkView{header});
    buffer = buffer.subspan(std::min<std::size_t>(NLMSG_ALIGN(header->nlmsg_len), buffer.size()));
  }
}

Result<Fd> open_netlink(int family, std::uint32_t groups) {
  Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, family));
  if (!fd) return errno_error("cannot open a netlink socket");
  sockaddr_nl address = {};
  address.nl_family = AF_NETLINK;
  address.nl_groups = groups;
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return errno_error("cannot bind a netlink socket");
  return fd;
}

Result<void> netlink_request(int socket, NetlinkMessage& message, const NetlinkVisitor& visit) {
  if (::send(socket, message.bytes().data(), message.bytes().size(), 0) < 0)
    return errno_error("cannot send to the kernel's netlink");
  std::vector<std::byte> buffer(kReceiveBytes);
  bool done = false;
  int failed = 0;
  while (!done) {
    const ssize_t received = ::recv(socket, buffer.data(), buffer.size(), 0);
    if (received < 0 && errno == EINTR) continue;
    if (received < 0) return errno_error("cannot receive from the kernel's netlink");
    visit_messages({buffer.data(), static_cast<std::size_t>(received)}, [&](const NetlinkView& view) {
      if (view.header->nlmsg_type == NLMSG_ERROR) {
        const auto* error = view.fixed<nlmsgerr>();
        failed = error == nullptr ? -EPROTO : error->error;
        done = true;
      } else if (view.header->nlmsg_type == NLMSG_DONE) {
        done = true;
      } else {
        visit(view);
      }
    });
  }
  if (failed != 0) return errno_error("the kernel refused a netlink request", failed);
  return {};
}

}  // namespace bmc
