// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/sim/kernel.h"

#include <cstring>
#include <utility>

#include "apps/paxos/core/codec.h"
#include "apps/paxos/fastpath/accept.h"
#include "apps/paxos/fastpath/quorum.h"
#include "apps/paxos/fastpath/replay.h"

namespace bmc::paxos::sim {
namespace {

constexpr std::uint64_t kBootNs = 1'000'000'000;  // simulated time 0 on the machines' clocks
constexpr unsigned kToTheEnd = 1000;              // accesses: more than any decision has

enum class Outcome { kSend, kDrop, kPass };

// What the XDP program does after its decision.
Outcome verdict_of(paxos_fast_counter out) {
  static constexpr const char* kVerdicts[] = {"pass",
#define X(name, where, verdict, reason, text) verdict,
                                              PAXOS_FAST_COUNTERS(X)
#undef X
  };
  switch (kVerdicts[out][0]) {
    case 't':
      return Outcome::kSend;
    case 'd':
      return Outcome::kDrop;
    default:
      return Outcome::kPass;
  }
}

std::uint64_t sum_of(const std::string& bytes) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, std::min<std::size_t>(8, bytes.size() - i));
    sum = checksum_add(sum, word);
  }
  return sum;
}

// The datagram's headers as the parser tells them; the checksum is that of what was sent.
struct packet fields_of(const Packet& packet) {
  struct packet fields {};
  const paxos_address from = address_of(packet.from);
  std::memcpy(fields.remote_be, from.addr_be, sizeof(fields.remote_be));
  fields.remote_port_be = from.port_be;
  fields.payload_bytes = static_cast<std::uint32_t>(packet.bytes->size());
  fields.fixed_sum = 0x1234567 + packet.from;
  const std::string& sent = packet.damaged ? *packet.sent : *packet.bytes;
  fields.udp_checksum = checksum_udp(checksum_add(udp_header_sum(&fields), sum_of(sent)));
  return fields;
}

bool passes_checksum(const struct packet& fields, const std::string& bytes) {
  return checksum_fold(checksum_add(udp_header_sum(&fields), sum_of(bytes))) == CHECKSUM_VALID;
}

}  // namespace

paxos_address address_of(Endpoint endpoint) {
  return {.addr_be = {0, 0, bpf_htonl(0xffff), bpf_htonl(0x0a000001u + endpoint)},
          .port_be = bpf_htons(7000),
          .reserved = 0};
}

Kernel::Kernel(World& world, ReplicaIndex index, Random random, std::function<void(const Packet&)> pass,
               std::function<void()> ring)
    : world_(world),
      index_(index),
      random_(random),
      pass_(std::move(pass)),
      ring_(std::move(ring)),
      cpus_(world.profile.cpus) {}

std::uint64_t Kernel::now_ns() const { return kBootNs + world_.agenda.now() * 1000; }

fast_world Kernel::world_of(Memory& memory) {
  fast_world world{};
  world.cells = &memory.cells;
  world.slots = memory.slots.data();
  world.slot_count = memory.slots.size();
  world.replicas = world_.profile.core.replica_count;
  world.mutant = world_.fast_mutant;
  return world;
}

const fast_world& Kernel::attach() {
  if (!memory_) {
    memory_ = std::make_shared<Memory>();
    memory_->slots.resize(world_.profile.slots);
  }
  process_world_ = world_of(*memory_);
  process_world_.scheduler = &process_scheduler_;
  return process_world_;
}

void Kernel::detach() {
  if (!memory_) return;
  grave_ = std::make_unique<Memory>(*memory_);
  process_world_ = world_of(*grave_);
}

void Kernel::freeze() {
  if (!memory_) return;
  memory_->cells.gate &= ~PAXOS_ARMED;
  memory_->cells.leader_gate &= ~PAXOS_ARMED;
}

void Kernel::receive(const Packet& packet) {
  if (!memory_) return pass_(packet);
  // Most of one sender's packets come by one queue of the NIC, so on one CPU.
  const std::uint64_t queue = random_.chance(0.5) ? packet.from : random_.next();
  cpus_[queue % cpus_.size()].queue.push_back(packet);
  plan();
}

void Kernel::plan() {
  if (is_planned_) return;
  is_planned_ = true;
  world_.agenda.after(random_.exponential(world_.profile.cpu_delay_us), [this] {
    is_planned_ = false;
    run();
  });
}

void Kernel::run() {
  Cpu* cpu = busy_cpu();
  for (; cpu != nullptr && random_.chance(0.8); cpu = busy_cpu()) step(*cpu);
  if (cpu != nullptr) plan();
}

// Any of them, or null.
Kernel::Cpu* Kernel::busy_cpu() {
  const std::size_t first = random_.below(cpus_.size());
  for (std::size_t i = 0; i < cpus_.size(); ++i) {
    Cpu& cpu = cpus_[(first + i) % cpus_.size()];
    if (cpu.is_busy()) return &cpu;
  }
  return nullptr;
}

// The process is about to look at the memory: what the CPUs do meanwhile.
int Kernel::before_access(void* context, void*, __u32) {
  auto& self = *static_cast<Kernel*>(context);
  while (self.random_.chance(self.world_.profile.cpu_overlap)) {
    Cpu* cpu = self.busy_cpu();
    if (cpu == nullptr) break;
    self.step(*cpu);
  }
  return 0;
}

