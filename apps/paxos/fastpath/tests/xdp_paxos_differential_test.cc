// SPDX-License-Identifier: Apache-2.0
// Random datagrams against random states of a replica, through paxos_fast and through the same steps built
// for this host: same way out, same bytes, same memory. BMC_FUZZ_FRAMES=n and BMC_FUZZ_SEED=n make longer or
// other runs.
#include <cstdlib>
#include <random>

#include "apps/paxos/fastpath/tests/xdp_paxos_fixture.h"

namespace bmc::paxos::test {
namespace {

constexpr std::uint64_t kFrames = 12000;
constexpr std::uint64_t kFramesPerState = 12;
constexpr View kOwnView = kView + 1;

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t roll(std::uint64_t sides) { return engine_() % sides; }
  bool one_in(std::uint64_t sides) { return roll(sides) == 0; }
  std::uint8_t byte() { return static_cast<std::uint8_t>(engine_()); }
  std::uint64_t word() { return engine_(); }

 private:
  std::mt19937_64 engine_;
};

// A frame two bytes behind an aligned address, as drivers place it: natively the parser reads words of an IP
// header only where they are aligned.
class PlacedFrame {
 public:
  explicit PlacedFrame(const Bytes& frame) : room_(kPad + frame.size()) {
    std::copy(frame.begin(), frame.end(), room_.data() + kPad);
  }
  const std::uint8_t* data() const { return room_.data() + kPad; }
  cursor whole() const { return {data(), room_.data() + room_.size()}; }

 private:
  static constexpr std::size_t kPad = 2;
  Bytes room_;
};

// The hints that the clock is in are not compared.
void forget_times(paxos_group& memory) {
  memory.cells.last_heard_ns = 0;
  for (paxos_slot& slot : memory.slot) slot.received_ns = 0;
}

std::uint64_t payload_sum(const Bytes& frame, const struct packet& packet) {
  std::uint64_t sum = 0;
  for (std::uint32_t i = 0; i < packet.payload_bytes; ++i) {
    sum += std::uint64_t{frame.at(packet.payload_offset + i)} << 8 * (i % 2);
  }
  return sum;
}

class XdpPaxosDifferential : public XdpPaxos {
 protected:
  // A position near the ones that matter.
  static __u64 near(Dice& dice, __u64 generation, __u64 rel) {
    const __u64 of = dice.one_in(12) ? generation - 1 + dice.roll(3) : generation;
    return PAXOS_POSITION(of, (rel + dice.roll(5) - 2) & PAXOS_REL_MAX);
  }

  void new_state(Dice& dice) {
    group().clear();
    paxos_cells& cells = group().cells();
    const __u64 generation = 1 + dice.roll(3),
                rel = dice.one_in(8) ? PAXOS_REL_MAX - dice.roll(2) : dice.roll(6);
    cells.gate = PAXOS_POSITION(generation - 1, 3);
    cells.leader_gate = PAXOS_POSITION(generation - 1, 0);
    BackupTerm backup = term({.ipv6 = dice.one_in(4)});
    if (dice.one_in(3)) backup.ack_level = PAXOS_ACK_DURABLE;
    gate.arm(backup);
    leader.arm(lead(dice.roll(6), {.ipv6 = dice.one_in(4)}));
    cells.gate = (dice.one_in(12) ? 0 : PAXOS_ARMED) | PAXOS_POSITION(generation, rel);
    if (dice.one_in(12)) cells.leader_gate &= ~PAXOS_ARMED;
    cells.tail = near(dice, generation, dice.one_in(8) ? rel - PAXOS_SLOTS : rel);
    cells.need_wakeup = dice.roll(3);
    if (dice.one_in(20)) cells.alive_ns = dice.one_in(2) ? 0 : 1;
    for (__u64 i = 0; i < 4; ++i) {
      const __u64 state = dice.roll(4) == 0 ? PAXOS_SLOT_WRITING : dice.roll(3) == 0 ? 0 : PAXOS_SLOT_READY;
      group().slot(rel + i - 1).tag = state | near(dice, generation, dice.one_in(2) ? rel + i - 1 : rel);
    }
    for (ReplicaIndex i = 0; i < kReplicas; ++i) cells.acked[i].position = near(dice, generation, 2);
    cells.commit = near(dice, generation, 1);
    if (dice.one_in(8)) cells.proposed = near(dice, generation, 3);
    if (dice.one_in(20)) ++cells.leader_config[generation & 1].generation;
    rel_ = rel;
  }

