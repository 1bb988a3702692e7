// SPDX-License-Identifier: Apache-2.0
// Composition of the parts, their order of start and stop, interfaces and switches; see paxos_app.h.
#include "apps/paxos/host/paxos_app.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "apps/paxos/host/members.h"
#include "apps/paxos/host/programs.h"
#include "apps/paxos/host/reports.h"
#include "control-plane/bpf_object.h"
#include "control-plane/lifetime.h"

namespace bmc::paxos::host {
namespace {

constexpr std::uint32_t kPinsVersion = 1;  // raised when other things are pinned, or elsewhere

std::uint32_t bits_of(const std::set<PaxosOffload>& offloads) {
  std::uint32_t bits = 0;
  for (const PaxosOffload each : offloads)
    bits |= each == PaxosOffload::kAck      ? PAXOS_OFFLOAD_ACK
            : each == PaxosOffload::kQuorum ? PAXOS_OFFLOAD_QUORUM
                                            : PAXOS_OFFLOAD_BROADCAST;
  return bits;
}

}  // namespace

const std::uint32_t kAbiVersion = kPinsVersion << 24 | BROADCAST_ABI_VERSION << 16 | PAXOS_FAST_ABI_VERSION;

// Everything that exists only while the programs are loaded.
class PaxosApp::Running {
 public:
  Running(const AppContext& context, XdpOwner xdp)
      : context_(context),
        xdp_(xdp),
        programs_(context.pins, context.config),
        admission_(context.config.paxos_allow,
                   [this](const auto& address) { return interface_of(address) != nullptr; }) {}

  ~Running() { stop(); }

  Result<void> start() {
    if (Result<void> loaded = programs_.load(); !loaded) return loaded;
    maps_.emplace(context_.pins, programs_.groups(), programs_.doorbells());
    if (Result<void> taken = maps_->start(programs_.adopted(), context_.config.paxos_allow); !taken)
      return taken;
    auto groups = programs_.broadcast_groups();
    if (!groups) return std::move(groups).error();
    broadcasts_.emplace(*std::move(groups));
    members_.emplace(*maps_, *broadcasts_, programs_.broadcast_reports(),
                     [this](const paxos_address& address) { return shortcoming(address); });
    if (Result<void> attached = attach_interfaces(); !attached) return attached;
    if (Result<void> allowed = allow_route_lookups(); !allowed)
      spdlog::warn("{}: the broadcast offload reaches nobody, and replicas send by themselves",
                   allowed.error().what);
    context_.interfaces.subscribe(
        life_.guard([this](const InterfaceEvent& event) { interface_changed(event); }));
    server_.emplace(context_.loop, admission_, *members_);
    set_switches(bits_of(context_.config.paxos_offloads));
    return server_->listen(context_.config.paxos_socket);
  }

  // Idempotent. Afterwards every program passes all it sees, and no gate is armed.
  void stop() {
    life_.end();
    programs_.set_offloads(0);
    if (server_) server_->stop();
    if (maps_) maps_->freeze_all();
    if (broadcasts_) broadcasts_->disable_all();
  }

  const bpf_object& object() const { return programs_.object(); }
  PaxosView view() const { return {programs_, *maps_, *members_, *server_}; }

  // The programs stop at once; a replica that learns of it later only finds nothing done for it meanwhile.
  void set_switches(std::uint32_t offloads) {
    programs_.set_offloads(offloads);
    members_->set_switches(
        offloads, [this](const paxos_address& address, std::uint32_t now) { server_->tell(address, now); });
  }

  // Of one offload, by its name.
  Result<void> set_switch(const control::PaxosRequest& request) {
    const auto bit = offload_named(request.offload());
    if (!bit) return bit.error();
    set_switches(request.on() ? members_->switches() | *bit : members_->switches() & ~*bit);
    spdlog::info("Paxos: {} is switched {}", request.offload(), request.on() ? "on" : "off");
    return {};
  }

  std::string status_line() const {
    const std::size_t count = members_->all().size();
    return "helping " + std::to_string(count) + (count == 1 ? " replica" : " replicas");
  }

 private:
  bool is_served(const std::string& name) const {
    return std::ranges::find(context_.config.ifaces, name) != context_.config.ifaces.end();
  }

  // That has the address; null: none of this host does.
  const Interface* interface_of(const boost::asio::ip::address& address) const {
    for (const auto& [index, interface] : context_.interfaces.interfaces())
      if (std::ranges::find(interface.addresses, address) != interface.addresses.end()) return &interface;
    return nullptr;
  }

  std::string shortcoming(const paxos_address& address) const {
    const Interface* interface = interface_of(to_endpoint(address).address);
    if (interface == nullptr || is_served(interface->name)) return {};
    return "bmcd is not attached to " + interface->name +
           ", which has this replica's address: add it to iface";
  }

  Result<void> attach(const Interface& interface) {
    return programs_.attach(interface, xdp_ == XdpOwner::kSelf);
  }

  Result<void> attach_interfaces() {
    for (const std::string& name : context_.config.ifaces) {
      const Interface* interface = context_.interfaces.find(name);
      if (interface == nullptr) {
        spdlog::warn("there is no interface {} (yet); it is attached to once it appears", name);
        continue;
      }
      if (Result<void> attached = attach(*interface); !attached) return attached;
    }
    if (programs_.tc().empty())
      return Error{ENODEV, "none of the interfaces to attach to exists; `ip -br link` lists those that do"};
    return {};
  }

  void interface_changed(const InterfaceEvent& event) {
    const Interface& interface = event.interface;
    if (event.kind == InterfaceEvent::Kind::kRemoved) {
      programs_.forget(interface.index);
    } else if (is_served(interface.name) && !programs_.tc().contains(interface.index)) {
      if (Result<void> attached = attach(interface); !attached) spdlog::error("{}", attached.error().what);
    }
  }

  const AppContext& context_;
  const XdpOwner xdp_;
  Programs programs_;
  std::optional<GroupMaps> maps_;
  std::optional<BroadcastTable> broadcasts_;
  std::optional<Members> members_;
  Admission admission_;
  std::optional<JoinServer> server_;
  Lifetime life_;
};

PaxosApp::PaxosApp(const AppContext& context, XdpOwner xdp) : context_(context), xdp_(xdp) {}

PaxosApp::~PaxosApp() = default;

Result<void> PaxosApp::start() {
  running_ = std::make_unique<Running>(context_, xdp_);
  return running_->start();
}

void PaxosApp::stop() { running_.reset(); }

Result<control::Response> PaxosApp::control(const control::Request& request) {
  if (!running_) return Error{ESHUTDOWN, "Paxos is not running"};
  control::Response response;
  if (request.has_status()) {
    describe_status(running_->view(), *response.mutable_status());
    return response;
  }
  if (request.has_audit()) {
    describe_exposure(context_.config, *response.mutable_audit());
    return response;
  }
  if (!request.has_paxos()) return Error{ENOTSUP, "Paxos does not know this request"};
  if (!request.paxos().offload().empty())
    if (Result<void> set = running_->set_switch(request.paxos()); !set) return set.error();
  describe_paxos(running_->view(), *response.mutable_paxos());
  return response;
}

void PaxosApp::collect(std::vector<prometheus::MetricFamily>& families) {
  if (running_) collect_paxos(running_->view(), families);
}

std::string PaxosApp::status_line() { return running_ ? running_->status_line() : "stopped"; }

Result<void> PaxosApp::lend_maps(bpf_object& image) const {
  if (!running_) return Error{ESHUTDOWN, "Paxos is not running"};
  return share_maps(running_->object(), image);
}

}  // namespace bmc::paxos::host
