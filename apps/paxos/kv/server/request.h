// SPDX-License-Identifier: Apache-2.0
// One request of memcached's ASCII protocol, and the function that finds it in what a client has sent. It
// gives the answers of memcached 1.6 to whatever is wrong with a request. Pure; the fuzzer calls it, too.
#ifndef BMC_KV_SERVER_REQUEST_H
#define BMC_KV_SERVER_REQUEST_H

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "apps/paxos/kv/machine/command.h"

namespace bmc::kv {

// As memcached's; but of retrievals, which have no limit there, the line is limited, too.
constexpr std::size_t kLineBytesMax = 2048;
constexpr std::size_t kRetrievalLineBytesMax = 256 * 1024;

struct Request {
  enum class Kind : std::uint8_t {
    kCommand,  // for the replicated machine
    kText,     // answered by `text`
    kStats,    // `text` is the argument, or empty
    kQuit,
  };

  Kind kind = Kind::kText;
  Command command;        // kCommand; its strings are in the input
  bool with_cas = false;  // kCommand: gets, gats
  bool noreply = false;   // kCommand, kText: nothing is sent, not even an error
  std::string_view text;  // kText: with its end of line
  std::size_t skip = 0;   // bytes behind the request that belong to it and are thrown away
  bool close = false;     // the rest cannot be understood: the connection ends after the answer
};

struct Parsed {
  std::optional<Request> request;
  std::size_t consumed = 0;  // with a request: its bytes at the beginning of the input
  std::size_t needed = 0;    // without: bytes the input must have before it is worth looking again
};

// Looks for the request at the beginning of `input`. What it returns points into `input` and into constants.
Parsed parse_request(std::string_view input);

}  // namespace bmc::kv

#endif
