// SPDX-License-Identifier: Apache-2.0
// See af_xdp_transport.h.
#include "loadgen/af_xdp_transport.h"

#include <bpf/bpf.h>
#include <net/if.h>

#include <vector>

#include "loadgen/datagram_channel.h"
#include "loadgen/sockets.h"
#include "loadgen/udp_transport.h"
#include "loadgen/xsk_redirect.h"
#include "loadgen/xsk_socket.h"

namespace bmc::loadgen {
namespace {

constexpr std::uint32_t kQueuesMax = 64;  // of the program's map

// The sockets of all queues, and what has come for each source port. Shared by the ports of one worker.
class XskDevice {
 public:
  struct Inbox {
    std::string bytes;
    std::vector<std::size_t> ends;  // of the datagrams in `bytes`
    std::size_t damaged = 0;
  };

  static Result<std::shared_ptr<XskDevice>> open(const AfXdpOptions& options, std::uint32_t ports) {
    const unsigned ifindex = ::if_nametoindex(options.interface.c_str());
    if (ifindex == 0) return errno_error("no interface " + options.interface);
    std::shared_ptr<XskDevice> device(new XskDevice(options, ports));
    auto redirect = XskRedirect::attach(options.interface, static_cast<int>(ifindex), options.link);
    if (!redirect) return redirect.error();
    device->redirect_ = *std::move(redirect);
    for (std::uint32_t queue = 0; queue < kQueuesMax; ++queue) {
      auto socket = XskSocket::open(options.interface, queue);
      if (!socket && queue > 0 && socket.error().code == EINVAL) break;  // no such queue
      if (!socket) return socket.error();
      const int fd = (*socket)->fd();
      if (const int failed = bpf_map_update_elem(device->redirect_->sockets_fd(), &queue, &fd, BPF_ANY);
          failed != 0)
        return errno_error("cannot hand a queue of " + options.interface + " to AF_XDP", failed);
      device->sockets_.push_back(*std::move(socket));
    }
    return device;
  }

  // What is sent leaves by the first queue.
  XskSocket& out() { return *sockets_.front(); }
  Inbox& inbox(std::uint32_t number) { return inboxes_[number]; }
  const Link& link() const { return options_.link; }

  void receive() {
    for (const auto& socket : sockets_)
      socket->receive([this](std::span<const std::uint8_t> frame) {
        sort({reinterpret_cast<const char*>(frame.data()), frame.size()});
      });
  }

  void watch(std::vector<pollfd>& watched) const {
    for (const auto& socket : sockets_) watched.push_back({socket->fd(), POLLIN, 0});
  }

 private:
  XskDevice(const AfXdpOptions& options, std::uint32_t ports) : options_(options), inboxes_(ports) {}

  void sort(std::string_view frame) {
    const auto datagram = read_datagram(options_.link, frame);
    const std::uint32_t number = datagram ? datagram->destination_port - LOADGEN_PORT_LOW : 0;
    Inbox& inbox = inboxes_[number < inboxes_.size() ? number : 0];
    if (!datagram || (options_.verify_checksum && !datagram->checksum_right)) {
      inbox.damaged++;
      return;
    }
    inbox.bytes += datagram->payload;
    inbox.ends.push_back(inbox.bytes.size());
  }

  AfXdpOptions options_;
  std::unique_ptr<XskRedirect> redirect_;
  std::vector<std::unique_ptr<XskSocket>> sockets_;  // by queue
  std::vector<Inbox> inboxes_;
};

class XskPort final : public DatagramPort {
 public:
  XskPort(std::shared_ptr<XskDevice> device, std::uint32_t number)
      : device_(std::move(device)),
        number_(number),
        writer_(device_->link(), static_cast<std::uint16_t>(LOADGEN_PORT_LOW + number)) {}

  Result<void> queue(std::string_view payload) override {
    std::uint8_t* frame = device_->out().take_frame();
    if (frame == nullptr) {
      if (auto sent = device_->out().flush(); !sent) return sent;
      frame = device_->out().take_frame();
    }
    // Nothing has left for so long that all memory is waiting: lost, as on any wire.
    if (frame == nullptr) return {};
    device_->out().send(static_cast<std::uint32_t>(writer_.write(frame, payload)));
    return {};
  }

  Result<void> flush() override { return device_->out().flush(); }

  Result<void> receive(const std::function<void(std::string_view)>& take,
                       const std::function<void()>& damaged) override {
    device_->receive();
    XskDevice::Inbox& inbox = device_->inbox(number_);
    for (; inbox.damaged > 0; inbox.damaged--) damaged();
    std::size_t start = 0;
    for (const std::size_t end : inbox.ends) {
      take(std::string_view(inbox.bytes).substr(start, end - start));
      start = end;
    }
    inbox.ends.clear();
    inbox.bytes.clear();
    return {};
  }

  void watch(std::vector<pollfd>& watched) const override { device_->watch(watched); }

 private:
  std::shared_ptr<XskDevice> device_;
  std::uint32_t number_;
  DatagramWriter writer_;
};

}  // namespace

Result<std::unique_ptr<SocketTransport>> make_af_xdp_transport(const SocketOptions& sockets,
                                                               const AfXdpOptions& options,
                                                               const Workload& workload) {
  if (sockets.threads != 1) return Error{EINVAL, "AF_XDP has one thread, which reads all queues"};
  if (sockets.connections > LOADGEN_PORT_HIGH - LOADGEN_PORT_LOW)
    return Error{EINVAL, "more connections than source ports between " + std::to_string(LOADGEN_PORT_LOW) +
                             " and " + std::to_string(LOADGEN_PORT_HIGH)};
  if (auto fits = check_sets_fit_datagram(sockets, workload); !fits) return fits.error();
  if (auto alive = probe_udp(sockets.server, sockets.port); !alive) return alive.error();
  auto device = XskDevice::open(options, sockets.connections);
  if (!device) return device.error();
  return SocketTransport::create(
      sockets, workload,
      [&device](const ChannelContext& context, std::uint32_t number) -> Result<std::unique_ptr<Channel>> {
        return std::unique_ptr<Channel>(
            std::make_unique<DatagramChannel>(context, std::make_unique<XskPort>(*device, number)));
      });
}

}  // namespace bmc::loadgen
