// SPDX-License-Identifier: Apache-2.0
// The generator's and the checker's programs over BPF_PROG_TEST_RUN: frames against build_request(), verdicts
// and counters against check_payload(). Needs root.
#include "loadgen/programs.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>

#include <cstring>

#include "loadgen/workload_abi.h"

namespace bmc::loadgen {
namespace {

using Bytes = std::vector<std::uint8_t>;

struct Case {
  const char* name;
  int family = 4;
  WorkloadOptions workload = {};
};

Link link_of(int family) {
  const bool v4 = family == 4;
  return {*parse_mac("02:00:00:00:00:02"), *parse_mac("02:00:00:00:00:01"),
          *IpAddress::parse(v4 ? "10.98.0.2" : "fd98::2"), *IpAddress::parse(v4 ? "10.98.0.1" : "fd98::1"),
          11211};
}

struct Outcome {
  std::uint32_t verdict;
  Bytes frame;
};

Outcome run(int program_fd, Bytes frame) {
  Bytes out(2048);
  LIBBPF_OPTS(bpf_test_run_opts, opts);
  opts.data_in = frame.data();
  opts.data_size_in = static_cast<__u32>(frame.size());
  opts.data_out = out.data();
  opts.data_size_out = static_cast<__u32>(out.size());
  EXPECT_EQ(bpf_prog_test_run_opts(program_fd, &opts), 0) << strerror(errno);
  out.resize(opts.data_size_out);
  return {opts.retval, out};
}

void refresh_checksum(Bytes& frame, const Link& link) {
  const std::size_t ip = link.server.family == 4 ? 20 : 40, udp = 14 + ip;
  const std::size_t address = link.server.family == 4 ? 4 : 16;
  std::uint64_t sum =
      ones_sum(link.client.bytes.data(), address) + ones_sum(link.server.bytes.data(), address);
  sum += htons(static_cast<std::uint16_t>(frame.size() - udp)) + htons(17);
  frame[udp + 6] = frame[udp + 7] = 0;
  const auto total = static_cast<std::uint16_t>(~ones_sum(frame.data() + udp, frame.size() - udp, sum));
  std::memcpy(&frame[udp + 6], &total, 2);
}

// A reply to a request's frame: addresses and ports swapped, another payload, lengths and checksum set.
Bytes reply_to(const Bytes& request, const Link& link, const std::string& payload) {
  const std::size_t ip = link.server.family == 4 ? 20 : 40, udp = 14 + ip;
  Bytes reply(request.begin(), request.begin() + static_cast<std::ptrdiff_t>(udp + 8));
  reply.insert(reply.end(), payload.begin(), payload.end());
  std::swap_ranges(reply.begin(), reply.begin() + 6, reply.begin() + 6);
  const std::size_t from = link.server.family == 4 ? 26 : 22, size = link.server.family == 4 ? 4 : 16;
  const auto source = reply.begin() + static_cast<std::ptrdiff_t>(from);
  std::swap_ranges(source, source + static_cast<std::ptrdiff_t>(size),
                   source + static_cast<std::ptrdiff_t>(size));
  std::swap_ranges(reply.begin() + static_cast<std::ptrdiff_t>(udp),
                   reply.begin() + static_cast<std::ptrdiff_t>(udp + 2),
                   reply.begin() + static_cast<std::ptrdiff_t>(udp + 2));
  const auto put16 = [&](std::size_t at, std::size_t value) {
    reply[at] = static_cast<std::uint8_t>(value >> 8);
    reply[at + 1] = static_cast<std::uint8_t>(value);
  };
  put16(udp + 4, 8 + payload.size());
  put16(link.server.family == 4 ? 16 : 18, (link.server.family == 4 ? 28 : 8) + payload.size());
  refresh_checksum(reply, link);
  return reply;
}

class ProgramsTest : public ::testing::TestWithParam<Case> {
 protected:
  ProgramsTest()
      : link_(link_of(GetParam().family)),
        workload_(*Workload::create(GetParam().workload)),
        programs_(load()) {}

  Programs load() {
    KernelOptions options;
    options.link = link_;
    options.slots = 1 << 10;
    auto programs = Programs::load(options, workload_);
    EXPECT_TRUE(programs) << programs.error().what;
    return *std::move(programs);
  }

  // Makes requests due at once, all of them.
  void open_schedule(std::uint64_t sequence) {
    loadgen_pace& pace = programs_.pace();
    pace = {};
    pace.active = 1;
    pace.port_base = 20000;
    pace.end_ns = ~0ull;
    pace.interval_q10 = 1;
    pace.remaining = ~0ull;
    pace.sequence = sequence;
  }

