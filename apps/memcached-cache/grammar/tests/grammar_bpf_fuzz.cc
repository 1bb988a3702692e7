// SPDX-License-Identifier: Apache-2.0
// grammar_bpf_fuzz --runs N --seed S: random streams through the parser in the kernel and through the
// reference; stops at the first difference. Run by ctest for seconds, by hand for millions. Needs root.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include "apps/memcached-cache/grammar/tests/feed.h"
#include "apps/memcached-cache/grammar/tests/grammar_run.h"
#include "apps/memcached-cache/grammar/tests/stream_generator.h"
#include "grammar_test_bpf.skel.h"

namespace bmc::grammar_test {
namespace {

constexpr std::uint64_t kHashSeed = 0x0123456789abcdefull;

// The programs, loaded, and their map in our memory. Owns both.
class Kernel {
 public:
  // The programs to be timed are loaded only if wanted.
  explicit Kernel(bool timed) : programs_(grammar_test_bpf__open()) {
    if (!programs_) return;
    bpf_program__set_autoload(programs_->progs.grammar_line, timed);
    bpf_program__set_autoload(programs_->progs.grammar_nothing, timed);
    if (grammar_test_bpf__load(programs_) != 0) return;
    void* memory = mmap(nullptr, sizeof(grammar_run), PROT_READ | PROT_WRITE, MAP_SHARED,
                        bpf_map__fd(programs_->maps.run), 0);
    if (memory != MAP_FAILED) run_ = static_cast<grammar_run*>(memory);
  }
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;
  ~Kernel() {
    if (run_) munmap(run_, sizeof(grammar_run));
    grammar_test_bpf__destroy(programs_);
  }

  bool ready() const { return run_ != nullptr; }
  grammar_run& run() { return *run_; }

  // Parses what is in run(). Returns false if the program could not be run.
  bool parse() {
    unsigned char packet[64] = {};
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet, .data_size_in = sizeof(packet), .repeat = 1);
    return bpf_prog_test_run_opts(bpf_program__fd(programs_->progs.grammar_stream), &options) == 0 &&
           options.retval == 0;
  }

  // Nanoseconds a run of `program` takes on `line` as a packet's payload, the best of some.
  unsigned time(const bpf_program* program, const std::string& line) {
    std::string packet(12, '\0');
    packet += "\x88\xb5" + line;
    unsigned best = ~0u;
    for (int i = 0; i < 5; i++) {
      LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet.data(),
                  .data_size_in = static_cast<__u32>(packet.size()), .repeat = 300000);
      if (bpf_prog_test_run_opts(bpf_program__fd(program), &options) != 0) return 0;
      best = std::min(best, options.duration);
    }
    return best;
  }

  const grammar_test_bpf* programs() const { return programs_; }

 private:
  grammar_test_bpf* programs_ = nullptr;
  grammar_run* run_ = nullptr;
};

void put(grammar_run& run, std::string_view stream, bool replies, Random& random) {
  run.seed = kHashSeed;
  run.length = static_cast<std::uint32_t>(stream.size());
  run.replies = replies;
  std::memcpy(run.bytes, stream.data(), stream.size());
  const std::size_t style = random.below(3);
  for (auto& piece : run.pieces) {
    piece = static_cast<std::uint8_t>(style == 0 ? GRAMMAR_CHUNK : 1 + random.below(GRAMMAR_CHUNK));
    if (style == 1) piece = 1;
  }
}

reference::RequestStream requests_of(const grammar_run& run) {
  reference::RequestStream out;
  for (std::uint32_t i = 0; i < run.events; i++) {
    const grammar_run_event& from = run.event[i];
    reference::RequestEvent event;
    event.what = static_cast<int>(from.what);
    event.end = from.what == REQUEST_KEY ? 0 : from.end;
    event.command = from.command;
    event.command.next = 0;
    out.events.push_back(event);
  }
  while (!out.events.empty() && out.events.back().what == REQUEST_KEY) out.events.pop_back();
  out.lost = run.lost;
  out.at_boundary = run.boundary;
  out.skip = run.skip;
  out.pending = run.pending;
  return out;
}

