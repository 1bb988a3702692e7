// SPDX-License-Identifier: Apache-2.0
// Channel: one connection of a worker, as memtier_benchmark's clients are. Made by the transports, driven by
// Worker in one thread.
#ifndef BMC_LOADGEN_CHANNEL_H
#define BMC_LOADGEN_CHANNEL_H

#include <poll.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "control-plane/result.h"
#include "loadgen/reply_judge.h"
#include "loadgen/request_source.h"

namespace bmc::loadgen {

class Channel {
 public:
  virtual ~Channel() = default;

  // Requests that may be posted now.
  virtual std::size_t room() const = 0;
  // Takes the next request from the source, to leave with the next flush(). Only where there is room().
  virtual void post(std::uint64_t intended_ns) = 0;
  // Sends what was posted. False: some of it had no place; call again.
  virtual Result<bool> flush() = 0;
  // Takes all replies that are there.
  virtual Result<void> receive() = 0;

  // Requests that may still be answered.
  virtual std::size_t outstanding() const = 0;
  // Those unanswered for too long take no room any more; their answers are still recognised.
  virtual void give_up(std::uint64_t now_ns) = 0;
  // The end of a window: what is outstanding is lost. The channel is as new afterwards.
  virtual Result<void> reset() = 0;

  // Appends what is readable when receive() has something to do. It may change with every other call.
  virtual void watch(std::vector<pollfd>& watched) const = 0;
};

// What a worker gives its channels; outlives them.
struct ChannelContext {
  Traffic& traffic;
  RequestSource& source;
  ReplyJudge& judge;
  std::uint32_t pipeline;  // requests outstanding at most
};

// Opens connection `number` (over all workers) of a transport.
using ChannelOpener =
    std::function<Result<std::unique_ptr<Channel>>(const ChannelContext& context, std::uint32_t number)>;

}  // namespace bmc::loadgen

#endif
