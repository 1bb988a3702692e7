// SPDX-License-Identifier: Apache-2.0
// libFuzzer target: what clients send. The first byte decides how the rest is cut into pieces; the requests
// found must be the same as in one piece, every command must survive its way to the machine, and the buffer
// must stay within its bound. Built with clang, run by ctest for seconds, by hand for long.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "apps/paxos/kv/server/input_buffer.h"

namespace {

using bmc::kv::Command;
using bmc::kv::InputBuffer;
using bmc::kv::Request;

void stop_if(bool wrong, const char* what) {
  if (!wrong) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

// What the server would send to the cluster must be what the machine reads there.
std::string through_the_log(const Command& command) {
  bmc::kv::ByteWriter out;
  bmc::kv::begin_operation(out, 0);
  bmc::kv::add_command(out, command);
  std::string bytes = out.take();
  const auto operation = bmc::kv::decode_operation(bytes);
  stop_if(!operation || operation->commands.size() != 1, "a command is lost on its way");
  const Command& read = operation->commands[0];
  stop_if(read.verb != command.verb || read.keys != command.keys, "another command or key arrives");
  stop_if(is_storage(read.verb) && read.value != command.value, "another value arrives");
  return bytes;
}

// Everything that was found in `stream`, as text.
std::string feed(std::string_view stream, std::size_t piece) {
  InputBuffer buffer;
  std::string found;
  while (!stream.empty()) {
    buffer.reserve(buffer.wanted());
    stop_if(buffer.capacity() > InputBuffer::kBytesMax, "the buffer is larger than its bound");
    const auto space = buffer.space();
    stop_if(space.empty(), "there is no room for the rest of a request");
    const std::size_t some = std::min({piece, space.size(), stream.size()});
    std::memcpy(space.data(), stream.data(), some);
    buffer.received(some);
    stream.remove_prefix(some);
    while (const auto request = buffer.next()) {
      found += static_cast<char>('0' + static_cast<int>(request->kind));
      found += request->kind == Request::Kind::kCommand ? through_the_log(request->command)
                                                        : std::string(request->text);
      found += request->noreply ? 'n' : '.';
      if (request->close || request->kind == Request::Kind::kQuit) return found;
    }
  }
  return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view stream(reinterpret_cast<const char*>(data) + 1, size - 1);
  stop_if(feed(stream, 1u + data[0]) != feed(stream, stream.size() + 1), "pieces and whole differ");
  return 0;
}
