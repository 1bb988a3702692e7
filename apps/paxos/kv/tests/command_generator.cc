// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/kv/tests/command_generator.h"

#include <array>

namespace bmc::kv::test {

std::string CommandGenerator::key(std::size_t bytes_max) {
  if (one_in(40)) return std::string(bytes_max - below(4), 'k');
  return std::string(1, static_cast<char>('a' + below(8)));
}

// Never begins with a space, holds no minus: memcached then reads on behind the value.
std::string CommandGenerator::value() {
  if (one_in(10)) return "";
  if (!one_in(3)) return number();
  constexpr std::string_view kBytes("x1 \r\n\0+~\xff", 9);
  std::string text(1, one_in(2) ? 'x' : '1');
  for (auto size = below(6); size > 0; --size) text += kBytes[below(kBytes.size())];
  return text;
}

std::string CommandGenerator::number() {
  constexpr std::array kSome = {0ull, 1ull, 9ull, 10ull, 99ull, 4294967295ull, 9223372036854775807ull};
  if (one_in(3)) return std::to_string(kSome[below(kSome.size())]);
  return std::to_string(below(1000));
}

std::string CommandGenerator::exptime() {
  constexpr std::array kSome = {"-1", "100", "2592000", "2592001", "1000000000", "+5000", "0100"};
  return one_in(3) ? kSome[below(kSome.size())] : "0";
}

std::string CommandGenerator::storage() {
  constexpr std::size_t kTooLong = 252;
  constexpr std::array kVerbs = {"set", "set", "set", "add", "replace", "append", "prepend", "cas"};
  const std::string verb = kVerbs[below(kVerbs.size())];
  const std::string data = value();
  // cas: the uniques of a short stream are small.
  const std::string unique = verb == "cas" ? " " + std::to_string(below(60)) : "";
  return verb + " " + key(kTooLong) + " " + number() + " " + exptime() + " " + std::to_string(data.size()) +
         unique + noreply() + "\r\n" + data + "\r\n";
}

std::string CommandGenerator::retrieval() {
  switch (below(4)) {
    case 0:
      return std::string(one_in(2) ? "gat " : "gats ") + exptime() + " " + key() + " " + key() + "\r\n";
    case 1:
      return "get " + key() + " " + key() + "\r\n";
    default:
      return "gets " + key() + " " + key() + " " + key() + "\r\n";
  }
}

std::string CommandGenerator::change() {
  switch (below(9)) {
    case 0:
      return "delete " + key() + noreply() + "\r\n";
    case 1:
      return "incr " + key() + " " + number() + noreply() + "\r\n";
    case 2:
      return "decr " + key() + " " + number() + noreply() + "\r\n";
    case 3:
      return "touch " + key() + " " + exptime() + noreply() + "\r\n";
    case 4:
      return (one_in(10) ? "flush_all" : "verbosity 1") + noreply() + "\r\n";
    default:
      return storage();
  }
}

std::string CommandGenerator::spoil(std::string request) {
  constexpr std::array<std::string_view, 14> kWords = {" ",
                                                       "  ",
                                                       " 0",
                                                       " x",
                                                       " -1",
                                                       " noreply",
                                                       "\r\n",
                                                       "\n",
                                                       "\r",
                                                       " +1",
                                                       "9",
                                                       "s",
                                                       std::string_view("\0", 1),
                                                       "\t"};
  const std::size_t line = request.find('\n');
  if (request.starts_with('g') && line > 200) return request;  // see key()
  for (auto times = 1 + below(3); times > 0; --times) {
    const std::size_t place = below(line);
    if (place >= request.size()) break;
    switch (below(4)) {
      case 0:
        request.erase(place, 1);
        break;
      case 1:
        request.insert(place, kWords[below(kWords.size())]);
        break;
      case 2:  // a word left out
        request.erase(place, std::string_view(request).substr(place).find(' '));
        break;
      default:  // a word twice
        request.insert(place, request.substr(place, request.find(' ', place) - place));
    }
  }
  return request;
}

std::string CommandGenerator::spoilt_stream(std::size_t requests) {
  std::string stream;
  for (std::size_t i = 0; i < requests; ++i) {
    std::string next = 3 * i < 2 * requests ? change() : retrieval();
    stream += one_in(2) ? spoil(std::move(next)) : next;
  }
  return stream;
}

}  // namespace bmc::kv::test
