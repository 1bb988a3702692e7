// SPDX-License-Identifier: Apache-2.0
// Random frames through cache_get and through the reference: same way out, same bytes. Frames are requests
// with random damage, and plain noise. BMC_FUZZ_FRAMES=n and BMC_FUZZ_SEED=n make longer or other runs.
#include <cstdlib>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "apps/memcached-cache/tests/xdp_fixture.h"
#include "apps/memcached-cache/tests/xdp_reference.h"

namespace bmc::test {
namespace {

constexpr std::uint64_t kFrames = 12000;  // a second or two
constexpr std::uint64_t kFramesPerWorld = 400;

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}
  // 0 .. sides - 1
  std::size_t roll(std::size_t sides) { return engine_() % sides; }
  bool one_in(std::size_t sides) { return roll(sides) == 0; }
  std::uint8_t byte() { return static_cast<std::uint8_t>(engine_()); }
  template <typename T>
  const T& pick(const std::vector<T>& from) {
    return from.at(roll(from.size()));
  }

 private:
  std::mt19937_64 engine_;
};

class XdpDifferential : public XdpTest {
 protected:
  static constexpr const char* kOther4 = "192.0.2.2";
  static constexpr std::uint16_t kOtherPort = 11300;

  void serve_in_both(std::uint8_t server, const std::string& address, std::uint16_t port) {
    store().serve(server, address, port);
    world_.served[{address_bytes(address), port}] = server;
    world_.served_ports.insert(port);
  }

  std::string random_key(Dice& dice) {
    static const std::vector<std::size_t> kLengths{1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 249, 250};
    std::string key(dice.one_in(3) ? dice.roll(CACHE_KEY_MAX) + 1 : dice.pick(kLengths), ' ');
    for (char& byte : key) {
      do {
        byte = static_cast<char>(dice.byte());
      } while (static_cast<std::uint8_t>(byte) <= 0x20 || byte == 0x7f);
    }
    return key;
  }

  std::string random_data(Dice& dice, std::size_t key_bytes) {
    const std::size_t most =
        CACHE_TEXT_MAX - key_bytes - std::string("VALUE  4294967295 1234\r\n\r\n").size();
    std::string data(dice.one_in(2) ? dice.roll(100) : dice.roll(most + 1), '\0');
    for (char& byte : data) byte = static_cast<char>(dice.byte());
    return data;
  }

  // An entry, in every state that it can be in; some keys for two servers.
  void place_in_both(Dice& dice) {
    Item item{.key = random_key(dice),
              .data = "",
              .flags = static_cast<std::uint32_t>(dice.roll(1u << 31)),
              .server = static_cast<std::uint8_t>(dice.roll(2))};
    item.data = random_data(dice, item.key.size());
    item.segment = static_cast<std::uint32_t>(dice.roll(control().segment_count));
    const bool known = world_.entries.count({item.server, item.key}) != 0;
    const auto hash = store().hash(item.key, item.server);
    if (known || store().bucket_of(hash).way[CACHE_BUCKET_WAYS - 1] != 0) return;
    cache_counter state = CACHE_TX_HIT;
    if (dice.one_in(8)) {
      state = CACHE_PASS_DEAD;
      item.epoch = store().epoch(item.server) + 1 + dice.roll(1000);
    } else if (dice.one_in(8)) {
      state = CACHE_PASS_EXPIRED;
      item.deadline = 1 + static_cast<std::uint32_t>(dice.roll(deadline_units(monotonic_ns())));
    } else if (dice.one_in(3)) {
      item.deadline = deadline_units(monotonic_ns()) + 9000;  // ten minutes
    }
    const auto placed = store().place(item);
    world_.entries[{item.server, item.key}] = {placed.text, state};
    keys_.push_back(item.key);
  }

  void new_world(Dice& dice) {
    store().reset();
    world_ = {};
    keys_.clear();
    for (std::uint32_t i = 0; i < store().control().guard_mask + 1; ++i) {
      store().guards()[i].word = dice.roll(1u << 30) << GUARD_FLIGHT_BITS | dice.roll(3);
    }
    for (std::uint32_t i = 0; i < control().segment_count; ++i)
      store().segment(i).generation = dice.roll(1ull << 40);
    for (const std::uint32_t server : {0u, 1u}) {
      store().server(server).hash_seed = dice.roll(~0ull);
      store().server(server).global = dice.roll(1u << 30) << GUARD_FLIGHT_BITS;
    }
    control().address_seed = static_cast<std::uint32_t>(dice.roll(1u << 30));
    serve_in_both(0, kServerIp4, kServerPort);
    serve_in_both(0, kServerIp6, kServerPort);
    serve_in_both(1, kOther4, kOtherPort);
    if (worlds_ % 8 == 3) control().mode = CACHE_MODE_SHADOW, world_.shadow = true;
    if (worlds_ % 8 == 6) store().server(1).hold = SERVER_DOWN, world_.held.insert(1);
    ++worlds_;
    for (int i = 0; i < 60; ++i) place_in_both(dice);
    keys_.push_back("no-such-key");
  }

  // Mostly one key; sometimes many, sometimes with something wrong between them.
  std::string random_line(Dice& dice) {
    std::string line = dice.one_in(30) ? "gets " : "get ";
    const std::size_t count = dice.one_in(3) ? dice.roll(dice.one_in(5) ? 40 : 6) + 1 : 1;
    for (std::size_t i = 0; i < count && line.size() < 1200; ++i) {  // within an MTU
      if (i != 0) line += dice.one_in(60) ? "  " : " ";
      line += dice.pick(keys_);
      if (dice.one_in(60)) line += static_cast<char>(dice.byte());
    }
    if (dice.one_in(30)) line[dice.roll(line.size())] = static_cast<char>(dice.byte());
    if (dice.one_in(40)) line += ' ';
    return line + (dice.one_in(40) ? "\n" : "\r\n") + (dice.one_in(60) ? "get k\r\n" : "");
  }

