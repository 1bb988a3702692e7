// SPDX-License-Identifier: Apache-2.0
// See udp_transport.h.
#include "loadgen/udp_transport.h"

#include <sys/socket.h>

#include <array>
#include <cstring>

#include "control-plane/fd.h"
#include "loadgen/datagram_channel.h"
#include "loadgen/sockets.h"

namespace bmc::loadgen {
namespace {

constexpr std::size_t kBatch = 32;
constexpr std::size_t kDatagramMax = 2048;
constexpr int kReceiveBuffer = 8 << 20;

// "set <key> <flags> <expiry> <bytes>\r\n" and the value's end, without key and value.
constexpr std::size_t kSetRest = 4 + 1 + 10 + 1 + 10 + 1 + 7 + 2 + 2;

class UdpPort final : public DatagramPort {
 public:
  explicit UdpPort(Fd socket) : socket_(std::move(socket)) {
    for (std::size_t each = 0; each < kBatch; ++each) {
      in_parts_[each] = {in_[each].data(), in_[each].size()};
      in_headers_[each].msg_hdr.msg_iov = &in_parts_[each];
      in_headers_[each].msg_hdr.msg_iovlen = 1;
      out_headers_[each].msg_hdr.msg_iov = &out_parts_[each];
      out_headers_[each].msg_hdr.msg_iovlen = 1;
    }
  }

  Result<void> queue(std::string_view payload) override {
    std::memcpy(out_[queued_].data(), payload.data(), payload.size());
    out_parts_[queued_] = {out_[queued_].data(), payload.size()};
    queued_++;
    return queued_ == kBatch ? flush() : Result<void>();
  }

  // What the kernel has no place for is lost, as on any wire.
  Result<void> flush() override {
    for (std::size_t sent = 0; sent < queued_;) {
      const int count = ::sendmmsg(socket_.get(), out_headers_.data() + sent,
                                   static_cast<unsigned>(queued_ - sent), MSG_DONTWAIT);
      if (count > 0) {
        sent += static_cast<std::size_t>(count);
      } else if (errno == EAGAIN || errno == ENOBUFS || errno == ECONNREFUSED) {
        sent++;
      } else if (errno != EINTR) {
        queued_ = 0;
        return errno_error("sending requests over UDP");
      }
    }
    queued_ = 0;
    return {};
  }

  Result<void> receive(const std::function<void(std::string_view)>& take,
                       const std::function<void()>& /*the kernel drops damaged ones*/) override {
    for (;;) {
      const int count = ::recvmmsg(socket_.get(), in_headers_.data(), kBatch, MSG_DONTWAIT, nullptr);
      // Nobody listens there at the moment: what was sent is lost.
      if (count < 0 && (errno == EAGAIN || errno == ECONNREFUSED || errno == EINTR)) return {};
      if (count < 0) return errno_error("receiving replies over UDP");
      for (std::size_t each = 0; each < static_cast<std::size_t>(count); ++each)
        take({in_[each].data(), in_headers_[each].msg_len});
      if (static_cast<std::size_t>(count) < kBatch) return {};
    }
  }

  void watch(std::vector<pollfd>& watched) const override { watched.push_back({socket_.get(), POLLIN, 0}); }

 private:
  Fd socket_;
  std::array<std::array<char, kDatagramMax>, kBatch> in_, out_;
  std::array<iovec, kBatch> in_parts_ = {}, out_parts_ = {};
  std::array<mmsghdr, kBatch> in_headers_ = {}, out_headers_ = {};
  std::size_t queued_ = 0;
};

}  // namespace

Result<void> check_sets_fit_datagram(const SocketOptions& options, const Workload& workload) {
  const std::uint32_t key =
      workload.options().sizes == Sizes::kEtc ? LOADGEN_KEY_MAX : workload.options().key_size;
  if (options.traffic.sets == 0 ||
      LOADGEN_FRAME_HEADER + kSetRest + key + workload.data_size_max() <= LOADGEN_REPLY_MAX)
    return {};
  return Error{EINVAL, "a set of a value of " + std::to_string(workload.data_size_max()) +
                           " bytes does not fit one datagram: use --transport tcp-set-udp-get"};
}

Result<std::unique_ptr<Channel>> open_udp_channel(const SocketOptions& options,
                                                  const ChannelContext& context) {
  auto socket = connect_udp(options.server, options.port);
  if (!socket) return socket.error();
  // Without CAP_NET_ADMIN the system's limit holds.
  if (::setsockopt(socket->get(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer, sizeof kReceiveBuffer) != 0)
    (void)::setsockopt(socket->get(), SOL_SOCKET, SO_RCVBUF, &kReceiveBuffer, sizeof kReceiveBuffer);
  return std::unique_ptr<Channel>(
      std::make_unique<DatagramChannel>(context, std::make_unique<UdpPort>(*std::move(socket))));
}

Result<std::unique_ptr<SocketTransport>> make_udp_transport(const SocketOptions& options,
                                                            const Workload& workload) {
  if (auto fits = check_sets_fit_datagram(options, workload); !fits) return fits.error();
  if (auto alive = probe_udp(options.server, options.port); !alive) return alive.error();
  return SocketTransport::create(options, workload, [options](const ChannelContext& context, std::uint32_t) {
    return open_udp_channel(options, context);
  });
}

}  // namespace bmc::loadgen
