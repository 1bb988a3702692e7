// SPDX-License-Identifier: Apache-2.0
// DatagramChannel: memcached over UDP, whatever carries the datagrams: request ids, replies of several
// datagrams, those that never come or come too late. Used by the UDP and AF_XDP transports.
#ifndef BMC_LOADGEN_DATAGRAM_CHANNEL_H
#define BMC_LOADGEN_DATAGRAM_CHANNEL_H

#include <bitset>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "loadgen/channel.h"

namespace bmc::loadgen {

// How the payloads of UDP datagrams leave and arrive. One per channel.
class DatagramPort {
 public:
  virtual ~DatagramPort() = default;

  // To leave with the next flush() at the latest. Copied.
  virtual Result<void> queue(std::string_view payload) = 0;
  virtual Result<void> flush() = 0;
  // Gives every datagram that is there to `take`; the view ends with the call. A datagram with a wrong or
  // absent UDP checksum, where that is looked at, is given to `damaged` instead.
  virtual Result<void> receive(const std::function<void(std::string_view)>& take,
                               const std::function<void()>& damaged) = 0;
  // As Channel::watch().
  virtual void watch(std::vector<pollfd>& watched) const = 0;
};

class DatagramChannel : public Channel {
 public:
  DatagramChannel(const ChannelContext& context, std::unique_ptr<DatagramPort> port);

  std::size_t room() const override {
    return context_.pipeline > waiting_ ? context_.pipeline - waiting_ : 0;
  }
  void post(std::uint64_t intended_ns) override;
  Result<bool> flush() override;
  Result<void> receive() override;
  std::size_t outstanding() const override { return open_; }
  void give_up(std::uint64_t now_ns) override;
  Result<void> reset() override;
  void watch(std::vector<pollfd>& watched) const override { port_->watch(watched); }

 private:
  enum class State : std::uint8_t { kFree, kWaiting, kGivenUp };

  struct Slot {
    State state = State::kFree;
    std::uint16_t id = 0;
    Exchange exchange;
    std::vector<std::string> parts;  // of a reply of several datagrams, by their sequence
    std::size_t parts_here = 0;
  };

  Slot& slot_of(std::uint32_t id) { return slots_[id & (slots_.size() - 1)]; }
  Slot& take_slot();
  void take(std::string_view datagram, std::uint64_t now_ns);
  void take_part(Slot& slot, std::string_view datagram, std::uint64_t now_ns);
  void take_reply(Slot& slot, std::string_view text, std::uint64_t now_ns);
  void fail(Slot& slot, loadgen_counter fault, std::uint64_t now_ns);
  void finish(Slot& slot, std::uint64_t now_ns);
  void free_slot(Slot& slot);
  void lose(Slot& slot);

  ChannelContext context_;
  std::unique_ptr<DatagramPort> port_;
  std::vector<Slot> slots_;      // as many as a power of two, twice the pipeline at least
  std::uint32_t next_id_ = 0;    // its low 16 bits go on the wire
  std::uint32_t oldest_id_ = 0;  // all before it are free or given up
  std::size_t waiting_ = 0;
  std::size_t open_ = 0;     // waiting or given up
  std::bitset<65536> lost_;  // ids whose slot was taken from them: an answer to them comes late
  std::string text_;         // scratch
  Result<void> failed_;      // of a queue() since the last flush()
};

}  // namespace bmc::loadgen

#endif