  // Right but for what the dice change before the checksums are made.
  Bytes random_request(Dice& dice) {
    Layers layers{{Ethernet{}}};
    if (dice.one_in(4))
      layers = std::move(layers) /
               Vlan{.protocol = dice.one_in(2) ? std::uint16_t{0x8100} : std::uint16_t{0x88a8}};
    if (dice.one_in(60)) layers = std::move(layers) / Vlan{};
    static const std::vector<std::uint16_t> kPorts{0, 1, kServerPort, kServerPort + 1, kOtherPort, 0xffff};
    UDP udp{.from = dice.one_in(20) ? dice.pick(kPorts) : kClientPort};
    if (dice.one_in(10)) udp.checksum = 0;
    if (dice.one_in(3)) {
      layers = std::move(layers) /
               IPv6{.first_word = 0x60000000 | static_cast<std::uint32_t>(dice.roll(1u << 28))};
    } else {
      const bool other = dice.one_in(4);
      if (other) udp.to = kOtherPort;
      layers = std::move(layers) / IPv4{.to = other ? kOther4 : kServerIp4,
                                        .tos = dice.byte(),
                                        .id = static_cast<std::uint16_t>(dice.roll(0x10000))};
    }
    Memcached header{.id = static_cast<std::uint16_t>(dice.roll(0x10000))};
    if (dice.one_in(50)) header.total = static_cast<std::uint16_t>(dice.roll(3));
    Bytes request = frame(std::move(layers) / udp / header / Text{random_line(dice)});
    if (dice.one_in(5)) request.insert(request.end(), dice.roll(15), dice.byte());
    return request;
  }

  // Damage that no checksum knows of.
  static void damage(Dice& dice, Bytes& request) {
    switch (dice.roll(4)) {
      case 0:
        request.at(dice.roll(std::min<std::size_t>(request.size(), 70))) ^=
            static_cast<std::uint8_t>(1u << dice.roll(8));
        break;
      case 1:
        request.at(dice.roll(request.size())) = dice.byte();
        break;
      case 2:
        request.resize(14 + dice.roll(request.size() - 13));
        break;
      default:
        for (int i = 0; i < 3; ++i) request.at(dice.roll(request.size())) = dice.byte();
    }
  }

  static Bytes noise(Dice& dice, Bytes request) {
    const std::size_t kept = dice.roll(request.size());  // of a right request's beginning
    for (std::size_t i = kept; i < request.size(); ++i) request[i] = dice.byte();
    if (dice.one_in(3)) request.resize(14 + dice.roll(1600), dice.byte());
    return request;
  }

  void compare(const Bytes& request, bool count) {
    const Decision wanted = XdpReference::decide(world_, request);
    RunResult result;
    if (count) {
      const Outcome outcome = run(request);
      EXPECT_STREQ(counter_reason(outcome.counter), counter_reason(wanted.way_out));
      result = outcome.run;
    } else {
      result = run_xdp(XdpProgram::get().fd(), request);
    }
    EXPECT_EQ(result.verdict, static_cast<std::uint32_t>(wanted.way_out == CACHE_TX_HIT ? XDP_TX : XDP_PASS));
    EXPECT_EQ(dump(result.frame), dump(wanted.frame));
    if (HasFailure()) ADD_FAILURE() << "request:\n" << dump(request);
    ++seen_[wanted.way_out];
  }

  // Runs `frames` frames that `make` makes; stops at the first difference.
  template <typename Make>
  void run_many(std::uint64_t frames, Make make) {
    const std::uint64_t seed = from_environment("BMC_FUZZ_SEED", 20240607);
    Dice dice(seed);
    SCOPED_TRACE("BMC_FUZZ_SEED=" + std::to_string(seed));
    for (std::uint64_t i = 0; i < frames && !HasFailure(); ++i) {
      if (i % kFramesPerWorld == 0) new_world(dice);
      compare(make(dice), i % 4 == 0);
    }
  }

  ReferenceWorld world_;
  std::vector<std::string> keys_;
  Counters seen_;
  std::uint64_t worlds_ = 0;
};

TEST_F(XdpDifferential, RequestsWithAndWithoutDamage) {
  run_many(from_environment("BMC_FUZZ_FRAMES", kFrames), [this](Dice& dice) {
    Bytes request = random_request(dice);
    if (dice.one_in(3)) damage(dice, request);
    return request;
  });
  if (from_environment("BMC_FUZZ_FRAMES", kFrames) < kFrames) return;
  // A run of full length is worth something only if it got everywhere that such frames can get.
  for (const cache_counter way_out :
       {CACHE_TX_HIT, CACHE_PASS_NOT_IP, CACHE_PASS_SHORT, CACHE_PASS_FRAME, CACHE_PASS_NOT_GET,
        CACHE_PASS_MALFORMED, CACHE_PASS_CHECKSUM, CACHE_PASS_MISS, CACHE_PASS_DEAD, CACHE_PASS_EXPIRED,
        CACHE_PASS_TOO_LARGE, CACHE_PASS_NOT_SERVED, CACHE_PASS_NOT_ALLOWED, CACHE_PASS_SHADOW,
        CACHE_PASS_HELD}) {
    EXPECT_GT(seen_[way_out], 0u) << counter_reason(way_out);
  }
}

TEST_F(XdpDifferential, Noise) {
  run_many(from_environment("BMC_FUZZ_FRAMES", kFrames) / 2,
           [this](Dice& dice) { return noise(dice, random_request(dice)); });
}

}  // namespace
}  // namespace bmc::test
