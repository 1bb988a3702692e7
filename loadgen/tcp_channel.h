// SPDX-License-Identifier: Apache-2.0
// TcpChannel: memcached's ASCII protocol on one connection, requests pipelined. Used by the TCP transports.
#ifndef BMC_LOADGEN_TCP_CHANNEL_H
#define BMC_LOADGEN_TCP_CHANNEL_H

#include <deque>
#include <string>
#include <vector>

#include "control-plane/fd.h"
#include "loadgen/channel.h"
#include "loadgen/frame.h"
#include "loadgen/reply_parser.h"

namespace bmc::loadgen {

class TcpChannel final : public Channel {
 public:
  static Result<std::unique_ptr<Channel>> open(const IpAddress& server, std::uint16_t port,
                                               const ChannelContext& context);

  std::size_t room() const override {
    return context_.pipeline > waiting_.size() ? context_.pipeline - waiting_.size() : 0;
  }
  void post(std::uint64_t intended_ns) override;
  Result<bool> flush() override;
  Result<void> receive() override;
  std::size_t outstanding() const override { return waiting_.size(); }
  // A stream answers in order: whoever waits, waits.
  void give_up(std::uint64_t /*now_ns*/) override {}
  Result<void> reset() override;
  void watch(std::vector<pollfd>& watched) const override { watched.push_back({socket_.get(), POLLIN, 0}); }

 private:
  TcpChannel(const IpAddress& server, std::uint16_t port, const ChannelContext& context)
      : server_(server), port_(port), context_(context) {}

  Result<void> connect();
  // False when the stream cannot be followed any further.
  bool take_pieces(std::uint64_t now_ns);
  // Everything outstanding is lost; a new connection takes its place.
  Result<void> start_again();

  IpAddress server_;
  std::uint16_t port_;
  ChannelContext context_;
  Fd socket_;
  std::deque<Exchange> waiting_;
  std::vector<Exchange> spare_;  // their memory is used again
  std::string out_;
  std::size_t out_at_ = 0;
  ReplyStream in_;
};

}  // namespace bmc::loadgen

#endif