// Some accesses of one CPU, or the sending of its acknowledgement.
void Kernel::step(Cpu& cpu) {
  if (!cpu.job && !begin(cpu)) return;
  Job& job = *cpu.job;
  if (job.is_sending) {
    send(job);
    cpu.job.reset();
    return;
  }
  auto out = PAXOS_GO_ON;
  const auto decide = [&] {
    out = job.header.type == PAXOS_PREPARE ? accept_prepare(&job.world, &job.fields, &job.header, &job.ack)
                                           : count_prepare_ok(&job.world, &job.fields, &job.header);
  };
  const auto accesses = random_.chance(0.4) ? kToTheEnd : static_cast<unsigned>(random_.between(1, 5));
  if (Replay(job.results).step(job.world, decide, accesses)) finish(cpu, out);
}

// The next packet of the queue. False if there is nothing to decide about it. What is damaged so that the
// checksum does not show it, Ethernet's shows.
bool Kernel::begin(Cpu& cpu) {
  Packet packet = std::move(cpu.queue.front());
  cpu.queue.pop_front();
  const std::string& bytes = *packet.bytes;
  Job job;
  const bool is_whole = !packet.damaged || packet.sent->size() == bytes.size();
  if (!memory_ || !is_whole || bytes.size() < PAXOS_HEADER_BYTES) return pass(packet), false;
  std::memcpy(&job.header, bytes.data(), sizeof(job.header));
  if (job.header.magic != PAXOS_MAGIC) return pass(packet), false;
  const paxos_fast_counter out = check_header(&job.header, static_cast<std::uint32_t>(bytes.size()));
  if (out != PAXOS_GO_ON) {
    if (verdict_of(out) == Outcome::kPass) pass(packet);
    return false;
  }
  job.fields = fields_of(packet);
  if (packet.damaged && passes_checksum(job.fields, bytes)) return false;
  job.memory = memory_;
  job.packet = std::move(packet);
  job.world = world_of(*job.memory);
  job.world.now_ns = now_ns();
  job.world.message = reinterpret_cast<const __u8*>(job.packet.bytes->data());
  job.world.message_bytes = job.fields.payload_bytes;
  job.world.ring = [](void* kernel, __u32, __u64) { static_cast<Kernel*>(kernel)->ring_(); };
  job.world.ring_context = this;
  tell_checker(job);
  cpu.job = std::move(job);
  return true;
}

// An acknowledgement that the program may count is one that has come.
void Kernel::tell_checker(const Job& job) const {
  const paxos_cells& cells = job.memory->cells;
  const paxos_leader_config& config = cells.leader_config[PAXOS_GENERATION(cells.leader_gate) & 1];
  if (job.header.type != PAXOS_PREPARE_OK || job.packet.damaged || !(cells.leader_gate & PAXOS_ARMED)) return;
  if (job.header.sender >= config.replica_count || job.header.view != config.view ||
      config.peer[job.header.sender].incarnation != job.header.incarnation) {
    return;
  }
  const auto decoded = decode(*job.packet.bytes, world_.profile.cluster_id, world_.profile.epoch,
                              world_.profile.core.replica_count);
  if (const auto* message = std::get_if<Message>(&decoded)) {
    world_.checkers.quorum.on_delivered(index_, world_.agenda.now(), *message);
  }
}

void Kernel::finish(Cpu& cpu, enum paxos_fast_counter out) {
  Job& job = *cpu.job;
  world_.counts.kernel_counted += out == PAXOS_DROP_COUNTED;
  world_.counts.kernel_absorbed += out == PAXOS_DROP_ABSORBED;
  world_.counts.kernel_acked += out == PAXOS_TX_ACKED;
  if (world_.trace.on()) {
    static constexpr const char* kNames[] = {"?",
#define X(name, where, verdict, reason, text) #name,
                                             PAXOS_FAST_COUNTERS(X)
#undef X
    };
    world_.trace.line(say(unsigned{index_}, "'s kernel: ", kNames[out], ", view ", job.header.view, " op ",
                          job.header.op, " of ", unsigned{job.header.sender}));
  }
  const Outcome verdict = verdict_of(out);
  job.is_sending = verdict == Outcome::kSend;
  if (verdict == Outcome::kPass) pass(job.packet);
  if (!job.is_sending) cpu.job.reset();
}

void Kernel::send(const Job& job) {
  const auto bytes =
      std::make_shared<const std::string>(reinterpret_cast<const char*>(&job.ack), sizeof(job.ack));
  const auto decoded =
      decode(*bytes, world_.profile.cluster_id, world_.profile.epoch, world_.profile.core.replica_count);
  const auto* message = std::get_if<Message>(&decoded);
  if (message == nullptr) {
    return world_.verdict.fail("what is sent can be read",
                               replica_name(index_) + "'s kernel acknowledges what none is");
  }
  world_.checkers.on_acknowledged_by_kernel(index_, *message);
  world_.network.send(index_, job.packet.from, MessageType::kPrepareOk, bytes);
}

// Later: this may be in the midst of the process.
void Kernel::pass(const Packet& packet) {
  world_.agenda.after(1, [this, packet] { pass_(packet); });
}

}  // namespace bmc::paxos::sim
