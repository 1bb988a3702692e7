// SPDX-License-Identifier: Apache-2.0
// The table written, the socket marked, the report read; see broadcast.h and broadcast_abi.h.
#include "apps/paxos/fastpath/broadcast.h"

#include <ifaddrs.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <type_traits>
#include <utility>

namespace bmc::paxos::fastpath {

using runtime::Endpoint;

namespace {

// How often each recipient is sent to in the ordinary way: well within the time (30 s, half of it at the
// least) after which the kernel doubts a neighbour that it hears nothing of.
constexpr Micros kRefresh = 1'000'000;
// Without a program, or without the right to mark, the next attempt is that far away.
constexpr Micros kPause = 100'000;

Error failed(ErrorCode code, const std::string& what) { return Error{code, "broadcast offload: " + what}; }
Error system_failed(const std::string& tried) {
  return failed(ErrorCode::io, tried + ": " + std::strerror(errno));
}

// As the program reads them: whole, and in this order.
template <typename T>
void store(T& field, T value) {
  std::atomic_ref(field).store(value, std::memory_order_seq_cst);
}
template <typename T>
T load(const T& field) {
  return std::atomic_ref(const_cast<T&>(field)).load(std::memory_order_acquire);
}

std::array<std::uint32_t, 4> mapped_address(const boost::asio::ip::address& address) {
  const auto v6 = address.is_v6()
                      ? address.to_v6()
                      : boost::asio::ip::make_address_v6(boost::asio::ip::v4_mapped, address.to_v4());
  return std::bit_cast<std::array<std::uint32_t, 4>>(v6.to_bytes());
}

// That means these recipients.
Endpoint group_endpoint(bool v6, ReplicaSet to, std::uint16_t token) {
  if (!v6) return {boost::asio::ip::address_v4(BROADCAST_ADDRESS_V4 | to), token};
  std::array<std::uint32_t, 4> words{htonl(BROADCAST_ADDRESS_V6_FIRST), 0, 0,
                                     htonl(BROADCAST_ADDRESS_V6_LAST | to)};
  return {boost::asio::ip::address_v6(std::bit_cast<boost::asio::ip::address_v6::bytes_type>(words)), token};
}

Result<Endpoint> bound_to(int socket) {
  Endpoint own;
  socklen_t length = static_cast<socklen_t>(own.capacity());
  if (getsockname(socket, own.data(), &length) != 0) return system_failed("getsockname()");
  own.resize(length);
  if (own.address().is_unspecified())
    return failed(ErrorCode::configuration,
                  "the replica listens at any address: let it listen at its own, which the copies come from");
  return own;
}

// The group address is one hop away at most, and nobody on this host is meant.
bool direct_to(int socket, const Endpoint& own, int interface) {
  const int none = 0, one = 1;
  if (own.address().is_v6())
    return setsockopt(socket, IPPROTO_IPV6, IPV6_MULTICAST_IF, &interface, sizeof(interface)) == 0 &&
           setsockopt(socket, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, &none, sizeof(none)) == 0 &&
           setsockopt(socket, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &one, sizeof(one)) == 0;
  ip_mreqn where{};
  where.imr_ifindex = interface;
  where.imr_address.s_addr = htonl(own.address().to_v4().to_uint());
  return setsockopt(socket, IPPROTO_IP, IP_MULTICAST_IF, &where, sizeof(where)) == 0 &&
         setsockopt(socket, IPPROTO_IP, IP_MULTICAST_LOOP, &none, sizeof(none)) == 0 &&
         setsockopt(socket, IPPROTO_IP, IP_MULTICAST_TTL, &one, sizeof(one)) == 0;
}

// Unless somebody who may has marked it already.
Result<void> mark(int socket, std::uint32_t wanted) {
  std::uint32_t present = 0;
  socklen_t length = sizeof(present);
  if (getsockopt(socket, SOL_SOCKET, SO_MARK, &present, &length) == 0 && present == wanted) return {};
  if (setsockopt(socket, SOL_SOCKET, SO_MARK, &wanted, sizeof(wanted)) != 0)
    return system_failed("cannot mark the socket (CAP_NET_RAW is needed)");
  return {};
}

// The interface that has this address; 0: none.
int interface_of(const boost::asio::ip::address& address) {
  ifaddrs* all = nullptr;
  if (getifaddrs(&all) != 0) return 0;
  unsigned found = 0;
  for (const ifaddrs* each = all; each != nullptr && found == 0; each = each->ifa_next) {
    if (each->ifa_addr == nullptr) continue;
    const int family = each->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    Endpoint has;
    std::memcpy(has.data(), each->ifa_addr, family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
    const bool is_same = has.address().is_v6() ? address.is_v6() && has.address().to_v6().to_bytes() ==
                                                                        address.to_v6().to_bytes()
                                               : has.address() == address;
    if (is_same) found = if_nametoindex(each->ifa_name);
  }
  freeifaddrs(all);
  return static_cast<int>(found);
}

Result<void> prepare(int socket, const Endpoint& own, const BroadcastOffload& offload) {
  const int index = offload.interface.empty() ? interface_of(own.address())
                                              : static_cast<int>(if_nametoindex(offload.interface.c_str()));
  if (index == 0)
    return failed(ErrorCode::configuration, offload.interface.empty()
                                                ? "no interface has the address " + own.address().to_string()
                                                : "there is no interface \"" + offload.interface + "\"");
  if (!direct_to(socket, own, index)) return system_failed("cannot direct multicast to " + offload.interface);
  return mark(socket, broadcast_mark(offload.group));
}

// What the kernel tells of a map's descriptor; of others nothing. (It tells it by bpf(), too, which who has
// no privilege may not be allowed to call.)
std::map<std::string, std::uint64_t> shape_of(int descriptor) {
  std::map<std::string, std::uint64_t> shape;
  std::ifstream file("/proc/self/fdinfo/" + std::to_string(descriptor));
  std::string line;
  while (std::getline(file, line)) {
    const auto colon = line.find(':');
    if (colon == std::string::npos) continue;
    shape[line.substr(0, colon)] = std::strtoull(line.c_str() + colon + 1, nullptr, 0);
  }
  return shape;
}

int set_size(ReplicaSet set) { return std::popcount(set); }

}  // namespace

template <typename T>
Result<Broadcast::Shared<T>> Broadcast::Shared<T>::map(int descriptor, bool writable, const char* name) {
  auto shape = shape_of(descriptor);
  if (shape["map_type"] != BPF_MAP_TYPE_ARRAY || (shape["map_flags"] & BPF_F_MMAPABLE) == 0 ||
      shape["value_size"] != sizeof(T) || shape["max_entries"] != BROADCAST_GROUPS_MAX)
    return failed(ErrorCode::configuration, std::string("the descriptor given is not map ") + name);
  void* const memory = mmap(nullptr, sizeof(T) * BROADCAST_GROUPS_MAX,
                            PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, descriptor, 0);
  if (memory == MAP_FAILED) return system_failed(std::string("cannot map the memory of map ") + name);
  return Shared(static_cast<T*>(memory));
}

template <typename T>
Broadcast::Shared<T>::Shared(Shared&& other) noexcept : elements_(std::exchange(other.elements_, nullptr)) {}

template <typename T>
Broadcast::Shared<T>::~Shared() {
  if (elements_ != nullptr)
    munmap(const_cast<std::remove_const_t<T>*>(elements_), sizeof(T) * BROADCAST_GROUPS_MAX);
}

Result<Broadcast> Broadcast::open(const BroadcastOffload& offload, int socket,
                                  const std::vector<Endpoint>& peers) {
  if (offload.group >= BROADCAST_GROUPS_MAX || peers.size() > BROADCAST_PEERS_MAX)
    return failed(ErrorCode::configuration, "group " + std::to_string(offload.group) + " of " +
                                                std::to_string(peers.size()) +
                                                " replicas does not fit the maps");
  const auto own = bound_to(socket);
  if (!own) return own.error();
  if (auto prepared = prepare(socket, *own, offload); !prepared) return std::move(prepared).error();
  auto reports = Shared<const broadcast_report>::map(offload.reports, false, "broadcast_reports");
  if (!reports) return reports.error();
  Broadcast broadcast(*std::move(reports), offload.group, socket, peers);
  broadcast.is_v6_ = own->address().is_v6();
  if (offload.groups < 0) return broadcast;
  if (auto written = broadcast.write_group(offload.groups, own->port()); !written)
    return std::move(written).error();
  return broadcast;
}

Broadcast::Broadcast(Shared<const broadcast_report> reports, std::uint8_t group, int socket,
                     std::vector<Endpoint> peers)
    : reports_(std::move(reports)), group_(group), socket_(socket), peers_(std::move(peers)) {}

Broadcast::Broadcast(Broadcast&& other) noexcept
    : groups_(std::exchange(other.groups_, std::nullopt)),
      reports_(std::move(other.reports_)),
      group_(other.group_),
      socket_(other.socket_),
      peers_(std::move(other.peers_)),
      is_v6_(other.is_v6_),
      token_(other.token_),
      refresh_at_(other.refresh_at_),
      paused_until_(other.paused_until_),
      counters_(other.counters_) {}

Broadcast::~Broadcast() {
  if (groups_) store((*groups_)[group_].version, 0u);
}

// An earlier owner may have left a table: it is disabled while it changes, and every entry gets a new seq.
Result<void> Broadcast::write_group(int descriptor, std::uint16_t source_port) {
  auto groups = Shared<broadcast_group>::map(descriptor, true, "broadcast_groups");
  if (!groups) return groups.error();
  groups_.emplace(*std::move(groups));
  broadcast_group& group = (*groups_)[group_];
  store(group.version, 0u);
  for (std::size_t i = 0; i < BROADCAST_PEERS_MAX; i++) {
    broadcast_peer& peer = group.peer[i];
    const std::uint32_t writing = peer.seq | 1;
    store(peer.seq, writing);
    if (i >= peers_.size()) continue;  // the entry of nobody stays as if being written
    const auto address = mapped_address(peers_[i].address());
    for (std::size_t word = 0; word < address.size(); word++) store(peer.addr_be[word], address[word]);
    store(peer.port_be, htons(peers_[i].port()));
    store(peer.seq, writing + 1 == 0 ? 2 : writing + 1);
  }
  store(group.source_port_be, htons(source_port));
  store(group.version, BROADCAST_ABI_VERSION);
  return {};
}

ReplicaSet Broadcast::due(ReplicaSet to, Micros now) const {
  ReplicaSet found = 0;
  for (std::size_t i = 0; i < refresh_at_.size(); i++)
    if ((to >> i & 1) != 0 && now >= refresh_at_[i]) found = static_cast<ReplicaSet>(found | 1u << i);
  return found;
}

// To be sent in the ordinary way by the caller, which is what keeps a neighbour fresh.
Broadcast::Sent Broadcast::leave(ReplicaSet left, Micros now) {
  for (std::size_t i = 0; i < refresh_at_.size(); i++)
    if ((left >> i & 1) != 0) refresh_at_[i] = now + kRefresh;
  return {left, 0};
}

Broadcast::Sent Broadcast::give_up(ReplicaSet to, Micros now) {
  paused_until_ = now + kPause;
  return leave(to, now);
}

// 0, or errno.
int Broadcast::send_to_group(std::string_view datagram, ReplicaSet to) {
  const Endpoint group = group_endpoint(is_v6_, to, token_);
  const auto sent = sendto(socket_, datagram.data(), datagram.size(), MSG_DONTWAIT, group.data(),
                           static_cast<socklen_t>(group.size()));
  return sent < 0 ? errno : 0;
}

Broadcast::Sent Broadcast::send(std::string_view datagram, ReplicaSet to, Micros now) {
  const ReplicaSet asked = static_cast<ReplicaSet>(to & ~due(to, now));
  if (now < paused_until_ || set_size(asked) < 2) return leave(to, now);
  token_ = token_ == 0xffff ? std::uint16_t{1} : static_cast<std::uint16_t>(token_ + 1);
  if (const int error = send_to_group(datagram, asked); error != 0) {
    if (error == EAGAIN || error == EWOULDBLOCK) return {to, EAGAIN};
    counters_.refused++;
    // The interface has become smaller: the ordinary way knows what to do about it.
    return error == EMSGSIZE ? leave(to, now) : give_up(to, now);
  }
  const std::uint64_t report = load(reports_[group_].word);
  if (broadcast_report_token(report) != token_) {
    counters_.unanswered++;
    return give_up(to, now);
  }
  const auto undelivered = static_cast<ReplicaSet>(broadcast_report_undelivered(report) & asked);
  counters_.broadcasts++;
  counters_.undelivered += static_cast<std::uint64_t>(set_size(undelivered));
  counters_.copies += static_cast<std::uint64_t>(set_size(asked) - set_size(undelivered));
  if (undelivered == asked) return give_up(to, now);
  return leave(static_cast<ReplicaSet>((to & ~asked) | undelivered), now);
}

}  // namespace bmc::paxos::fastpath