  // The next request, over a frame that still holds what another packet left there.
  Outcome generate() { return run(programs_.generate_fd(), Bytes(programs_.frame_size(), 0xee)); }

  std::uint16_t port_of(std::uint64_t sequence) const {
    return static_cast<std::uint16_t>(20000 + (sequence & 15));
  }
  std::uint16_t id_of(std::uint64_t sequence) const { return static_cast<std::uint16_t>(sequence >> 4); }
  std::string header(std::uint64_t sequence) const {
    const std::uint16_t id = id_of(sequence);
    return {static_cast<char>(id >> 8), static_cast<char>(id), 0, 0, 0, 1, 0, 0};
  }
  std::string right_payload(std::uint64_t sequence) const {
    std::string text = header(sequence);
    for (const std::uint32_t index : workload_.asked(sequence)) text += workload_.record(index);
    return text + "END\r\n";
  }

  std::uint64_t counted(loadgen_counter counter) const { return programs_.stats()->counter[counter]; }
  std::uint64_t counted_wrong() const {
    std::uint64_t sum = 0;
    for (int reason = LOADGEN_FIRST_WRONG; reason < LOADGEN_COUNTER_COUNT; ++reason)
      sum += counted(static_cast<loadgen_counter>(reason));
    return sum;
  }

  Link link_;
  Workload workload_;
  Programs programs_;
};

TEST_P(ProgramsTest, EveryByteOfARequestIsWritten) {
  for (const std::uint64_t first : {0ull, 15ull, 0xfffffull, 0x123456789abull}) {
    open_schedule(first);
    for (std::uint64_t sequence = first; sequence < first + 40; ++sequence) {
      const Outcome made = generate();
      ASSERT_EQ(made.verdict, static_cast<std::uint32_t>(XDP_TX));
      ASSERT_EQ(made.frame, build_request(link_, workload_, port_of(sequence), id_of(sequence), sequence))
          << sequence;
    }
    EXPECT_EQ(programs_.pace().sent, 40u);
    ASSERT_TRUE(programs_.clear());
  }
}

TEST_P(ProgramsTest, NothingIsSentBeforeAfterOrWithoutASchedule) {
  const auto sends = [&] { return generate().verdict == XDP_TX; };
  open_schedule(0);
  EXPECT_TRUE(sends());
  programs_.pace().active = 0;
  EXPECT_FALSE(sends());
  open_schedule(1);
  programs_.pace().start_ns = ~0ull - 1;
  EXPECT_FALSE(sends());
  open_schedule(2);
  programs_.pace().end_ns = 1;
  EXPECT_FALSE(sends());
  open_schedule(3);
  programs_.pace().remaining = 0;
  EXPECT_FALSE(sends());
  open_schedule(4);
  programs_.pace().next_q10 = ~0ull;
  EXPECT_FALSE(sends());
}

TEST_P(ProgramsTest, ASlotThatWaitsIsPassedOverUntilItsReplyIsLost) {
  open_schedule(0);
  for (int i = 0; i < 1024; ++i) ASSERT_EQ(generate().verdict, static_cast<std::uint32_t>(XDP_TX));
  EXPECT_EQ(generate().verdict, static_cast<std::uint32_t>(XDP_DROP));  // all 1024 are outstanding
  EXPECT_EQ(programs_.pace().stalled, 1u);
  const std::uint64_t next = programs_.pace().sequence;
  programs_.slots()[static_cast<std::uint32_t>(next + 3) & 1023].outstanding = 0;  // one is answered
  const Outcome made = generate();
  EXPECT_EQ(made.frame, build_request(link_, workload_, port_of(next + 3), id_of(next + 3), next + 3));
  programs_.slots()[static_cast<std::uint32_t>(next + 4) & 1023].sent_ns = 1;  // one is long lost
  EXPECT_EQ(generate().verdict, static_cast<std::uint32_t>(XDP_TX));
  EXPECT_EQ(programs_.pace().overwritten, 1u);
}

TEST_P(ProgramsTest, TheRightReplyIsCountedOnce) {
  open_schedule(99);
  const Bytes reply = reply_to(generate().frame, link_, right_payload(99));
  EXPECT_EQ(run(programs_.check_fd(), reply).verdict, static_cast<std::uint32_t>(XDP_DROP));
  EXPECT_EQ(counted(LOADGEN_CHECKED), 1u);
  EXPECT_EQ(counted(LOADGEN_ANSWERED), 1u);
  EXPECT_EQ(counted(LOADGEN_HIT), workload_.options().keys_per_request);
  EXPECT_EQ(counted(LOADGEN_MISS), 0u);
  EXPECT_EQ(counted_wrong(), 0u);
  const auto stats = programs_.stats();
  EXPECT_EQ(Latency(stats->latency).count(), 1u);
  run(programs_.check_fd(), reply);
  EXPECT_EQ(counted(LOADGEN_WRONG_UNASKED), 1u);
  EXPECT_EQ(counted(LOADGEN_ANSWERED), 1u);
}

TEST_P(ProgramsTest, AMissIsNoFault) {
  open_schedule(99);
  run(programs_.check_fd(), reply_to(generate().frame, link_, header(99) + "END\r\n"));
  EXPECT_EQ(counted(LOADGEN_ANSWERED), 1u);
  EXPECT_EQ(counted(LOADGEN_MISS), workload_.options().keys_per_request);
  EXPECT_EQ(counted_wrong(), 0u);
}

// Every byte of the payload changed in turn, checksum made right again: the program finds the same fault as
// check_payload(), and the counter of that fault rises by one.
TEST_P(ProgramsTest, EveryChangedByteIsFoundAndNamedAsInUserSpace) {
  const std::string right = right_payload(99);
  for (std::size_t place = 0; place < right.size(); ++place) {
    std::string changed = right;
    changed[place] = static_cast<char>(changed[place] ^ 1);
    open_schedule(99);
    ASSERT_TRUE(programs_.clear());
    const Bytes request = generate().frame;
    ReplyProgress progress;
    loadgen_counter want = check_payload(workload_, 99, id_of(99), changed, progress);
    ASSERT_NE(want, LOADGEN_COUNTER_COUNT);
    run(programs_.check_fd(), reply_to(request, link_, changed));
    if (place == 0) want = LOADGEN_LATE;  // an id so far away falls on the same one of our few slots
    ASSERT_EQ(counted(want), 1u) << "byte " << place;
    ASSERT_EQ(counted_wrong() + counted(LOADGEN_LATE), 1u) << "byte " << place;
    ASSERT_EQ(counted(LOADGEN_ANSWERED), 0u) << "byte " << place;
  }
}

TEST_P(ProgramsTest, EveryTruncatedReplyIsWrong) {
  const std::string right = right_payload(99);
  for (std::size_t size = LOADGEN_FRAME_HEADER; size < right.size(); ++size) {
    open_schedule(99);
    ASSERT_TRUE(programs_.clear());
    const Bytes request = generate().frame;
    ReplyProgress progress;
    const loadgen_counter want = check_payload(workload_, 99, id_of(99), right.substr(0, size), progress);
    run(programs_.check_fd(), reply_to(request, link_, right.substr(0, size)));
    // The first datagram of several is right, only not the end.
    ASSERT_EQ(counted_wrong(), want == LOADGEN_COUNTER_COUNT ? 0u : 1u) << size;
    ASSERT_EQ(counted(LOADGEN_ANSWERED), 0u) << size;
  }
}

TEST_P(ProgramsTest, AWrongOrAbsentChecksumIsWrong) {
  const std::size_t udp = link_.server.family == 4 ? 34 : 54;
  open_schedule(99);
  Bytes reply = reply_to(generate().frame, link_, right_payload(99));
  Bytes changed = reply, absent = reply;
  changed[udp + 6] ^= 1;
  absent[udp + 6] = absent[udp + 7] = 0;
  run(programs_.check_fd(), changed);
  run(programs_.check_fd(), absent);
  EXPECT_EQ(counted(LOADGEN_WRONG_CHECKSUM), 2u);
  run(programs_.check_fd(), reply);
  EXPECT_EQ(counted(LOADGEN_ANSWERED), 1u);
}

TEST_P(ProgramsTest, LengthsThatDisagreeAreWrong) {
  const std::size_t udp = link_.server.family == 4 ? 34 : 54;
  open_schedule(99);
  const Bytes reply = reply_to(generate().frame, link_, right_payload(99));
  Bytes cut(reply.begin(), reply.end() - 1), udp_short = reply;
  udp_short[udp + 5]--;
  refresh_checksum(udp_short, link_);
  run(programs_.check_fd(), cut);
  run(programs_.check_fd(), udp_short);
  EXPECT_EQ(counted(LOADGEN_WRONG_LENGTH), 2u);
}

TEST_P(ProgramsTest, RepliesToEarlierWindowsAndGivenUpRequestsAreLate) {
  open_schedule(99);
  const Bytes reply = reply_to(generate().frame, link_, right_payload(99));
  programs_.pace().port_base = 20016;
  run(programs_.check_fd(), reply);
  EXPECT_EQ(counted(LOADGEN_LATE), 1u);
  programs_.pace().port_base = 20000;
  const std::uint64_t sent = programs_.slots()[99].sent_ns;
  programs_.slots()[99].sent_ns = 1;
  run(programs_.check_fd(), reply);
  EXPECT_EQ(counted(LOADGEN_LATE), 2u);
  programs_.slots()[99].sent_ns = sent;
  programs_.slots()[99].sequence += 1024;  // taken again by a later request
  run(programs_.check_fd(), reply);
  EXPECT_EQ(counted(LOADGEN_LATE), 3u);
  EXPECT_EQ(counted(LOADGEN_CHECKED), 0u);
  EXPECT_EQ(counted_wrong(), 0u);
}

TEST_P(ProgramsTest, OtherTrafficPassesUntouched) {
  open_schedule(99);
  const Bytes request = generate().frame;
  const Bytes reply = reply_to(request, link_, right_payload(99));
  const std::size_t udp = link_.server.family == 4 ? 34 : 54;
  std::vector<Bytes> others = {request, Bytes(reply.begin(), reply.begin() + 40)};
  for (const std::size_t at : {std::size_t{12}, link_.server.family == 4 ? std::size_t{23} : std::size_t{20},
                               link_.server.family == 4 ? std::size_t{29} : std::size_t{37}, udp, udp + 2}) {
    others.push_back(reply);
    others.back()[at] ^= 0x80;
  }
  for (const Bytes& other : others) {
    const Outcome seen = run(programs_.check_fd(), other);
    EXPECT_EQ(seen.verdict, static_cast<std::uint32_t>(XDP_PASS));
    EXPECT_EQ(seen.frame, other);
  }
  EXPECT_EQ(counted(LOADGEN_CHECKED), 0u);
}

class MultigetTest : public ProgramsTest {};

TEST_P(MultigetTest, ReplyInOneDatagramPerKeyIsWholeAtItsEnd) {
  open_schedule(99);
  const Bytes request = generate().frame;
  const auto asked = workload_.asked(99);
  for (std::size_t position = 1; position < asked.size(); ++position)  // the first is a miss
    run(programs_.check_fd(), reply_to(request, link_, header(99) + workload_.record(asked[position])));
  EXPECT_EQ(counted(LOADGEN_ANSWERED), 0u);
  run(programs_.check_fd(), reply_to(request, link_, header(99) + "END\r\n"));
  EXPECT_EQ(counted(LOADGEN_ANSWERED), 1u);
  EXPECT_EQ(counted(LOADGEN_HIT), asked.size() - 1);
  EXPECT_EQ(counted(LOADGEN_MISS), 1u);
  EXPECT_EQ(counted_wrong(), 0u);
}

const Case kCases[] = {
    {"Ipv4", 4, {}},
    {"Ipv6", 6, {}},
    {"OddKey", 4, {.key_size = 13, .data_size = 33}},
    {"SmallKeyOneByte", 6, {.key_size = 12, .data_size = 1}},
    {"LongKey", 4, {.key_size = 250, .data_size = 7, .flags = 4294967295u}},
    {"LargestValue", 6, {.data_size = 1354}},
    {"ControlCharacters", 4, {.data_size = 100, .pattern = Pattern::kZipf, .control_characters = true}},
};

const Case kMultigets[] = {
    {"Multiget", 4, {.key_size = 15, .keys_per_request = 5, .pattern = Pattern::kSequential}},
    {"MultigetMost",
     6,
     {.key_size = 13, .data_size = 1, .keys_per_request = 32, .pattern = Pattern::kSequential}},
};

std::string name_of(const ::testing::TestParamInfo<Case>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Workloads, ProgramsTest, ::testing::ValuesIn(kCases), name_of);
INSTANTIATE_TEST_SUITE_P(Multigets, ProgramsTest, ::testing::ValuesIn(kMultigets), name_of);
INSTANTIATE_TEST_SUITE_P(Multigets, MultigetTest, ::testing::ValuesIn(kMultigets), name_of);

}  // namespace
}  // namespace bmc::loadgen
