// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/fastpath/tests/leader_system.h"

#include <algorithm>

#include "apps/paxos/fastpath/process_world.h"

namespace bmc::paxos::test {

namespace {
void append_counted(std::string& key, const std::string& part) {
  const std::size_t size = part.size();
  key.append(reinterpret_cast<const char*>(&size), sizeof(size));
  key += part;
}
}  // namespace

LeaderSystem::LeaderSystem(const LeaderBounds& bounds) : bounds_(bounds) {
  for (Cpu& cpu : cpus_) cpu.left = bounds.packets;
  process_.terms_left = static_cast<std::uint8_t>(bounds.terms - 1);
  process_.proposed = bounds.proposed;
  truth_.view[1] = kFirstView;
  fast_world bare = world();
  LeaderGate(bare).arm(term());
  process_.is_frozen = false;
}

fast_world LeaderSystem::world() {
  fast_world made{};
  made.cells = &cells_;
  made.replicas = bounds_.replicas;
  made.now_ns = kNow;
  made.mutant = bounds_.mutant;
  made.ring = [](void* rung, __u32, __u64) { *static_cast<bool*>(rung) = true; };
  made.ring_context = &rung_;
  return made;
}

View LeaderSystem::view() const {
  return truth_.view[std::max<std::size_t>(1, PAXOS_GENERATION(cells_.leader_gate))];
}

// In the same view as now.
LeaderTerm LeaderSystem::term() const {
  LeaderTerm term = leader_term(process_.committed, bounds_.replicas, view());
  term.self = 0;
  term.proposed = process_.proposed;
  for (std::size_t i = 0; i < bounds_.replicas; ++i) {
    const Op told = PAXOS_REL(cells_.acked[i].position) + truth_.base[PAXOS_GENERATION(cells_.leader_gate)];
    term.acked[i] = std::min(told, process_.proposed);
  }
  return term;
}

std::vector<Move> LeaderSystem::moves() const {
  std::vector<Move> moves;
  for (std::uint8_t i = 0; i < cpus_.size(); ++i) {
    if (cpus_[i].packet != 0) moves.push_back({i, kGoOn});
    if (cpus_[i].packet != 0 || cpus_[i].left == 0) continue;
    for (std::uint8_t replica = 1; replica < bounds_.replicas; ++replica) {
      for (Op op = 1; op <= bounds_.ops; ++op) {
        const auto what = static_cast<std::uint8_t>(op | static_cast<unsigned>(replica) << 2);
        moves.push_back({i, what});
        if (!bounds_.strays) continue;
        moves.push_back({i, static_cast<std::uint8_t>(what | kOldLife)});
        if (view() != kFirstView) moves.push_back({i, static_cast<std::uint8_t>(what | kOldView)});
      }
    }
  }
  const auto may = [&moves](Act act) { moves.push_back({kProcess, act}); };
  if (process_.act != kNothing) {
    may(process_.act);
  } else if (process_.is_frozen) {
    if (process_.terms_left != 0) may(kArmSame), may(kArmNext);
  } else if (process_.is_asleep) {
    may(kWake);
  } else {
    if (process_.proposed < bounds_.ops) may(kPropose);
    if (process_.own < process_.proposed) may(kOwn);
    if (bounds_.sleeps) may(kSleep);
    if (process_.terms_left != 0) may(kFreeze);
  }
  return moves;
}

std::string LeaderSystem::text(Move move) const {
  static constexpr const char* kActs[] = {"?",
                                          "proposes",
                                          "acknowledges by itself",
                                          "freezes",
                                          "arms the same view",
                                          "arms the next view",
                                          "goes to sleep",
                                          "is awake, rung for or not"};
  if (move.who == kProcess) return std::string("process ") + kActs[move.what];
  const std::string cpu = "cpu " + std::to_string(move.who);
  if (move.what == kGoOn) return cpu;
  return cpu + " begins op " + std::to_string(move.what & 3) + " of replica " +
         std::to_string(move.what >> 2 & 7) + (move.what & kOldLife ? ", earlier life" : "") +
         (move.what & kOldView ? ", view before" : "");
}

std::string LeaderSystem::key() const {
  std::string key(reinterpret_cast<const char*>(&cells_), sizeof(cells_));
  std::array<std::string, 2> cpus;  // it does not matter which CPU is which
  for (std::size_t i = 0; i < cpus.size(); ++i) {
    const Cpu& cpu = cpus_[i];
    cpus[i] = {static_cast<char>(cpu.left), static_cast<char>(cpu.packet), static_cast<char>(cpu.view)};
    cpus[i] += cpu.results;
  }
  std::sort(cpus.begin(), cpus.end());
  for (const std::string& each : cpus) append_counted(key, each);
  append_counted(key, process_.results);
  key += {static_cast<char>(process_.act),       static_cast<char>(process_.is_frozen),
          static_cast<char>(process_.is_asleep), static_cast<char>(process_.terms_left),
          static_cast<char>(process_.proposed),  static_cast<char>(process_.own),
          static_cast<char>(process_.committed), static_cast<char>(rung_)};
  key.append(reinterpret_cast<const char*>(&truth_), sizeof(truth_));
  return key;
}

void LeaderSystem::apply(Move move) {
  const paxos_cells before = cells_;
  if (move.who == kProcess) {
    step_process(static_cast<Act>(move.what));
  } else {
    step_cpu(cpus_[move.who], move.what);
  }
  check_cells(before);
  check_commit();
  check_at_rest();
}

Datagram LeaderSystem::datagram_of(const Cpu& cpu) const {
  const auto replica = static_cast<ReplicaIndex>(cpu.packet >> 2 & 7);
  Datagram made = prepare_ok(replica, cpu.packet & 3, cpu.view);
  if (cpu.packet & kOldLife) --made.header().incarnation;
  return made.seal();
}

void LeaderSystem::step_cpu(Cpu& cpu, std::uint8_t what) {
  if (what != kGoOn) {
    cpu.packet = what;
    cpu.view = what & kOldView ? view() - bounds_.replicas : view();
    --cpu.left;
    Op& acked = truth_.acked[index_of(cpu.view)][what >> 2 & 7];
    if (!(what & kOldLife)) acked = std::max<Op>(acked, what & 3);
  }
  Datagram datagram = datagram_of(cpu);
  fast_world mine = world();
  const bool ended =
      Replay(cpu.results).step(mine, [&] { count_prepare_ok(&mine, &datagram.packet, &datagram.header()); });
  if (ended) cpu.packet = 0;
}

void LeaderSystem::step_process(Act act) {
  LeaderTerm next = term();
  if (act == kArmNext) {
    next.view += bounds_.replicas;
    next.acked = {};
  }
  if (process_.act == kNothing) {  // begins
    Op& own = truth_.acked[index_of(view())][0];
    if (act == kOwn) own = process_.proposed;
    if (act == kWake) process_.is_asleep = rung_ = false;
    if (act == kArmSame || act == kArmNext) {
      const std::size_t generation = PAXOS_GENERATION(cells_.leader_gate) + 1;
      truth_.view[generation] = next.view;
      truth_.base[generation] = next.base;
    }
  }
  process_.act = act;
  fast_world mine = world();
  LeaderGate gate(mine);
  bool may_sleep = false;
  const bool ended = Replay(process_.results).step(mine, [&] {
    if (act == kPropose) gate.propose(process_.proposed + 1);
    if (act == kOwn) gate.acknowledge_self(process_.proposed);
    if (act == kFreeze) next.base = gate.freeze();
    if (act == kArmSame || act == kArmNext) gate.arm(next);
    if (act == kWake) world_stay_awake(mine);
    if (act == kSleep) may_sleep = gate.may_sleep(process_.committed);
  });
  if (ended) finish(act, next, may_sleep);
}

void LeaderSystem::finish(Act act, const LeaderTerm& next, bool may_sleep) {
  process_.act = kNothing;
  if (act == kPropose) ++process_.proposed;
  if (act == kOwn) process_.own = process_.proposed;
  if (act == kFreeze) {
    process_.is_frozen = true;
    process_.committed = next.base;
  }
  if (act == kSleep) {
    process_.is_asleep = may_sleep;
    // It looked, and goes on by what it saw.
    if (!may_sleep)
      process_.committed = truth_.base[PAXOS_GENERATION(cells_.commit)] + PAXOS_REL(cells_.commit);
  }
  if (act != kArmSame && act != kArmNext) return;
  process_.is_frozen = false;
  --process_.terms_left;
  if (act == kArmNext) process_.own = 0;
}

// Q1, and that no cell ever goes back.
void LeaderSystem::check_cells(const paxos_cells& before) const {
  for (std::size_t i = 0; i < bounds_.replicas; ++i) {
    const __u64 position = cells_.acked[i].position;
    require(position >= before.acked[i].position, "Q1: a cell went back");
    if (PAXOS_REL(position) == 0) continue;
    const std::size_t generation = PAXOS_GENERATION(position);
    const Op op = truth_.base[generation] + PAXOS_REL(position);
    require(op <= truth_.acked[index_of(truth_.view[generation])][i],
            "Q1: a cell says what its replica did not");
  }
  require(cells_.commit >= before.commit, "Q2: commit went back");
}

// Q2, Q4: by what the replicas really said.
void LeaderSystem::check_commit() const {
  if (PAXOS_REL(cells_.commit) == 0) return;
  const std::size_t generation = PAXOS_GENERATION(cells_.commit);
  const Op op = truth_.base[generation] + PAXOS_REL(cells_.commit);
  const auto& acked = truth_.acked[index_of(truth_.view[generation])];
  const auto count = std::count_if(acked.begin(), acked.end(), [op](Op each) { return each >= op; });
  require(count > bounds_.replicas / 2, "Q2: committed without a quorum");
  require(op <= process_.proposed + (process_.act == kPropose), "Q4: committed what was not proposed");
}

// Q3: when nobody is at work, nothing is left uncounted; and who sleeps is woken.
void LeaderSystem::check_at_rest() const {
  if (process_.act != kNothing || process_.is_frozen) return;
  if (!std::all_of(cpus_.begin(), cpus_.end(), [](const Cpu& cpu) { return cpu.packet == 0; })) return;
  const std::size_t generation = PAXOS_GENERATION(cells_.leader_gate);
  std::array<__u64, PAXOS_REPLICAS_MAX> cells{};
  for (std::size_t i = 0; i < bounds_.replicas; ++i) cells[i] = cells_.acked[i].position;
  std::sort(cells.rbegin(), cells.rend());
  const __u64 counted = cells[bounds_.replicas / 2];
  const bool is_told = PAXOS_REL(counted) == 0 || counted <= cells_.commit || generation > 1;
  require(is_told, "Q3: everybody missed a quorum");
  const Op committed = truth_.base[PAXOS_GENERATION(cells_.commit)] + PAXOS_REL(cells_.commit);
  require(!process_.is_asleep || rung_ || committed <= process_.committed, "L2: sleeps over news");
}

}  // namespace bmc::paxos::test
