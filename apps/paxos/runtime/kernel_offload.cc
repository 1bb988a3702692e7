// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/runtime/kernel_offload.h"

#include <boost/asio/post.hpp>
#include <chrono>
#include <string>
#include <utility>

#include "apps/paxos/runtime/clock.h"
#include "apps/paxos/runtime/core_options_of.h"

namespace bmc::paxos::runtime {
namespace {

// How long the start of a replica waits for bmcd, which answers at once unless it is starting itself.
constexpr std::chrono::milliseconds kPatience{250};

std::uint64_t monotonic_ns() { return monotonic_us() * 1000; }

AcceleratorOptions options_of(const Options& options) {
  AcceleratorOptions made;
  made.cluster_id = options.cluster_id;
  made.epoch = kEpoch;
  made.self = options.replica_index;
  made.replica_count = static_cast<std::uint8_t>(options.replicas.size());
  made.durability = durability_of(options);
  // A process that stands still for as long as a leader may is not waited for by its leader either. It shows
  // that it lives at least every quarter of a heartbeat.
  made.lease_ns = options.leader_timeout_ms * std::uint64_t{1'000'000};
  std::size_t i = 0;
  for (const Endpoint& each : parse_endpoints(options.replicas)) made.addresses[i++] = paxos_address_of(each);
  return made;
}

std::string names_of(std::uint32_t offloads) {
  std::string names;
  const auto add = [&](std::uint32_t offload, const char* name) {
    if (offloads & offload) names += (names.empty() ? "" : ", ") + std::string(name);
  };
  add(PAXOS_OFFLOAD_ACK, "ack");
  add(PAXOS_OFFLOAD_QUORUM, "quorum");
  add(PAXOS_OFFLOAD_BROADCAST, "broadcast");
  return names.empty() ? "none" : names;
}

}  // namespace

KernelOffload::KernelOffload(boost::asio::any_io_executor executor, std::shared_ptr<Monitor> monitor,
                             const Options& options, KernelHandlers handlers)
    : executor_(executor),
      monitor_(std::move(monitor)),
      log_(options.log),
      handlers_(std::move(handlers)),
      accelerator_options_(options_of(options)),
      link_(std::move(executor), monitor_, options.kernel.socket, join_request_of(options),
            {.granted = [this](KernelGrant grant) { take(std::move(grant)); },
             .switched = [this](std::uint32_t offloads) { switch_to(offloads); },
             .log = [this](std::string_view sentence) { say(std::string(sentence)); }}) {}

void KernelOffload::start(int udp_socket) { link_.start(udp_socket, kPatience); }

void KernelOffload::stop() {
  handlers_.changing();
  fence_.exchange(nullptr);
}

void KernelOffload::say(const std::string& text) const {
  if (log_) log_(text);
}

// The memory may be the one that is in use, or another: either is frozen and read out before it is made anew.
void KernelOffload::take(KernelGrant grant) {
  auto memory = KernelMemory::map(grant.group.get(), grant.doorbell.get());
  if (!memory) return say("no help of the kernel: " + memory.error().what);
  if (std::exchange(has_broadcasts_, false)) handlers_.broadcasts({});
  reports_ = std::move(grant.reports);
  broadcast_group_ = grant.broadcast_group;
  exchange(*std::move(memory), grant.offloads);
  watch(std::move(grant.doorbell));
  say("the kernel helps: " + names_of(offloads_) + (grant.text.empty() ? "" : " (" + grant.text + ")"));
}

void KernelOffload::switch_to(std::uint32_t offloads) {
  if (offloads == offloads_ || !memory_) return;
  exchange(nullptr, offloads);
  say("the kernel helps: " + names_of(offloads_));
}

// `memory` null: the one at hand.
void KernelOffload::exchange(std::unique_ptr<KernelMemory> memory, std::uint32_t offloads) {
  handlers_.changing();
  fence_.exchange(nullptr);
  accelerator_.reset();
  if (memory) memory_ = std::move(memory);
  offloads_ = offloads;
  AcceleratorOptions options = accelerator_options_;
  options.accepts = offloads & PAXOS_OFFLOAD_ACK;
  options.counts = offloads & PAXOS_OFFLOAD_QUORUM;
  accelerator_.emplace(memory_->world(), options);
  fence_.exchange(&*accelerator_);
  tell_broadcasts();
  handlers_.changed();
}

// If anything has changed. A descriptor is told once, though others may have had its number.
void KernelOffload::tell_broadcasts() {
  const bool can = (offloads_ & PAXOS_OFFLOAD_BROADCAST) && reports_;
  if (can == has_broadcasts_) return;
  has_broadcasts_ = can;
  handlers_.broadcasts(
      {.reports = can ? reports_.get() : -1, .groups = -1, .group = broadcast_group_, .interface = {}});
}

// Without it the timer finds what there is.
void KernelOffload::watch(Fd doorbell) {
  ++bells_;
  bell_.emplace(executor_);
  boost::system::error_code refused;
  bell_->assign(doorbell.get(), refused);
  if (refused) return say("the kernel's doorbell cannot be waited for: " + refused.message());
  doorbell.release();
  wait_bell();
}

void KernelOffload::wait_bell() {
  bell_->async_wait(boost::asio::posix::stream_descriptor::wait_read,
                    guarded(monitor_, [this, bell = bells_](const boost::system::error_code& error) {
                      if (error || bell != bells_ || !bell_) return;
                      ++rung_;
                      memory_->silence();
                      handlers_.news();
                      if (bell == bells_ && bell_) wait_bell();
                    }));
}

void KernelOffload::call_for_news() {
  if (is_called_) return;
  is_called_ = true;
  boost::asio::post(executor_, guarded(monitor_, [this] {
                      is_called_ = false;
                      handlers_.news();
                    }));
}

void KernelOffload::stay_awake() {
  if (accelerator_) accelerator_->stay_awake();
}

// What is frozen has nothing to tell, and is not waited for.
bool KernelOffload::rest(Op commit, bool is_waited_for, bool is_polling) {
  if (!accelerator_) return true;
  accelerator_->show_alive(monotonic_ns());
  if (is_polling || !fence_.is_armed() || accelerator_->may_sleep(commit, is_waited_for)) return true;
  ++looked_;
  return false;
}

bool KernelOffload::has_news(Op commit) {
  if (!fence_.is_armed() || !accelerator_->has_news(commit)) return false;
  ++looked_;
  return true;
}

KernelHelp KernelOffload::help() const {
  KernelHelp help;
  help.is_joined = link_.is_granted();
  help.acknowledge = offloads_ & PAXOS_OFFLOAD_ACK;
  help.quorum = offloads_ & PAXOS_OFFLOAD_QUORUM;
  return help;
}

void KernelOffload::count(std::vector<Counter>& all) const {
  const FenceCounters& fence = fence_.counters();
  const KernelLinkCounters link = link_.counters();
  constexpr std::string_view kTerms = "Terms of office of the kernel programs";
  constexpr std::string_view kWakeups = "Times that the kernel programs had news";
  constexpr std::string_view kJoins = "Requests to bmcd for the kernel's help";
  all.push_back({"kernel_entries", "", "Entries that the kernel accepted", fence.accepted});
  all.push_back({"kernel_acknowledged", "", "Ops whose acknowledgement by another replica the kernel counted",
                 fence.acknowledged});
  all.push_back({"kernel_terms", "armed", kTerms, fence.armed});
  all.push_back({"kernel_terms", "frozen", kTerms, fence.frozen});
  all.push_back({"kernel_news", "doorbell", kWakeups, rung_});
  all.push_back({"kernel_news", "looked", kWakeups, looked_});
  all.push_back({"kernel_joins", "granted", kJoins, link.granted});
  all.push_back({"kernel_joins", "refused", kJoins, link.refused});
  all.push_back({"kernel_joins", "lost", kJoins, link.lost});
}

}  // namespace bmc::paxos::runtime
