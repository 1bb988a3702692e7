// SPDX-License-Identifier: Apache-2.0
// bmcd: the composition root. Here, and only here, the generic daemon and the applications meet.
#include "apps/memcached-cache/daemon/cache_app.h"
#include "apps/paxos/host/paxos_app.h"
#include "control-plane/commands.h"

namespace {

using bmc::AppContext;
using bmc::Config;
using bmc::paxos::host::PaxosApp;
using bmc::paxos::host::XdpOwner;

bmc::Application paxos() {
  return {.folder = bmc::paxos::host::kPinFolder,
          .abi_version = bmc::paxos::host::kAbiVersion,
          .is_wanted = [](const Config& config) { return !config.paxos_allow.empty(); },
          .make =
              [](const AppContext& context) {
                const XdpOwner xdp = context.config.cache ? XdpOwner::kOther : XdpOwner::kSelf;
                return std::make_unique<PaxosApp>(context, xdp);
              }};
}

bmc::Application cache() {
  return {.folder = "",
          .abi_version = bmc::cache::kAbiVersion,
          .is_wanted = [](const Config& config) { return config.cache; },
          .make = bmc::cache::make_cache_app};
}

}  // namespace

int main(int argc, char** argv) { return bmc::run_command_line(argc, argv, {paxos(), cache()}); }
