// SPDX-License-Identifier: Apache-2.0
// libFuzzer target: whatever bytes reach the machine as operations, queries and snapshots, since whoever can
// send to a replica can send any. A crash here would be a crash of every replica. The machine must stay equal
// to one that was made from its snapshot. Built with clang, run by ctest for seconds, by hand for long.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "apps/paxos/kv/machine/kv_machine.h"

namespace {

void stop_if(bool wrong, const char* what) {
  if (!wrong) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

// The next piece: its length is in the two bytes before it.
std::string_view next_piece(std::string_view& rest) {
  if (rest.size() < 2) return std::exchange(rest, {});
  const std::size_t size =
      static_cast<std::uint8_t>(rest[0]) + 256u * (static_cast<std::uint8_t>(rest[1]) & 3u);
  rest.remove_prefix(2);
  const std::string_view piece = rest.substr(0, size);
  rest.remove_prefix(piece.size());
  return piece;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  bmc::kv::KvMachine machine, twin;
  std::uint64_t now_us = 1'700'000'000'000'000;
  while (!rest.empty()) {
    const std::string_view piece = next_piece(rest);
    now_us += 400'000;
    const std::string answer = machine.apply(piece, now_us);
    stop_if(!bmc::kv::decode_result(answer), "a result that nobody can read");
    stop_if(!bmc::kv::decode_result(machine.read(piece, now_us)), "an answer that nobody can read");
    stop_if(twin.apply(piece, now_us) != answer, "a machine made from a snapshot answers differently");
    const std::string snapshot = machine.snapshot_save();
    stop_if(twin.snapshot_save() != snapshot, "a machine made from a snapshot is another");
    if (!piece.empty() && (piece[0] & 1) != 0)
      stop_if(!twin.snapshot_load(snapshot), "a snapshot that cannot be loaded");
    if (twin.snapshot_load(piece)) stop_if(!twin.snapshot_load(snapshot), "a snapshot that cannot be loaded");
  }
  return 0;
}
