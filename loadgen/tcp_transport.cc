// SPDX-License-Identifier: Apache-2.0
// See tcp_transport.h.
#include "loadgen/tcp_transport.h"

#include "loadgen/sockets.h"
#include "loadgen/tcp_channel.h"
#include "loadgen/udp_transport.h"

namespace bmc::loadgen {
namespace {

// Sets by one channel, gets by another.
class MixedChannel final : public Channel {
 public:
  MixedChannel(const RequestSource& source, std::unique_ptr<Channel> sets, std::unique_ptr<Channel> gets)
      : source_(source), sets_(std::move(sets)), gets_(std::move(gets)) {}

  std::size_t room() const override { return next().room(); }
  void post(std::uint64_t intended_ns) override { next().post(intended_ns); }
  Result<bool> flush() override {
    const Result<bool> sets = sets_->flush();
    const Result<bool> gets = gets_->flush();
    if (!sets) return sets.error();
    if (!gets) return gets.error();
    return *sets && *gets;
  }
  Result<void> receive() override {
    if (auto received = sets_->receive(); !received) return received;
    return gets_->receive();
  }
  std::size_t outstanding() const override { return sets_->outstanding() + gets_->outstanding(); }
  void give_up(std::uint64_t now_ns) override {
    sets_->give_up(now_ns);
    gets_->give_up(now_ns);
  }
  Result<void> reset() override {
    if (auto fresh = sets_->reset(); !fresh) return fresh;
    return gets_->reset();
  }
  void watch(std::vector<pollfd>& watched) const override {
    sets_->watch(watched);
    gets_->watch(watched);
  }

 private:
  Channel& next() const { return source_.next_is_set() ? *sets_ : *gets_; }

  const RequestSource& source_;
  std::unique_ptr<Channel> sets_;
  std::unique_ptr<Channel> gets_;
};

}  // namespace

Result<std::unique_ptr<SocketTransport>> make_tcp_transport(const SocketOptions& options,
                                                            const Workload& workload) {
  return SocketTransport::create(options, workload, [options](const ChannelContext& context, std::uint32_t) {
    return TcpChannel::open(options.server, options.port, context);
  });
}

Result<std::unique_ptr<SocketTransport>> make_mixed_transport(const SocketOptions& options,
                                                              const Workload& workload) {
  if (auto alive = probe_udp(options.server, options.port); !alive) return alive.error();
  return SocketTransport::create(
      options, workload,
      [options](const ChannelContext& context, std::uint32_t) -> Result<std::unique_ptr<Channel>> {
        auto sets = TcpChannel::open(options.server, options.port, context);
        if (!sets) return sets.error();
        auto gets = open_udp_channel(options, context);
        if (!gets) return gets.error();
        return std::unique_ptr<Channel>(
            std::make_unique<MixedChannel>(context.source, *std::move(sets), *std::move(gets)));
      });
}

}  // namespace bmc::loadgen
