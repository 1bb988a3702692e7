// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/sim/network.h"

#include <cstring>
#include <utility>

namespace bmc::paxos::sim {
namespace {

// The same message from another cluster, or of another configuration, with a header that is right in itself.
void make_foreign(std::string& bytes, Random& random) {
  paxos_header header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (random.chance(0.5)) {
    header.cluster_id ^= std::uint64_t{1} << random.below(64);
  } else {
    header.epoch += random.chance(0.5) ? 1 : -1;
  }
  header.hdr_hash = paxos_header_hash(&header);
  std::memcpy(bytes.data(), &header, sizeof(header));
}

}  // namespace

Network::Network(Agenda& agenda, Random random, const Profile& profile, Deliver deliver)
    : agenda_(agenda),
      random_(random),
      endpoints_(profile.core.replica_count + profile.clients),
      loss_(profile.loss),
      duplicate_(profile.duplicate),
      damage_(profile.damage),
      delay_min_us_(profile.delay_min_us),
      delay_mean_us_(profile.delay_mean_us),
      replay_mean_us_(profile.replay_mean_us),
      deliver_(std::move(deliver)),
      links_(std::size_t{endpoints_} * endpoints_) {}

void Network::join(Endpoint from, Endpoint to) {
  Link& between = link(from, to);
  if (between.cuts > 0) --between.cuts;
}

void Network::send(Endpoint from, Endpoint to, MessageType type, std::shared_ptr<const std::string> bytes) {
  ++packets_;
  const Link& between = link(from, to);
  if (between.cuts > 0 || between.filtered & bit(type)) return;
  Packet packet{from, to, std::move(bytes)};
  const Micros delay = delay_min_us_ + random_.exponential(delay_mean_us_);
  if (duplicate_ > 0 && random_.chance(duplicate_)) put(delay + random_.exponential(replay_mean_us_), packet);
  if (damage_ > 0 && random_.chance(damage_)) {
    packet.sent = packet.bytes;
    packet.bytes = damaged(*packet.bytes);
    packet.damaged = true;
  }
  if (loss_ > 0 && random_.chance(loss_)) return;
  put(delay, std::move(packet));
}

void Network::put(Micros delay, Packet packet) {
  agenda_.after(delay, [this, packet = std::move(packet)] { deliver_(packet); });
}

std::shared_ptr<const std::string> Network::damaged(const std::string& bytes) {
  auto copy = std::make_shared<std::string>(bytes);
  const std::uint64_t kind = random_.below(4);
  if (kind == 0) {
    copy->resize(random_.below(copy->size()));
  } else if (kind == 1) {
    make_foreign(*copy, random_);
  } else if (kind == 2) {
    copy->append(1 + random_.below(16), static_cast<char>(random_.below(256)));
  } else {
    // One to three bits: what CRC32C finds for certain in bodies of this size.
    for (std::uint64_t flips = random_.between(1, 3), bit = 0; flips > 0; --flips) {
      bit += 1 + random_.below(copy->size() * 8 / 3 - 1);
      char& byte = (*copy)[bit / 8];
      byte = static_cast<char>(byte ^ (1 << (bit % 8)));
    }
  }
  return copy;
}

void Network::heal() {
  loss_ = 0;
  duplicate_ = 0;
  damage_ = 0;
  for (Link& between : links_) between = Link{};
}

}  // namespace bmc::paxos::sim