  static void damage_header(Dice& dice, Datagram& datagram) {
    switch (dice.roll(6)) {
      case 0:
        datagram.payload[dice.roll(PAXOS_HEADER_BYTES - 8)] = static_cast<char>(dice.byte());
        break;
      case 1:
        datagram.header().op = dice.word() >> dice.roll(64);
        break;
      case 2:
        datagram.header().commit = kBase + dice.roll(8);
        break;
      case 3:
        datagram.header().flags = static_cast<std::uint8_t>(dice.roll(32));
        break;
      case 4:
        datagram.header().ack_level = static_cast<std::uint8_t>(dice.roll(4));
        break;
      default:
        datagram.header().view = kView - 1 + dice.roll(4);
    }
    datagram.seal();
  }

  Bytes random_frame(Dice& dice) {
    const bool is_ack = dice.one_in(3);
    const auto sender = static_cast<ReplicaIndex>(dice.one_in(8) ? dice.roll(kReplicas)
                                                  : is_ack       ? dice.roll(kReplicas)
                                                                 : kLeader);
    const std::size_t size = dice.one_in(4) ? dice.roll(2000) : dice.roll(40);
    std::string body(is_ack && !dice.one_in(10) ? 0 : size, '\0');
    for (char& each : body) each = static_cast<char>(dice.byte());
    Datagram datagram = is_ack ? prepare_ok(sender, kBase + dice.roll(7), kOwnView)
                               : prepare(kBase + rel_ + dice.roll(4) - 1, kView, body);
    if (!is_ack) datagram.header().ack_level = static_cast<std::uint8_t>(1 + dice.roll(2));
    datagram.seal();
    if (dice.one_in(4)) damage_header(dice, datagram);
    Via via{.ipv6 = dice.one_in(3), .vlan = dice.one_in(5), .trailer = dice.one_in(5) ? dice.roll(20) : 0};
    UDP udp{.from = kPort, .to = kPort};
    if (dice.one_in(20)) udp.checksum = static_cast<std::uint16_t>(dice.roll(3));
    if (dice.one_in(40)) ++udp.from;
    Bytes frame = frame_between(sender, dice.one_in(40) ? 0 : kBackup, datagram.payload, via, udp);
    if (dice.one_in(5)) frame[dice.roll(frame.size())] ^= static_cast<std::uint8_t>(1u << dice.roll(8));
    if (dice.one_in(30)) frame.resize(14 + dice.roll(frame.size() - 14));
    return frame;
  }

  // What paxos_fast must do with it, on `memory`.
  static paxos_fast_counter decide(paxos_group& memory, const Bytes& bytes, bool& rung, Bytes& answer);
  void compare(Dice& dice);

