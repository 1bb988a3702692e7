// SPDX-License-Identifier: Apache-2.0
// Writes first inputs for the fuzzers, well-formed ones: make_seeds REQUESTS-FOLDER MACHINE-FOLDER.
#include <cstdio>
#include <fstream>
#include <string>

#include "apps/paxos/kv/server/request.h"

namespace {

constexpr std::string_view kSessions[] = {"set a 1 0 1\r\n7\r\nincr a 5\r\ngets a b\r\ndelete a noreply\r\n",
                                          "add a 0 100 2\r\nxy\r\nappend a 0 0 1\r\nz\r\nprepend a 0 0 "
                                          "0\r\n\r\ngat 10 a\r\nreplace a 0 -1 1\r\n1\r\n",
                                          "cas a 0 0 1 1\r\n1\r\ntouch a 1\r\nflush_all 2\r\ndecr a "
                                          "1\r\nflush_all noreply\r\nstats\r\nversion\r\nquit\r\n",
                                          "verbosity 1\r\nset a 0 0 2000000\r\nfoo\r\nget\r\n"};

void write(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

// The commands of a session, each as an operation of its own behind its length.
std::string operations_of(std::string_view session) {
  std::string all;
  for (auto parsed = bmc::kv::parse_request(session); parsed.request;
       parsed = bmc::kv::parse_request(session)) {
    if (parsed.request->kind == bmc::kv::Request::Kind::kCommand) {
      bmc::kv::ByteWriter out;
      bmc::kv::begin_operation(out, 1 << 20);
      bmc::kv::add_command(out, parsed.request->command);
      const std::string bytes = out.take();
      all.append({static_cast<char>(bytes.size() & 255), static_cast<char>(bytes.size() >> 8)}).append(bytes);
    }
    session.remove_prefix(parsed.consumed);
  }
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: make_seeds REQUESTS-FOLDER MACHINE-FOLDER\n");
    return 2;
  }
  int number = 0;
  for (const std::string_view session : kSessions) {
    const std::string name = "/seed" + std::to_string(number++);
    write(argv[1] + name, std::string(1, '\x10') + std::string(session));
    write(argv[2] + name, operations_of(session));
  }
  return 0;
}
