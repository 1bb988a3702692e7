// SPDX-License-Identifier: Apache-2.0
// bmcd: the composition root. Here, and only here, the generic daemon and the applications meet.
#include <memory>
#include <vector>

#include "apps/memcached-cache/daemon/cache_app.h"
#include "apps/paxos/host/paxos_app.h"
#include "control-plane/bmcd/composed_image.h"
#include "control-plane/commands.h"

namespace {

using bmc::AppContext;
using bmc::Config;
using bmc::cache::CacheApp;
using bmc::paxos::host::PaxosApp;
using bmc::paxos::host::XdpOwner;

// What bmcd may run, in the order of its start: see composed_image.h.
class Composition {
 public:
  std::vector<bmc::Application> applications() { return {paxos(), cache()}; }

 private:
  bmc::Application paxos() {
    return {.folder = bmc::paxos::host::kPinFolder,
            .abi_version = bmc::paxos::host::kAbiVersion,
            .is_wanted = [](const Config& config) { return !config.paxos_allow.empty(); },
            .make =
                [this](const AppContext& context) {
                  const XdpOwner xdp = context.config.cache ? XdpOwner::kOther : XdpOwner::kSelf;
                  auto app = std::make_unique<PaxosApp>(context, xdp);
                  paxos_ = app.get();
                  return app;
                }};
  }

  bmc::Application cache() {
    return {.folder = "",
            .abi_version = bmc::cache::kAbiVersion,
            .is_wanted = [](const Config& config) { return config.cache; },
            .make = [this](const AppContext& context) -> std::unique_ptr<bmc::App> {
              if (paxos_ == nullptr) return bmc::cache::make_cache_app(context);
              const auto share = [this](bpf_object& to) { return paxos_->lend_maps(to); };
              return std::make_unique<CacheApp>(context, bmc::cache_and_paxos_image(share));
            }};
  }

  PaxosApp* paxos_ = nullptr;  // lives longer than the cache; null: not wanted
};

}  // namespace

int main(int argc, char** argv) {
  Composition composition;
  return bmc::run_command_line(argc, argv, composition.applications());
}