  __u64 rel_ = 0;
  std::unique_ptr<paxos_group> wanted_memory_ = std::make_unique<paxos_group>();
  std::unique_ptr<paxos_group> got_memory_ = std::make_unique<paxos_group>();
  std::vector<std::uint64_t> seen_ = std::vector<std::uint64_t>(PAXOS_FAST_COUNTER_COUNT);
};

paxos_fast_counter XdpPaxosDifferential::decide(paxos_group& memory, const Bytes& bytes, bool& rung,
                                                Bytes& answer) {
  const PlacedFrame frame(bytes);
  struct packet packet {};
  if (parse_packet(frame.whole(), &packet) != PACKET_OK || packet.to_group || packet.from_group ||
      packet.payload_bytes < PAXOS_HEADER_BYTES) {
    return PAXOS_PASS_NOT_PAXOS;
  }
  paxos_header header{}, ack{};
  std::memcpy(&header, frame.data() + packet.payload_offset, sizeof(header));
  if (header.magic != PAXOS_MAGIC) return PAXOS_PASS_NOT_PAXOS;
  const paxos_address local = address_of(packet.is_ipv6 ? ip6_of(kBackup) : ip4_of(kBackup), kPort);
  if (std::memcmp(local.addr_be, packet.local_be, sizeof(local.addr_be)) != 0 ||
      local.port_be != packet.local_port_be)
    return PAXOS_PASS_NO_GROUP;
  paxos_fast_counter out = check_header(&header, packet.payload_bytes);
  if (out != PAXOS_GO_ON) return out;
  fast_world world{};
  world.cells = &memory.cells;
  world.slots = memory.slot;
  world.slot_count = PAXOS_SLOTS;
  world.now_ns = monotonic_ns();
  world.message = frame.data() + packet.payload_offset;
  world.message_bytes = packet.payload_bytes;
  world.ring = [](void* heard, __u32, __u64) { *static_cast<bool*>(heard) = true; };
  world.ring_context = &rung;
  if (header.type == PAXOS_PREPARE_OK) return count_prepare_ok(&world, &packet, &header);
  out = accept_prepare(&world, &packet, &header, &ack);
  if (xdp_verdict(out) == XDP_TX) {
    const bool has_tag = packet.network_offset != sizeof(ethhdr);
    answer = ack_frame(bytes_of(ack), ack.op, {.ipv6 = packet.is_ipv6 != 0, .vlan = has_tag});
  }
  return out;
}

void XdpPaxosDifferential::compare(Dice& dice) {
  const Bytes frame = random_frame(dice);
  *wanted_memory_ = group().memory();
  Bytes wanted = frame;
  bool rung = false;
  const paxos_fast_counter out = decide(*wanted_memory_, frame, rung, wanted);
  const Outcome outcome = run(frame);
  EXPECT_STREQ(name_of(outcome.counter), name_of(out));
  // Type of service, flow label, tags and identification of damaged frames are repeated, not compared.
  EXPECT_EQ(outcome.run.frame.size(), wanted.size());
  if (xdp_verdict(out) != XDP_TX) {
    EXPECT_EQ(outcome.run.frame, wanted);
  }
  if (xdp_verdict(out) == XDP_TX && outcome.run.frame.size() == wanted.size()) {
    EXPECT_TRUE(std::equal(wanted.end() - PAXOS_HEADER_BYTES, wanted.end(),
                           outcome.run.frame.end() - PAXOS_HEADER_BYTES));
    struct packet answered {};
    const Bytes& sent = outcome.run.frame;
    ASSERT_EQ(parse_packet(PlacedFrame(sent).whole(), &answered), PACKET_OK);
    EXPECT_EQ(checksum_fold(udp_header_sum(&answered) + payload_sum(sent, answered)), CHECKSUM_VALID);
  }
  EXPECT_EQ(group().rings().size(), rung ? 1u : 0u);
  *got_memory_ = group().memory();
  forget_times(*wanted_memory_);
  forget_times(*got_memory_);
  EXPECT_EQ(std::memcmp(wanted_memory_.get(), got_memory_.get(), sizeof(paxos_group)), 0) << "another memory";
  ++seen_[out];
}

TEST_F(XdpPaxosDifferential, ProgramAndHostAgree) {
  const std::uint64_t seed = from_environment("BMC_FUZZ_SEED", 20240607);
  const std::uint64_t frames = from_environment("BMC_FUZZ_FRAMES", kFrames);
  Dice dice(seed);
  SCOPED_TRACE("BMC_FUZZ_SEED=" + std::to_string(seed));
  for (std::uint64_t i = 0; i < frames && !HasFailure(); ++i) {
    if (i % kFramesPerState == 0) new_state(dice);
    SCOPED_TRACE("frame " + std::to_string(i));
    compare(dice);
  }
  if (frames < kFrames || HasFailure()) return;
  // A run of full length is worth something only if it got nearly everywhere.
  for (std::uint32_t i = 1; i < PAXOS_FAST_COUNTER_COUNT; ++i) {
    const auto counter = static_cast<paxos_fast_counter>(i);
    const bool is_race = counter == PAXOS_PASS_OVERTAKEN || counter == PAXOS_PASS_CONTENDED;
    if (is_race || counter == PAXOS_DROP_UNSENT || counter == PAXOS_PASS_OFF) continue;
    EXPECT_GT(seen_[i], 0u) << name_of(counter);
  }
}

}  // namespace
}  // namespace bmc::paxos::test
