// SPDX-License-Identifier: Apache-2.0
// Streams, scenes and segmentation; the commands themselves are in commands.cc. See generator.h.
#include "netns-tests/compare/generator.h"

#include <algorithm>

#include "apps/memcached-cache/grammar/reference/reference_request.h"
#include "netns-tests/lib/udp_client.h"

namespace bmc::compare {
namespace {

/// Whether the end of `commands` is sure, and whose each reply is: a meta command with `q` may answer or not.
bool keeps_position(std::string_view commands) {
  const reference::RequestStream stream = reference::parse_requests(commands, 0);
  return !stream.lost && stream.at_boundary &&
         std::none_of(stream.events.begin(), stream.events.end(), [](const reference::RequestEvent& event) {
           return (event.command.flags & (REQUEST_QUIET | REQUEST_BINARY)) == REQUEST_QUIET;
         });
}

}  // namespace

Generator::Generator(uint64_t seed, GeneratorOptions options) : random_(seed), options_(options) {}

Step Generator::next() {
  if (queued_.empty() && random_.chance(options_.scenes)) {
    if (random_.chance(0.6)) {
      begin_expiry_scene();
    } else {
      begin_flush_scene();
    }
  }
  if (queued_.empty()) return send_step();
  Step step = std::move(queued_.front());
  queued_.pop_front();
  return step;
}

Channel Generator::any_channel() {
  constexpr Channel kOften[] = {Channel::kText4,        Channel::kText4,     Channel::kText6,
                                Channel::kTextLoopback, Channel::kBinary4,   Channel::kBinary6,
                                Channel::kUdp4,         Channel::kUdp6,      Channel::kUdp4,
                                Channel::kUdp6,         Channel::kUdpBinary4};
  return random_.pick(kOften);
}

Channel Generator::udp_channel() { return random_.chance(0.5) ? Channel::kUdp4 : Channel::kUdp6; }

Step Generator::send_step() {
  // The accelerated ones.
  if (random_.chance(options_.reads)) {
    std::string line = "get " + (random_.chance(0.6) ? last_key_ : key());
    for (uint64_t more = random_.chance(0.15) ? random_.below(8) : 0; more > 0; --more) line += " " + key();
    return wrap(udp_channel(), {line + "\r\n"});
  }
  Channel channel = any_channel();
  if (options_.udp_gets_only && is_udp(channel)) channel = Channel::kText4;
  if (is_udp(channel)) {
    Commands commands = channel == Channel::kUdpBinary4 ? binary_command() : datagram();
    while (commands.may_hang || commands.bytes.size() > 1392) commands = binary_command();
    Step step = wrap(channel, std::move(commands));
    if (random_.chance(0.05)) odd_frame(step);
    return step;
  }
  Commands all;
  for (uint64_t count = random_.chance(0.3) ? 1 + random_.below(6) : 1; count > 0; --count) {
    Commands one = is_binary(channel) ? binary_command() : text_command();
    while (options_.well_formed && !keeps_position(one.bytes))
      one = is_binary(channel) ? binary_command() : text_command();
    // What makes the server close, or wait for more, goes alone: what else it had read by then is chance.
    one.alone = one.alone || one.may_hang;
    if (one.alone && !all.bytes.empty()) continue;
    all = {all.bytes + one.bytes, one.ends_quiet, one.may_hang, one.alone};
    if (one.alone) break;
  }
  return wrap(channel, std::move(all));
}

Step Generator::wrap(Channel channel, Commands commands) {
  Step step{.channel = channel,
            .bytes = std::move(commands.bytes),
            .ends_quiet = commands.ends_quiet,
            .may_hang = commands.may_hang};
  if (is_udp(channel) || step.may_hang || !random_.chance(0.35)) return step;
  for (uint64_t count = 1 + random_.below(4); count > 0; --count)
    step.cuts.push_back(1 + random_.below(step.bytes.size()));
  std::sort(step.cuts.begin(), step.cuts.end());
  if (random_.chance(0.4)) step.mode = lab::CutMode::kAcknowledged;
  return step;
}

void Generator::reads_of(const std::string& name) {
  for (int i = 0; i < 4; ++i) queued_.push_back(wrap(udp_channel(), {"get " + name + "\r\n"}));
}

/// Items with a life of three seconds, by every way to give them one; read at once, and again when they are
/// gone.
void Generator::begin_expiry_scene() {
  const std::string prefix = "x" + std::to_string(scenes_++) + ".";
  std::vector<std::string> keys;
  for (int i = 0; i < 6; ++i) keys.push_back(prefix + std::to_string(i));
  const auto text = [&](const std::string& bytes) { queued_.push_back(wrap(Channel::kText4, {bytes})); };
  text("set " + keys[0] + " 5 3 5\r\nthree\r\n");
  text("ms " + keys[1] + " 5 T3\r\nthree\r\n");
  text("set " + keys[2] + " 5 0 5\r\nnever\r\ntouch " + keys[2] + " 3\r\n");
  text("set " + keys[3] + " 5 0 5\r\nnever\r\ngat 3 " + keys[3] + "\r\n");
  text("set " + keys[4] + " 5 0 5\r\nnever\r\nmg " + keys[4] + " T3\r\n");
  queued_.push_back(wrap(Channel::kUdp6, {"set " + keys[5] + " 5 3 5\r\nthree\r\n"}));
  for (const auto& name : keys) reads_of(name);
  queued_.push_back({.kind = StepKind::kWaitGone, .keys = keys});
  for (const auto& name : keys) reads_of(name);
}

/// flush_all with a delay, or at once.
void Generator::begin_flush_scene() {
  const std::string name = "x" + std::to_string(scenes_++) + ".flushed";
  queued_.push_back(wrap(Channel::kText6, {"set " + name + " 0 0 5\r\nalive\r\n"}));
  reads_of(name);
  queued_.push_back(wrap(Channel::kTextLoopback, {"flush_all 3\r\n"}));
  reads_of(name);
  queued_.push_back({.kind = StepKind::kWaitGone, .keys = {name}});
  reads_of(name);
  queued_.push_back({.kind = StepKind::kWaitTick});
  reads_of(name);
  for (int i = 0; i < 8; ++i) queued_.push_back(wrap(Channel::kText4, storage_command()));
}

/// A frame header memcached ignores or refuses, or one with a field nobody looks at.
void Generator::odd_frame(Step& step) {
  // The id is put in front: here sequence, total, reserved.
  const std::string kOdd[] = {std::string("\0\1\0\1\0\0", 6), std::string("\0\0\0\2\0\0", 6),
                              std::string("\0\0\0\0\0\0", 6), std::string("\0\0\1\1\0\0", 6),
                              std::string("\0\0\0\1\0\7", 6), std::string("\0\0\0\1\1\0", 6)};
  step.frame_header = random_.pick(kOdd);
  step.ends_quiet = true;
}

}  // namespace bmc::compare