reference::ReplyStream replies_of(const grammar_run& run) {
  reference::ReplyStream out;
  for (std::uint32_t i = 0; i < run.events; i++) {
    out.events.push_back({run.event[i].end, run.event[i].reply});
    out.events.back().reply.next = 0;
  }
  out.lost = run.lost;
  out.at_boundary = run.boundary;
  out.skip = run.skip;
  return out;
}

// One stream; what differs, or nothing. `seed` alone decides everything.
std::string run_once(Kernel& kernel, std::uint64_t seed, std::string& stream) {
  GeneratorOptions options;
  options.odd_one_in = seed % 3 == 0 ? 0 : 40 >> seed % 4;
  options.mutate = seed % 2 == 1;
  StreamGenerator generator(seed, options);
  const std::size_t kind = generator.random().below(8);
  stream = kind < 4   ? generator.ascii_requests()
           : kind < 6 ? generator.binary_requests()
                      : generator.replies();
  stream.resize(std::min<std::size_t>(stream.size(), GRAMMAR_RUN_BYTES));
  put(kernel.run(), stream, kind >= 6, generator.random());
  if (!kernel.parse()) return "the program could not be run";
  if (kind >= 6) return difference(replies_of(kernel.run()), reference::parse_replies(stream));
  return difference(requests_of(kernel.run()), reference::parse_requests(stream, kHashSeed));
}

int fuzz(Kernel& kernel, std::uint64_t runs, std::uint64_t seed) {
  const auto start = std::chrono::steady_clock::now();
  std::uint64_t bytes = 0;
  std::uint64_t events = 0;
  for (std::uint64_t i = 0; i < runs; i++) {
    std::string stream;
    const std::string different = run_once(kernel, seed + i, stream);
    if (!different.empty()) {
      std::printf("seed %llu: %s\n%s\n", static_cast<unsigned long long>(seed + i), different.c_str(),
                  printable(stream).c_str());
      return 1;
    }
    bytes += stream.size();
    events += kernel.run().events;
    if ((i + 1) % 1000000 == 0) std::printf("%llu executions\n", static_cast<unsigned long long>(i + 1));
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  std::printf("%llu executions, %llu bytes, %llu events, no difference, %.1f s\n",
              static_cast<unsigned long long>(runs), static_cast<unsigned long long>(bytes),
              static_cast<unsigned long long>(events), took.count());
  return events > runs ? 0 : 1;  // streams without events would prove nothing
}

void print_times(Kernel& kernel) {
  for (const std::string line :
       {"set key:0004 0 100 32\r\n", "set user:000012345678 0 3600 100\r\n", "get k\r\n",
        "get user:000012345678\r\n", "get key:0004 user:12345678901234 abc\r\n",
        "delete user:000012345678\r\n"}) {
    const unsigned with = kernel.time(kernel.programs()->progs.grammar_line, line);
    const unsigned without = kernel.time(kernel.programs()->progs.grammar_nothing, line);
    std::printf("%4u ns  %zu bytes  %s\n", with - without, line.size(), printable(line).c_str());
  }
}

}  // namespace
}  // namespace bmc::grammar_test

int main(int argc, char** argv) {
  std::uint64_t runs = 100000;
  std::uint64_t seed = 1;
  bool times = false;
  CLI::App app{"The grammar's BPF parser against its reference"};
  app.add_option("--runs", runs, "streams to parse")->capture_default_str();
  app.add_option("--seed", seed, "seed of the first stream; each next one has the next seed")
      ->capture_default_str();
  app.add_flag("--times", times, "print what parsing some lines costs");
  CLI11_PARSE(app, argc, argv);
  bmc::grammar_test::Kernel kernel(times);
  if (!kernel.ready()) {
    std::fprintf(stderr, "cannot load the programs; run as root on Linux 6.1 or newer\n");
    return 2;
  }
  if (times) bmc::grammar_test::print_times(kernel);
  return bmc::grammar_test::fuzz(kernel, runs, seed);
}
