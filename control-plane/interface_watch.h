// SPDX-License-Identifier: Apache-2.0
// InterfaceWatch: the network interfaces and their addresses, kept current through rtnetlink.
// Owned by the daemon; applications read it and subscribe.
#ifndef BMC_CONTROL_PLANE_INTERFACE_WATCH_H
#define BMC_CONTROL_PLANE_INTERFACE_WATCH_H

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "control-plane/result.h"

namespace bmc {

struct Interface {
  int index = 0;  // never 0 for a real one; not reused while the interface lives
  std::string name;
  bool up = false;  // administratively
  std::uint32_t mtu = 0;
  std::vector<boost::asio::ip::address> addresses;  // in no order, none twice; no tentative IPv6 ones
};

struct InterfaceEvent {
  enum class Kind {
    kAdded,      // a new interface, or one that came back under the same name (then `index` is new)
    kRemoved,    // `interface` is as it last was
    kChanged,    // name, up or mtu
    kAddresses,  // addresses were added or removed
  };
  Kind kind = Kind::kChanged;
  Interface interface;  // as it is now, except kRemoved
};

// One thread only (the loop's). Subscribers may not subscribe, stop or start it from within a callback.
class InterfaceWatch {
 public:
  explicit InterfaceWatch(boost::asio::io_context& loop);

  // Reads everything once (blocking, milliseconds), then follows changes on the loop until stop() or
  // destruction. When the kernel dropped messages, everything is read again and the differences told.
  Result<void> start();
  void stop();

  // Interfaces of this network namespace by index, as of the last message.
  const std::map<int, Interface>& interfaces() const { return interfaces_; }
  // Lent until the next run of the loop; null where there is none.
  const Interface* find(std::string_view name) const;

  // Called after interfaces() was brought up to date; for the life of this object.
  void subscribe(std::function<void(const InterfaceEvent&)> callback);

 private:
  using Interfaces = std::map<int, Interface>;

  Result<Interfaces> read_all();
  void wait();
  void receive();
  void replace(Interfaces now, const std::set<int>& deleted);

  boost::asio::posix::stream_descriptor socket_;  // NETLINK_ROUTE, member of the link and address groups
  Interfaces interfaces_;
  std::vector<std::function<void(const InterfaceEvent&)>> subscribers_;
};

}  // namespace bmc

#endif
