// SPDX-License-Identifier: Apache-2.0
// paxos_fast on two CPUs at once while the process takes, freezes and arms anew: F1 to F3 and F5 at each
// freeze, Q2 and Q3 whenever nobody is at work.
#include <sched.h>

#include <array>
#include <atomic>
#include <barrier>
#include <random>
#include <thread>

#include "apps/paxos/fastpath/tests/xdp_paxos_fixture.h"

namespace bmc::paxos::test {
namespace {

constexpr std::size_t kTerms = 500;  // each in a view of its own, with the same leader
constexpr Op kOps = 48;              // of a term; far fewer than slots, so that terms meet in the slots
constexpr int kRounds = 300;

void bind_to_cpu(int nth) {
  cpu_set_t may{}, only{};
  sched_getaffinity(0, sizeof may, &may);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &may) && nth-- == 0) {
      CPU_SET(cpu, &only);
      sched_setaffinity(0, sizeof only, &only);
      return;
    }
  }
}

View view_of(std::size_t term) { return kView + term * kReplicas; }

std::string body_of(std::size_t term, Op op) {
  return std::string(1 + (term * 31 + op * 7) % 300, static_cast<char>(term * kOps + op));
}

class XdpPaxosParallel : public XdpPaxos {
 protected:
  void SetUp() override {
    XdpPaxos::SetUp();
    group().cells().alive_ns = monotonic_ns();
  }

  void make_frames() {
    for (std::size_t i = 0; i < kTerms; ++i) {
      for (Op op = 1; op <= kOps; ++op) {
        frames_[i][op - 1] = to_backup(prepare(kBase + op, view_of(i), body_of(i, op)));
      }
    }
  }

  // The next op, mostly; the last one again, or one too far.
  void hammer(int cpu) {
    bind_to_cpu(cpu);
    std::mt19937 random(static_cast<unsigned>(cpu));
    std::array<std::uint8_t, 2048> answer;
    const int program = PaxosProgram::get().fd();
    for (int turn = 0; !stop_; ++turn) {
      if (turn % 8 == 0) sched_yield();  // three threads share two CPUs: the process must not come too late
      const std::size_t i = term_;
      const Op rel = PAXOS_REL(shared_load(&group().cells().gate)),
               wanted = rel + random() % 4 / 2 + random() % 2;
      const Op op = std::min(std::max<Op>(wanted, 1), kOps);
      const Bytes& frame = frames_[i][op - 1];
      LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame.data(), .data_out = answer.data(),
                  .data_size_in = static_cast<std::uint32_t>(frame.size()),
                  .data_size_out = static_cast<std::uint32_t>(answer.size()));
      ASSERT_EQ(bpf_prog_test_run_opts(program, &run), 0);
      if (run.retval == XDP_TX) note(answer.data() + run.data_size_out);
    }
  }
  void note(const std::uint8_t* end) {
    paxos_header ack{};
    std::memcpy(&ack, end - sizeof(ack), sizeof(ack));
    ASSERT_EQ(ack.hdr_hash, paxos_header_hash(&ack));
    std::atomic<Op>& acked = acked_[(ack.view - kView) / kReplicas];
    Op seen = acked;
    while (seen < ack.op && !acked.compare_exchange_weak(seen, ack.op)) {
    }
    ++acks_;
  }

  // F1, F6: what is taken is what the leader of this view sent, one after another.
  void check_taken(const std::vector<std::string>& messages, Op& end) {
    for (const std::string& each : messages) {
      ++end;
      ASSERT_EQ(each, prepare(end, view_of(term_), body_of(term_, end - kBase)).payload);
    }
  }
  void serve_term(std::size_t i, std::mt19937& random) {
    BackupTerm mine = term();
    mine.view = view_of(i);
    ASSERT_TRUE(gate.arm(mine));
    term_ = i;
    Op end = kBase;
    for (const Op until = 1 + random() % (kOps - 1); PAXOS_REL(shared_load(&group().cells().gate)) < until;) {
      if (random() % 4 == 0) check_taken(gate.take(), end);
      sched_yield();
    }
    check_taken(gate.freeze(), end);
    const __u64 frozen = shared_load(&group().cells().gate);
    EXPECT_EQ(kBase + PAXOS_REL(frozen), end);
    told_[i] = end;
    EXPECT_LE(acked_[i], end) << "F5: acknowledged, and not in the log that a vote would tell";
    for (int turn = static_cast<int>(random() % 8); turn > 0; --turn) sched_yield();
    EXPECT_EQ(shared_load(&group().cells().gate), frozen) << "F3: frozen, and moves";
  }

  std::vector<std::array<Bytes, kOps>> frames_ = std::vector<std::array<Bytes, kOps>>(kTerms);
  std::array<std::atomic<Op>, kTerms> acked_{};  // by term, of what was sent
  std::array<Op, kTerms> told_{};
  std::atomic<std::uint64_t> acks_ = 0;
  std::atomic<std::size_t> term_ = 0;
  std::atomic<bool> stop_ = false;
};

