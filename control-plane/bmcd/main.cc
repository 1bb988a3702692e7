// SPDX-License-Identifier: Apache-2.0
// bmcd: the composition root. Here, and only here, the generic daemon and the applications meet.
#include "apps/memcached-cache/daemon/cache_app.h"
#include "control-plane/commands.h"

int main(int argc, char** argv) {
  const bmc::Application cache = {.folder = "",
                                  .abi_version = bmc::cache::kAbiVersion,
                                  .is_wanted = [](const bmc::Config& config) { return config.cache; },
                                  .make = bmc::cache::make_cache_app};
  return bmc::run_command_line(argc, argv, {cache});
}
