// SPDX-License-Identifier: Apache-2.0
// See operation.h.
#include "netns-tests/hammer/operation.h"

#include <time.h>

#include "netns-tests/lib/clock.h"

namespace bmc::hammer {
namespace {

using lab::BinaryOp;

constexpr int64_t kRelativeMax = 60 * 60 * 24 * 30;
constexpr int64_t kSlack = 500 * lab::kMillisecond;

constexpr uint16_t kStatusOk = 0x0000;
constexpr uint16_t kStatusNotFound = 0x0001;
constexpr uint16_t kStatusExists = 0x0002;
constexpr uint16_t kStatusNotStored = 0x0005;

char meta_mode(Verb verb) {
  switch (verb) {
    case Verb::kAdd:
      return 'E';
    case Verb::kReplace:
      return 'R';
    case Verb::kAppend:
      return 'A';
    case Verb::kPrepend:
      return 'P';
    default:
      return 'S';
  }
}

std::string encode_meta(const Operation& operation) {
  const std::string quiet = operation.quiet ? " q" : "";
  const std::string ttl = " T" + std::to_string(operation.expiry.exptime);
  if (operation.verb == Verb::kDelete) {
    const std::string opaque = operation.quiet ? " O" + std::to_string(operation.opaque) : "";
    return "md " + operation.key + opaque + quiet + "\r\n";
  }
  if (operation.verb == Verb::kTouch) return "mg " + operation.key + ttl + "\r\n";
  std::string mode;
  if (operation.verb != Verb::kSet) mode = std::string(" M") + meta_mode(operation.verb);
  return "ms " + operation.key + " " + std::to_string(operation.value.size()) + ttl + mode + quiet + "\r\n" +
         operation.value + "\r\n";
}

/// A store that needs the item ("replace", "append"): its refusal means absence.
bool needs_item(Verb verb) {
  return verb == Verb::kReplace || verb == Verb::kAppend || verb == Verb::kPrepend;
}

}  // namespace

const char* to_string(Verb verb) {
  switch (verb) {
    case Verb::kSet:
      return "set";
    case Verb::kAdd:
      return "add";
    case Verb::kReplace:
      return "replace";
    case Verb::kAppend:
      return "append";
    case Verb::kPrepend:
      return "prepend";
    case Verb::kDelete:
      return "delete";
    case Verb::kTouch:
      return "touch";
    case Verb::kGat:
      return "gat";
  }
  return "";
}

const char* to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::kDone:
      return "done";
    case Outcome::kAbsent:
      return "nothing there";
    case Outcome::kRefused:
      return "refused";
    case Outcome::kError:
      return "error";
  }
  return "";
}

int64_t Expiry::gone_ns(int64_t acknowledged_ns) const {
  if (exptime <= 0) return 0;
  const int64_t second = acknowledged_ns / lab::kSecond;
  if (exptime <= kRelativeMax) return (second + exptime + 1) * lab::kSecond + kSlack;
  timespec wall{};
  clock_gettime(CLOCK_REALTIME, &wall);
  // memcached rounds the start of both clocks down, so that an absolute time is good to a second only.
  return lab::now_ns() + (exptime - wall.tv_sec + 2) * lab::kSecond + kSlack;
}

Effect Operation::effect() const {
  if (verb == Verb::kDelete) return Effect::kRemove;
  // append and prepend keep the item's own expiry.
  const bool sets_expiry = verb != Verb::kAppend && verb != Verb::kPrepend;
  if (sets_expiry && expiry.passed()) return Effect::kRemove;
  return verb == Verb::kTouch || verb == Verb::kGat ? Effect::kRefresh : Effect::kStore;
}

