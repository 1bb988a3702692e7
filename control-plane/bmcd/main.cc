// SPDX-License-Identifier: Apache-2.0
// bmcd: the composition root. Here, and only here, the generic daemon and the applications meet.
#include "apps/memcached-cache/daemon/cache_app.h"
#include "control-plane/commands.h"

int main(int argc, char** argv) {
  return bmc::run_command_line(argc, argv, bmc::cache::kAbiVersion, bmc::cache::make_cache_app);
}