TEST_F(XdpPaxosParallel, FreezingUnderLoad) {
  make_frames();
  std::thread one([this] { hammer(0); }), two([this] { hammer(1); });
  std::mt19937 random(20240607);
  for (std::size_t i = 0; i < kTerms && !HasFailure(); ++i) serve_term(i, random);
  stop_ = true;
  one.join();
  two.join();
  // Also the acknowledgements that left after the freeze.
  for (std::size_t i = 0; i < kTerms; ++i) EXPECT_LE(acked_[i], told_[i]) << "term " << i;
  EXPECT_GT(acks_, kTerms);
}

// The twin: who reads how far it was accepted and freezes afterwards misses something, and soon.
TEST_F(XdpPaxosParallel, FreezingInTwoStepsIsFound) {
  make_frames();
  std::thread one([this] { hammer(0); }), two([this] { hammer(1); });
  bool is_found = false;
  for (std::size_t i = 0; i < kTerms && !is_found; ++i) {
    BackupTerm mine = term();
    mine.view = view_of(i);
    ASSERT_TRUE(gate.arm(mine));
    term_ = i;
    Op end = kBase;
    while (PAXOS_REL(shared_load(&group().cells().gate)) == 0) sched_yield();
    const Op read = PAXOS_REL(shared_load(&group().cells().gate));
    while (read < kOps && PAXOS_REL(shared_load(&group().cells().gate)) == read) sched_yield();
    check_taken(gate.freeze(), end);
    is_found = end > kBase + read;
  }
  stop_ = true;
  one.join();
  two.join();
  EXPECT_TRUE(is_found);
}

// Two backups complete a quorum at the same time, without the leader's own acknowledgement: one of the two
// sees it.
TEST_F(XdpPaxosParallel, NobodyMissesAQuorum) {
  constexpr std::array<ReplicaIndex, 2> kPeers{(kBackup + 1) % kReplicas, (kBackup + 2) % kReplicas};
  std::array<std::array<Bytes, kOps>, 2> frames;
  for (std::size_t i = 0; i < kPeers.size(); ++i) {
    for (Op op = 1; op <= kOps; ++op) {
      frames[i][op - 1] = to_backup(prepare_ok(kPeers[i], kBase + op, kView + 1));
    }
  }
  std::barrier begin(3), end(3);
  const auto hammer = [&](int i) {
    bind_to_cpu(i);
    for (int round = 0; round < kRounds; ++round) {
      begin.arrive_and_wait();
      for (const Bytes& each : frames[static_cast<std::size_t>(i)]) {
        bmc::test::run_xdp(PaxosProgram::get().fd(), each);
      }
      end.arrive_and_wait();
    }
  };
  std::thread one(hammer, 0), two(hammer, 1);
  for (int round = 0; round < kRounds; ++round) {
    EXPECT_TRUE(leader.arm(lead(kOps)));
    begin.arrive_and_wait();
    for (Op seen = kBase; seen < kBase + kOps / 2;) {
      const Op now = leader.commit();  // Q2: ends the process if the cell says more than the others do
      EXPECT_GE(now, seen);
      seen = now;
      sched_yield();
    }
    end.arrive_and_wait();
    EXPECT_EQ(group().cells().commit, PAXOS_POSITION(static_cast<__u64>(round) + 1, kOps)) << "Q3";
    leader.freeze();
  }
  one.join();
  two.join();
}

}  // namespace
}  // namespace bmc::paxos::test
