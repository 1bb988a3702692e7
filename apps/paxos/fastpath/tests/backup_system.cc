// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/fastpath/tests/backup_system.h"

#include <algorithm>

namespace bmc::paxos::test {

namespace {
constexpr Op kNever = ~Op{0};
constexpr std::size_t kCompared = 96;  // of a slot's bytes: more than a datagram here has

void append_counted(std::string& key, const std::string& part) {
  const std::size_t size = part.size();
  key.append(reinterpret_cast<const char*>(&size), sizeof(size));
  key += part;
}
}  // namespace

BackupSystem::BackupSystem(const BackupBounds& bounds) : bounds_(bounds) {
  cells_.alive_ns = kNow;
  voted_.fill(kNever);
  for (std::uint8_t i = 0; i < bounds.cpus; ++i) cpus_[i].left = bounds.packets;
  process_.terms_left = bounds.terms;
  fast_world bare = world();
  BackupGate(bare).arm(term());
  --process_.terms_left;
  process_.is_frozen = false;
}

fast_world BackupSystem::world() {
  fast_world made{};
  made.cells = &cells_;
  made.slots = slots_.data();
  made.slot_count = kSlots;
  made.now_ns = kNow;
  made.mutant = bounds_.mutant;
  made.ring = [](void* rung, __u32, __u64) { *static_cast<bool*>(rung) = true; };
  made.ring_context = &rung_;
  return made;
}

BackupTerm BackupSystem::term() const { return backup_term(process_.log.size(), process_.view); }

Datagram BackupSystem::datagram_of(View view, std::uint8_t packet) {
  const Op op = packet & ~kDamaged;
  Datagram made = prepare(op, view, std::string(1, static_cast<char>(entry(view, op))));
  if (packet & kDamaged) made.payload.back() ^= '\x55';
  return made;
}

std::vector<Move> BackupSystem::moves() const {
  std::vector<Move> moves;
  add_cpu_moves(moves);
  add_process_moves(moves);
  return moves;
}

void BackupSystem::add_cpu_moves(std::vector<Move>& moves) const {
  for (std::uint8_t i = 0; i < bounds_.cpus; ++i) {
    const Cpu& cpu = cpus_[i];
    if (cpu.packet != 0) {
      moves.push_back({i, kGoOn});
    } else if (cpu.left != 0) {
      for (Op op = 1; op <= bounds_.ops; ++op) {
        moves.push_back({i, static_cast<std::uint8_t>(op)});
        if (bounds_.damaged) moves.push_back({i, static_cast<std::uint8_t>(op | kDamaged)});
      }
    }
  }
}

void BackupSystem::add_process_moves(std::vector<Move>& moves) const {
  const auto may = [&moves](Act act) { moves.push_back({kProcess, act}); };
  if (process_.act != kNothing) return may(process_.act);
  if (process_.is_asleep) return;
  if (!process_.is_frozen) {
    if (PAXOS_REL(cells_.gate) > PAXOS_REL(cells_.tail)) may(kTake);
    if (bounds_.sleeps) may(kSleep);
    return may(kFreeze);
  }
  if (!process_.has_voted) may(kVote);
  if (process_.terms_left == 0) return;
  if (process_.has_voted) {
    may(kArmNext);
    if (!process_.log.empty()) may(kArmShorter);
  } else {
    may(kArmSame);
    if (process_.log.size() < bounds_.ops) may(kArmAfterOwn);
  }
}

std::string BackupSystem::text(Move move) const {
  static constexpr const char* kActs[] = {"?",
                                          "takes",
                                          "freezes",
                                          "votes",
                                          "arms in the same view",
                                          "arms behind an entry of its own",
                                          "arms in the next view",
                                          "arms in the next view, one entry less",
                                          "goes to sleep"};
  if (move.who == kProcess) return std::string("process ") + kActs[move.what];
  const std::string cpu = "cpu " + std::to_string(move.who);
  if (move.what == kGoOn) return cpu;
  return cpu + " begins op " + std::to_string(move.what & ~kDamaged) +
         (move.what & kDamaged ? ", damaged" : "");
}

std::string BackupSystem::key() const {
  std::string key(reinterpret_cast<const char*>(&cells_), sizeof(cells_));
  for (const paxos_slot& slot : slots_) key.append(reinterpret_cast<const char*>(&slot), kCompared + 24);
  std::array<std::string, 2> cpus;  // it does not matter which CPU is which
  for (std::size_t i = 0; i < cpus.size(); ++i) {
    const Cpu& cpu = cpus_[i];
    cpus[i] = {static_cast<char>(cpu.left), static_cast<char>(cpu.packet), static_cast<char>(cpu.view),
               static_cast<char>(cpu.acking), static_cast<char>(cpu.acking_view)};
    cpus[i] += cpu.results;
  }
  std::sort(cpus.begin(), cpus.end());
  for (const std::string& each : cpus) append_counted(key, each);
  key += {static_cast<char>(process_.act),
          static_cast<char>(process_.is_frozen),
          static_cast<char>(process_.is_asleep),
          static_cast<char>(process_.has_voted),
          static_cast<char>(process_.terms_left),
          static_cast<char>(process_.view),
          static_cast<char>(rung_)};
  append_counted(key, {process_.log.begin(), process_.log.end()});
  append_counted(key, process_.results);
  key.append(reinterpret_cast<const char*>(acked_.data()), sizeof(acked_));
  key.append(reinterpret_cast<const char*>(voted_.data()), sizeof(voted_));
  return key;
}

void BackupSystem::apply(Move move) {
  const __u64 before = cells_.gate;
  if (move.who == kProcess) {
    step_process(static_cast<Act>(move.what));
  } else {
    step_cpu(cpus_[move.who], move.what);
  }
  check_gate(before);
  check_stored();
  check_woken();
}

void BackupSystem::step_cpu(Cpu& cpu, std::uint8_t what) {
  if (cpu.acking != 0) return send(cpu);
  if (what != kGoOn) {
    cpu.packet = what;
    cpu.view = cells_.backup_config[PAXOS_GENERATION(cells_.gate) & 1].view;
    --cpu.left;
  }
  Datagram datagram = datagram_of(cpu.view, cpu.packet);
  fast_world mine = world();
  mine.message = reinterpret_cast<const std::uint8_t*>(datagram.payload.data());
  mine.message_bytes = datagram.packet.payload_bytes;
  paxos_header ack{};
  paxos_fast_counter out = PAXOS_GO_ON;
  const bool ended = Replay(cpu.results).step(mine, [&] {
    out = accept_prepare(&mine, &datagram.packet, &datagram.header(), &ack);
  });
  if (!ended) return;
  if (out == PAXOS_TX_ACKED || out == PAXOS_TX_ACKED_AGAIN) {
    cpu.acking = ack.op;
    cpu.acking_view = ack.view;
  }
  if (cpu.acking == 0) cpu.packet = 0;
}

// F2, F5: what is acknowledged was accepted, and a vote that has left already told it.
void BackupSystem::send(Cpu& cpu) {
  require(cpu.acking_view < kViewsEnd, "F2: acknowledges in a view that there is not");
  const __u64 generation = PAXOS_GENERATION(cells_.gate);
  const paxos_backup_config& config = cells_.backup_config[generation & 1];
  if (config.generation == generation && config.view == cpu.acking_view) {
    const Op accepted = std::max<Op>(config.base + PAXOS_REL(cells_.gate), process_.log.size());
    require(cpu.acking <= accepted, "F2: acknowledges what is not accepted");
  }
  require(voted_[cpu.acking_view] == kNever || cpu.acking <= voted_[cpu.acking_view],
          "F5: acknowledges what the vote did not tell");
  acked_[cpu.acking_view] = std::max(acked_[cpu.acking_view], cpu.acking);
  cpu.acking = 0;
  cpu.acking_view = 0;
  cpu.packet = 0;
}

void BackupSystem::step_process(Act act) {
  process_.act = act;
  fast_world mine = world();
  BackupGate gate(mine);
  std::vector<std::string> messages;
  bool may_sleep = false;
  BackupTerm next = term();
  if (act == kArmAfterOwn) ++next.base;
  if (act == kArmShorter) --next.base;
  if (act == kArmNext || act == kArmShorter) next.view += kReplicas;
  const bool ended = Replay(process_.results).step(mine, [&] {
    if (act == kTake) {
      messages.clear();
      gate.take([&](std::string_view each) { messages.emplace_back(each); }, bounds_.pieces ? 1 : kSlots);
    }
    if (act == kFreeze) messages = gate.freeze();
    if (act >= kArmSame && act <= kArmShorter) gate.arm(next);
    if (act == kSleep) may_sleep = gate.may_sleep(bounds_.sleep);
  });
  if (ended) finish(act, messages, may_sleep);
}

void BackupSystem::finish(Act act, const std::vector<std::string>& messages, bool may_sleep) {
  process_.act = kNothing;
  append(messages);
  if (act == kFreeze) process_.is_frozen = true;
  if (act == kSleep) process_.is_asleep = may_sleep;
  if (act == kVote) {
    require(acked_[process_.view] <= process_.log.size(), "F5: votes without what was acknowledged");
    voted_[process_.view] = process_.log.size();
    process_.has_voted = true;
  }
  if (act < kArmSame || act > kArmShorter) return;
  if (act == kArmAfterOwn) process_.log.push_back(entry(process_.view, process_.log.size() + 1));
  if (act == kArmShorter) process_.log.pop_back();
  if (act == kArmNext || act == kArmShorter) {
    process_.view += kReplicas;
    process_.has_voted = false;
  }
  process_.is_frozen = false;
  --process_.terms_left;
}

// F4, F6: each continues the log, is of this view, and says what the leader sent.
void BackupSystem::append(const std::vector<std::string>& messages) {
  for (const std::string& each : messages) {
    paxos_header header{};
    require(each.size() == sizeof(header) + 1, "F1: takes what nobody sent");
    std::memcpy(&header, each.data(), sizeof(header));
    require(header.op == process_.log.size() + 1, "F6: what is taken does not continue the log");
    require(header.view == process_.view, "F6: what is taken is of another view");
    require(static_cast<std::uint8_t>(each.back()) == entry(header.view, header.op),
            "F1: what is taken is damaged");
    process_.log.push_back(entry(header.view, header.op));
  }
}

// F3: it grows, and does not while it is frozen; the programs raise it one by one.
void BackupSystem::check_gate(__u64 before) const {
  const __u64 now = cells_.gate, grown = (now & PAXOS_POSITION_MASK) - (before & PAXOS_POSITION_MASK);
  require((now & PAXOS_POSITION_MASK) >= (before & PAXOS_POSITION_MASK), "F3: the gate went back");
  if (PAXOS_GENERATION(now) == PAXOS_GENERATION(before)) {
    require(grown == 0 || (before & PAXOS_ARMED), "F3: frozen, and moves");
    require(grown == 0 || grown == 1, "F3: more than one at a time");
    require((before & PAXOS_ARMED) || !(now & PAXOS_ARMED), "F3: armed anew in the same generation");
  }
}

// F1: what the gate covers is in its slot or out of it.
void BackupSystem::check_stored() const {
  const __u64 generation = PAXOS_GENERATION(cells_.gate);
  if (PAXOS_GENERATION(cells_.tail) != generation) return;  // being armed
  for (__u64 rel = PAXOS_REL(cells_.tail) + 1; rel <= PAXOS_REL(cells_.gate); ++rel) {
    const paxos_slot& slot = slots_[rel & (kSlots - 1)];
    require(slot.tag == (PAXOS_SLOT_READY | PAXOS_POSITION(generation, rel)),
            "F1: accepted, and not in its slot");
    const paxos_backup_config& config = cells_.backup_config[generation & 1];
    require(slot.message_bytes == sizeof(paxos_header) + 1 &&
                slot.message[sizeof(paxos_header)] == entry(config.view, config.base + rel),
            "F1: the slot has other bytes");
  }
}

// Asleep, nobody on the way to wake it, and there is news.
void BackupSystem::check_woken() const {
  const bool are_idle =
      std::all_of(cpus_.begin(), cpus_.end(), [](const Cpu& cpu) { return cpu.packet == 0; });
  const std::uint64_t news = PAXOS_REL(cells_.gate) - PAXOS_REL(cells_.tail);
  const bool is_news = news >= (bounds_.sleep == Sleep::kDeep ? kSlots / 2 : 1);
  require(!process_.is_asleep || rung_ || !are_idle || !is_news, "L2: sleeps over news");
}

}  // namespace bmc::paxos::test