std::string encode_text(const Operation& operation) {
  if (operation.meta && operation.verb != Verb::kGat) return encode_meta(operation);
  const std::string noreply = operation.quiet ? " noreply" : "";
  const std::string verb = to_string(operation.verb);
  const std::string exptime = std::to_string(operation.expiry.exptime);
  switch (operation.verb) {
    case Verb::kDelete:
      return verb + " " + operation.key + noreply + "\r\n";
    case Verb::kTouch:
      return verb + " " + operation.key + " " + exptime + noreply + "\r\n";
    case Verb::kGat:
      return verb + " " + exptime + " " + operation.key + "\r\n";
    default:
      return verb + " " + operation.key + " 0 " + exptime + " " + std::to_string(operation.value.size()) +
             noreply + "\r\n" + operation.value + "\r\n";
  }
}

std::optional<uint32_t> read_unquiet_miss(std::string_view reply) {
  constexpr std::string_view kStart = "NF O";
  if (!reply.starts_with(kStart)) return std::nullopt;
  return static_cast<uint32_t>(std::stoul(std::string(reply.substr(kStart.size()))));
}

bool has_values_reply(const Operation& operation) { return operation.verb == Verb::kGat; }

Outcome read_text_reply(const Operation& operation, std::string_view reply) {
  if (operation.verb == Verb::kGat) {
    if (reply.starts_with("VALUE ")) return Outcome::kDone;
    return reply == "END\r\n" ? Outcome::kAbsent : Outcome::kError;
  }
  for (const char* done : {"STORED\r\n", "DELETED\r\n", "TOUCHED\r\n", "HD\r\n", "HD \r\n"})
    if (reply == done) return Outcome::kDone;
  for (const char* absent : {"NOT_FOUND\r\n", "NF\r\n", "NF \r\n", "EN\r\n"})
    if (reply == absent) return Outcome::kAbsent;
  for (const char* refused : {"NOT_STORED\r\n", "NS\r\n", "NS \r\n"})
    if (reply == refused) return needs_item(operation.verb) ? Outcome::kAbsent : Outcome::kRefused;
  return Outcome::kError;
}

std::string encode_binary(const Operation& operation) {
  const bool quiet = operation.quiet;
  lab::BinaryRequest request{.key = operation.key, .opaque = operation.opaque};
  // The protocol's 32 bits are unsigned: "at once" is a time in 1970.
  const auto exptime = operation.expiry.passed() ? static_cast<uint32_t>(kRelativeMax + 1)
                                                 : static_cast<uint32_t>(operation.expiry.exptime);
  switch (operation.verb) {
    case Verb::kSet:
      request.op = quiet ? BinaryOp::kSetQ : BinaryOp::kSet;
      break;
    case Verb::kAdd:
      request.op = BinaryOp::kAdd;
      break;
    case Verb::kReplace:
      request.op = BinaryOp::kReplace;
      break;
    case Verb::kAppend:
      request.op = BinaryOp::kAppend;
      break;
    case Verb::kPrepend:
      request.op = BinaryOp::kPrepend;
      break;
    case Verb::kDelete:
      request.op = quiet ? BinaryOp::kDeleteQ : BinaryOp::kDelete;
      break;
    case Verb::kTouch:
      request.op = BinaryOp::kTouch;
      break;
    case Verb::kGat:
      request.op = BinaryOp::kGat;
      break;
  }
  if (operation.verb == Verb::kTouch || operation.verb == Verb::kGat) {
    request.extras = lab::big_endian32(exptime);
  } else if (operation.verb != Verb::kDelete) {
    request.value = operation.value;
    if (operation.verb != Verb::kAppend && operation.verb != Verb::kPrepend)
      request.extras = lab::store_extras(0, exptime);
  }
  return encode(request);
}

Outcome read_binary_reply(const Operation& operation, const lab::BinaryResponse& response) {
  switch (response.status) {
    case kStatusOk:
      return Outcome::kDone;
    case kStatusNotFound:
      return Outcome::kAbsent;
    case kStatusExists:
      return operation.verb == Verb::kAdd ? Outcome::kRefused : Outcome::kError;
    case kStatusNotStored:
      return needs_item(operation.verb) ? Outcome::kAbsent : Outcome::kRefused;
    default:
      return Outcome::kError;
  }
}

}  // namespace bmc::hammer
