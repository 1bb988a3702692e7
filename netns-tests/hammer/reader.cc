// SPDX-License-Identifier: Apache-2.0
// See reader.h.
#include "netns-tests/hammer/reader.h"

#include <algorithm>
#include <charconv>

#include "netns-tests/hammer/value.h"

namespace bmc::hammer {
namespace {

constexpr int64_t kLostAfter = 500 * lab::kMillisecond;
constexpr int64_t kForgottenAfter = 30 * lab::kSecond;
constexpr int64_t kLookEvery = 100 * lab::kMillisecond;
constexpr uint16_t kReusedIds = 3;

/// Splits the retrieval reply in one datagram into its VALUEs; false when it is malformed.
template <class OnValue, class OnEnd>
bool split_reply(std::string_view text, OnValue on_value, OnEnd on_end) {
  while (text.starts_with("VALUE ")) {
    const size_t line_end = text.find("\r\n");
    if (line_end == std::string_view::npos) return false;
    const std::string_view line = text.substr(6, line_end - 6);
    const size_t key_end = line.find(' ');
    const size_t flags_end = key_end == std::string_view::npos ? key_end : line.find(' ', key_end + 1);
    if (flags_end == std::string_view::npos) return false;
    size_t bytes = 0;
    const char* last = line.data() + line.size();
    const auto [rest, error] = std::from_chars(line.data() + flags_end + 1, last, bytes);
    if (error != std::errc() || rest != last) return false;
    text.remove_prefix(line_end + 2);
    if (text.size() < bytes + 2 || text.substr(bytes, 2) != "\r\n") return false;
    on_value(line.substr(0, key_end), text.substr(0, bytes));
    text.remove_prefix(bytes + 2);
  }
  if (text.empty()) return true;
  if (text != "END\r\n") return false;
  on_end();
  return true;
}

std::string printable(std::string_view data) {
  std::string text;
  for (const char byte : data.substr(0, 160))
    text += byte >= 0x20 && byte < 0x7f ? std::string(1, byte) : byte == '\n' ? "\\n" : ".";
  return text;
}

}  // namespace

Reader::Reader(ReaderPlan plan, Board& board, uint64_t seed)
    : plan_(std::move(plan)), board_(board), random_(seed), udp_(*plan_.netns, plan_.server) {}

void Reader::run() {
  while (!board_.stopping()) {
    fill_window();
    if (auto datagram = udp_.receive(lab::Deadline::in_ms(20))) {
      take(*datagram);
      while ((datagram = udp_.receive(lab::Deadline::in_ms(0)))) take(*datagram);
    }
    if (lab::now_ns() - looked_ns_ > kLookEvery) forget_old();
  }
}

void Reader::fill_window() {
  while (in_window_ < plan_.window)
    if (!send_one()) return;
}

std::optional<uint16_t> Reader::choose_id() {
  if (plan_.ids == RequestIds::kReused) {
    const auto first = random_.below(kReusedIds);
    for (uint16_t i = 0; i < kReusedIds; ++i) {
      const auto id = static_cast<uint16_t>(1 + (first + i) % kReusedIds);
      if (!awaited_.blurred(id)) return id;
    }
    return std::nullopt;
  }
  uint16_t id = udp_.next_id();
  while (awaited_.expects(id)) id = udp_.next_id();
  return id;
}

Asked Reader::choose_key() {
  Asked asked;
  asked.counter = random_.chance(0.1);
  if (asked.counter) {
    asked.key = random_.below(board_.counter_count());
    asked.name = board_.counter(asked.key).name;
    asked.floor = board_.counter(asked.key).oracle.before_read();
  } else {
    asked.key = random_.below(board_.key_count());
    asked.name = board_.key(asked.key).name;
    asked.bound = board_.key(asked.key).oracle.before_read(board_.clocks_reliable());
  }
  return asked;
}

bool Reader::send_one() {
  const auto id = choose_id();
  if (!id) return false;
  Request request;
  const bool many = plan_.ids == RequestIds::kUnique && random_.chance(plan_.multiget);
  for (uint64_t keys = many ? 2 + random_.below(5) : 1; keys > 0; --keys) {
    Asked asked = choose_key();
    const auto same = [&](const Asked& other) { return other.name == asked.name; };
    if (std::none_of(request.asked.begin(), request.asked.end(), same))
      request.asked.push_back(std::move(asked));
  }
  std::string text = "get";
  for (const auto& asked : request.asked) text += " " + asked.name;
  request.sent_ns = lab::now_ns();
  if (!udp_.send(*id, text + "\r\n")) return false;
  awaited_.add(*id, std::move(request));
  ++in_window_;
  ++board_.statistics.reads_sent;
  if (many) ++board_.statistics.multigets;
  return true;
}

void Reader::take(const lab::Datagram& datagram) {
  // A missing key of a multi-get: memcached 1.6 sends a frame header with nothing behind it, "0 of 0".
  if (datagram.payload.empty() && datagram.total == 0) return;
  if (datagram.total != 1 || datagram.sequence != 0 || datagram.reserved != 0) {
    board_.violation(plan_.name + ": frame header says datagram " + std::to_string(datagram.sequence) +
                     " of " + std::to_string(datagram.total) + ", reserved " +
                     std::to_string(datagram.reserved) + " for " + printable(datagram.payload));
    return;
  }
  if (!awaited_.expects(datagram.id)) {
    ++board_.statistics.late_replies;
    return;
  }
  bool had_values = false;
  const bool well_formed = split_reply(
      datagram.payload,
      [&](std::string_view key, std::string_view data) {
        had_values = true;
        take_value(datagram.id, key, data);
      },
      [&] { take_end(datagram.id, had_values); });
  if (!well_formed) board_.violation(plan_.name + ": malformed reply: " + printable(datagram.payload));
}

Verdict Reader::judge(const Asked& asked, std::string_view data) {
  if (asked.counter) {
    uint64_t value = 0;
    const auto [rest, error] = std::from_chars(data.data(), data.data() + data.size(), value);
    if (error != std::errc() || rest != data.data() + data.size()) return Verdict::kFuture;
    return board_.counter(asked.key).oracle.check_value(asked.floor, value);
  }
  const Key& key = board_.key(asked.key);
  const auto version = read_version(key.name, data);
  return version ? key.oracle.check_value(asked.bound, *version) : Verdict::kFuture;
}

void Reader::take_value(uint16_t id, std::string_view key, std::string_view data) {
  const auto good = [&](const Asked& asked) { return judge(asked, data) == Verdict::kGood; };
  const Asked* asked = awaited_.take_value(id, key, good);
  if (asked == nullptr) {
    // A duplicate of an answered request is the network's doing; a key never asked for is not.
    if (!awaited_.asked_for(id, key)) report("a key that was not asked for", id, nullptr, data);
    return;
  }
  ++board_.statistics.values_checked;
  const Verdict verdict = judge(*asked, data);
  if (verdict != Verdict::kGood) report(to_string(verdict), id, asked, data);
}

void Reader::take_end(uint16_t id, bool had_values) {
  const auto [known, request] = awaited_.take_end(id, had_values);
  if (!known || !request.lost) --in_window_;
  if (!known) {
    ++board_.statistics.misses_unchecked;
    return;
  }
  // Another datagram with values may have been overtaken by this one.
  const bool certain = (request.asked.size() == 1 || had_values) && plan_.in_order;
  for (const auto& asked : request.asked) {
    if (asked.answered || asked.counter) continue;
    if (!certain) {
      ++board_.statistics.misses_unchecked;
      continue;
    }
    ++board_.statistics.misses_checked;
    if (board_.key(asked.key).oracle.check_absent(asked.bound) != Verdict::kGood)
      report(to_string(Verdict::kLost), id, &asked, "END");
  }
}

/// Gives up waiting for lost requests, but remembers them: their replies may still come.
void Reader::forget_old() {
  looked_ns_ = lab::now_ns();
  bool lost_any = false;
  awaited_.visit([&](Request& request) {
    if (!request.lost && looked_ns_ - request.sent_ns >= kLostAfter) {
      request.lost = lost_any = true;
      --in_window_;
      ++board_.statistics.reads_lost;
    }
    return looked_ns_ - request.sent_ns > kForgottenAfter;
  });
  if (!lost_any || plan_.ids == RequestIds::kUnique) return;
  // Under reused ids a lost request would make every later check weaker: start from a fresh port.
  udp_ = lab::UdpClient(*plan_.netns, plan_.server);
  awaited_.clear();
  in_window_ = 0;
}

void Reader::report(const std::string& what, uint16_t id, const Asked* asked, std::string_view data) {
  std::string text = plan_.name + ": " + what + ": request id " + std::to_string(id) + " from " +
                     udp_.local().text() + ", got \"" + printable(data) + "\"";
  if (asked != nullptr) {
    text += ", asked for " + asked->name;
    if (asked->counter) {
      text += ", at least " + std::to_string(asked->floor);
    } else {
      const auto version = read_version(asked->name, data);
      text += ", version " + (version ? std::to_string(*version) : "unreadable") + ", at least " +
              std::to_string(asked->bound.floor) + ", present since " + std::to_string(asked->bound.present) +
              "\n  " + board_.key(asked->key).oracle.history();
    }
  }
  board_.violation(text);
}

}  // namespace bmc::hammer
