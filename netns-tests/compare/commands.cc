// SPDX-License-Identifier: Apache-2.0
// Generator: the single commands, well-formed and not. See generator.h.
#include "netns-tests/compare/generator.h"
#include "netns-tests/lib/binary_protocol.h"

namespace bmc::compare {
namespace {

constexpr unsigned kKeys = 24;
constexpr char kHundred[] =
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789";

}  // namespace

std::string Generator::key() {
  // Squared: a few keys are hot.
  const uint64_t bound = 1 + random_.below(kKeys);
  last_key_ = "k" + std::to_string(random_.below(bound));
  if (random_.chance(0.03)) last_key_ += std::string(random_.below(249 - last_key_.size()), 'p');
  return last_key_;
}

std::string Generator::odd_key() {
  switch (random_.below(6)) {
    case 0:
      return std::string(250, 'q');
    case 1:
      return std::string(251 + random_.below(60), 'r');
    case 2:
      return "k\x01";
    case 3:
      return "\xc3\xa4";
    case 4:
      return "k0\x7f";
    default:
      return "K0";
  }
}

std::string Generator::value() {
  constexpr char kTexts[][24] = {"\r\n",
                                 "END\r\n",
                                 "set k0 0 0 1\r\nx\r\n",
                                 "VALUE k0 0 1\r\nx\r\n",
                                 "delete k1",
                                 "\n",
                                 "flush_all\r\n",
                                 "noreply",
                                 "get k0\r",
                                 "\x80\x01\x02",
                                 "abc",
                                 "1234567890"};
  switch (random_.below(8)) {
    case 0:
      return "";
    case 1:
      return std::to_string(random_.below(1000));
    case 2:
      // memcached 1.6.18 takes a number from 2^63 on for none where a '-' happens to stand behind it, in what
      // an earlier item left in the chunk: twins may differ in that.
      return std::to_string(random_.next() >> 2);
    case 3:
      return std::string(random_.below(1500), 'v');
    default: {
      std::string text;
      for (uint64_t parts = 1 + random_.below(5); parts > 0; --parts) text += random_.pick(kTexts);
      return text;
    }
  }
}

std::string Generator::flags() {
  constexpr const char* kFlags[] = {"0", "0", "0", "1", "65535", "4294967295", "007"};
  return random_.pick(kFlags);
}

/// Never, long, long past: nothing that ends while the run looks.
std::string Generator::exptime() {
  constexpr const char* kTimes[] = {"0",    "0",       "0",       "0",          "0", "0",
                                    "1000", "2592000", "2592001", "4102444800", "-1"};
  return random_.pick(kTimes);
}

Generator::Commands Generator::text_command() {
  const uint64_t dice = random_.below(100);
  if (dice < 35) return storage_command();
  if (dice < 55) return retrieval_command();
  if (dice < 75) return small_command();
  if (dice < 95 || options_.well_formed) return meta_command();
  return malformed_command();
}

Generator::Commands Generator::store(const std::string& verb, const std::string& flag,
                                     const std::string& time) {
  const std::string data = value();
  std::string line = verb + " " + key() + " " + flag + " " + time + " " + std::to_string(data.size());
  if (verb == "cas") line += " " + std::to_string(1 + random_.below(200));
  return {line + "\r\n" + data + "\r\n"};
}

Generator::Commands Generator::storage_command() {
  constexpr const char* kVerbs[] = {"set", "set", "set", "add", "replace", "append", "prepend", "cas"};
  Commands commands = store(random_.pick(kVerbs), flags(), exptime());
  commands.ends_quiet = random_.chance(0.2);
  if (commands.ends_quiet) commands.bytes.insert(commands.bytes.find("\r\n"), " noreply");
  return commands;
}

/// A line memcached refuses; what was to be the value is then read as commands.
Generator::Commands Generator::bad_store() {
  constexpr const char* kBadFlags[] = {"4294967296", "-1", "x"};
  Commands commands =
      random_.chance(0.5) ? store("set", random_.pick(kBadFlags), "0") : store("set", "0", "x");
  commands.may_hang = true;
  return commands;
}

Generator::Commands Generator::retrieval_command() {
  constexpr const char* kVerbs[] = {"get", "get", "gets", "gat", "gats"};
  std::string line = random_.pick(kVerbs);
  if (line.starts_with("gat")) line += random_.chance(0.2) ? " -1" : random_.chance(0.5) ? " 0" : " 1000";
  for (uint64_t keys = 1 + random_.below(random_.chance(0.05) ? 40 : 4); keys > 0; --keys)
    line += " " + key();
  return {line + "\r\n"};
}

Generator::Commands Generator::small_command() {
  const bool quiet = random_.chance(0.2);
  const std::string noreply = quiet ? " noreply" : "";
  // None that soon adds up to 2^63, see value().
  constexpr const char* kDeltas[] = {"1",  "10", "1000000000000000000", "0",
                                     "-1", "x",  "99999999999999999999"};
  const uint64_t dice = random_.below(100);
  if (dice < 35) return {"delete " + key() + (random_.chance(0.2) ? " 0" : "") + noreply + "\r\n", quiet};
  if (dice < 55)
    return {"incr " + key() + " " + random_.pick(kDeltas) + noreply + "\r\n", quiet, false, true};
  if (dice < 70)
    return {"decr " + key() + " " + random_.pick(kDeltas) + noreply + "\r\n", quiet, false, true};
  if (dice < 88) return {"touch " + key() + (random_.chance(0.2) ? " -1" : " 0") + noreply + "\r\n", quiet};
  if (dice < 90) return {"flush_all" + noreply + "\r\n", quiet};
  if (dice < 91) return {"flush_all 0" + noreply + "\r\n", quiet};
  if (dice < 95) return {"version\r\n"};
  if (dice < 98) return {"mn\r\n"};
  return {"verbosity 0" + noreply + "\r\n", quiet};
}

std::string Generator::meta_flags(const char* letters) {
  std::string text;
  for (const char* letter = letters; *letter != '\0'; ++letter) {
    if (!random_.chance(0.3)) continue;
    text += std::string(" ") + *letter;
    if (*letter == 'O') text += std::to_string(random_.below(1000));
    if (*letter == 'T' || *letter == 'N')
      text += random_.chance(0.1) ? "-1" : random_.chance(0.5) ? "0" : "2000";
    if (*letter == 'R') text += "30";
    if (*letter == 'F') text += std::to_string(random_.below(70000));
    if (*letter == 'C') text += std::to_string(1 + random_.below(200));
    if (*letter == 'D' || *letter == 'J') text += std::to_string(random_.below(100));
  }
  return text;
}

Generator::Commands Generator::meta_command() {
  constexpr const char* kModes[] = {"", "", "", " MS", " ME", " MA", " MP", " MR", " Ms", " Mset", " Mx"};
  constexpr const char* kArithmetic[] = {"", "", " MI", " MD", " M+", " M-", " Mx"};
  const bool quiet = random_.chance(0.2);
  const std::string name = random_.chance(0.05) ? "azA= b" : key();
  const std::string q = quiet ? " q" : "";
  switch (random_.below(5)) {
    case 0:
      return {"mg " + name + meta_flags("vfskOchNRTE") + q + "\r\n", quiet};
    case 1: {
      const std::string data = value();
      return {"ms " + name + " " + std::to_string(data.size()) + meta_flags("kOcFICT") +
                  random_.pick(kModes) + q + "\r\n" + data + "\r\n",
              quiet};
    }
    case 2:
      return {"md " + name + meta_flags("kOICT") + q + "\r\n", quiet};
    case 3:
      return {"ma " + name + meta_flags("kOcvNJDCT") + random_.pick(kArithmetic) + q + "\r\n", quiet, false,
              true};
    default:
      return {random_.chance(0.5) ? "me no-such-key\r\n" : "mn\r\n"};
  }
}

Generator::Commands Generator::malformed_command() {
  const std::string data = value();
  const std::string size = std::to_string(data.size());
  switch (random_.below(25)) {
    case 0:
      return {"get\r\n"};
    case 1:
      return {"GET " + key() + "\r\n"};
    case 23:
      return {"get  " + key() + "  " + key() + " \r\n"};
    case 3:
      return {"get " + key() + "\n"};
    case 2:
      return {"get " + odd_key() + "\r\n", false, false, true};  // an error here drops replies not yet sent
    case 4:
      return bad_store();
    case 5:
      return {"set " + odd_key() + " 0 0 " + size + "\r\n" + data + "\r\n", false, true};
    case 6:
      return {"set " + key() + " 0 0\r\n"};
    case 7:
      return {"set " + key() + " 0 0 -1\r\n"};
    case 8:
      return {"set " + key() + " 0 0 3\r\nlonger\r\n", false, true};
    case 9:
      return {"set " + key() + " 0 0 " + size + "\n" + data + "\r\n", false, true};
    case 10:
      return {"\r\n"};
    case 11:
      return {"nonsense " + key() + "\r\n"};
    case 12:
      return {" get " + key() + "\r\n"};
    case 13:
      return {"delete " + key() + " 5\r\n"};
    case 14:
      return {"delete\r\n"};
    case 15:
      return {"incr " + key() + "\r\n"};
    case 16:
      return {"set " + key() + " 0 0 1048577\r\n" + std::string(1048577, 'L') + "\r\n", false, true};
    case 17:
      return {"get " + std::string(2100, 'z') + "\r\n", false, true};
    case 18:
      return {"ms " + key() + " S5\r\nhello\r\n", false, true};
    case 19:
      return {"mg " + odd_key() + " v v\r\n", false, true};
    case 20:
      return {"set " + key() + " 0 0 5 noreply trailing\r\nhello\r\n", true, true};
    case 21:
      return {"quit\r\n", false, true};
    case 22:
      return {"get " + key() + std::string("\0", 1) + "x\r\n", false, true};
    default:
      return {std::string("cas ") + key() + " 0 0 5\r\nhello\r\n", false, true};
  }
}

/// What one UDP datagram may hold: one command, sometimes more. Never one whose value ends in a later
/// datagram.
Generator::Commands Generator::datagram() {
  for (;;) {
    Commands commands = random_.chance(0.9) ? text_command() : malformed_command();
    if (commands.may_hang || commands.bytes.size() > 1392) continue;
    if (random_.chance(0.05)) commands.bytes += "get " + key() + "\r\n";
    if (random_.chance(0.02)) commands.bytes += "trailing";
    return commands;
  }
}

Generator::Commands Generator::binary_command() {
  using lab::BinaryOp;
  constexpr BinaryOp kStores[] = {BinaryOp::kSet,  BinaryOp::kAdd,  BinaryOp::kReplace,
                                  BinaryOp::kSetQ, BinaryOp::kAddQ, BinaryOp::kReplaceQ};
  constexpr BinaryOp kGrows[] = {BinaryOp::kAppend, BinaryOp::kPrepend, BinaryOp::kAppendQ,
                                 BinaryOp::kPrependQ};
  constexpr BinaryOp kCounts[] = {BinaryOp::kIncrement, BinaryOp::kDecrement, BinaryOp::kIncrementQ,
                                  BinaryOp::kDecrementQ};
  constexpr BinaryOp kBare[] = {BinaryOp::kGet, BinaryOp::kGetK,   BinaryOp::kGetQ,   BinaryOp::kGetKQ,
                                BinaryOp::kGet, BinaryOp::kDelete, BinaryOp::kDeleteQ};
  constexpr BinaryOp kTouches[] = {BinaryOp::kTouch, BinaryOp::kGat, BinaryOp::kGatQ, BinaryOp::kGatK,
                                   BinaryOp::kGatKQ};
  const uint32_t exptime = random_.chance(0.7) ? 0 : random_.chance(0.5) ? 1000 : 2'592'001;
  lab::BinaryRequest request{.key = key(), .opaque = static_cast<uint32_t>(random_.next())};
  const uint64_t dice = random_.below(100);
  if (dice < 35) {
    request.op = random_.pick(kStores);
    request.extras = lab::store_extras(static_cast<uint32_t>(random_.below(70000)), exptime);
    request.value = value();
    if (random_.chance(0.1)) request.cas = 1 + random_.below(200);
  } else if (dice < 45) {
    request.op = random_.pick(kGrows);
    request.value = value();
  } else if (dice < 60) {
    request.op = random_.pick(kCounts);
    const uint32_t create = random_.chance(0.3) ? 0xffffffffu : 0;
    request.extras = lab::counter_extras(random_.below(100), random_.below(100), create);
  } else if (dice < 80) {
    request.op = random_.pick(kBare);
  } else if (dice < 90) {
    request.op = random_.pick(kTouches);
    request.extras = lab::big_endian32(exptime);
  } else if (dice < 92) {
    request = {.op = random_.chance(0.5) ? BinaryOp::kFlush : BinaryOp::kFlushQ, .opaque = request.opaque};
  } else if (dice < 97) {
    request = {.op = random_.chance(0.5) ? BinaryOp::kVersion : BinaryOp::kNoop, .opaque = request.opaque};
  } else {
    // Wrong extras, empty key, unknown opcode: the server answers with an error or closes.
    request.op = static_cast<BinaryOp>(random_.below(256));
    request.extras = std::string(kHundred, random_.below(12));
    if (random_.chance(0.3)) request.key.clear();
    if (request.op == BinaryOp::kStat || request.op == BinaryOp::kQuit) request.op = BinaryOp::kNoop;
    return {lab::encode(request), true, true};
  }
  // Quiet ones answer only in one case of two; a barrier behind each is simpler than knowing which.
  const bool counts = dice >= 45 && dice < 60;
  return {lab::encode(request), true, false, counts};
}

}  // namespace bmc::compare
