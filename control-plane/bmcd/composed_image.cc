// SPDX-License-Identifier: Apache-2.0
// Opening cache_and_paxos; see composed_image.h.
#include "control-plane/bmcd/composed_image.h"

#include <utility>

#include "cache_and_paxos.skel.h"
#include "control-plane/bpf_object.h"

namespace bmc {

XdpImage cache_and_paxos_image(MapSharer share_paxos_maps) {
  const auto open = [share = std::move(share_paxos_maps)]() -> Result<OpenedObject> {
    SkeletonPtr<cache_and_paxos> both(cache_and_paxos::open());
    if (!both) return errno_error("cannot open the XDP program of the cache and the replicated log");
    if (Result<void> shared = share(*both->obj); !shared) return shared.error();
    return opened(std::move(both));
  };
  return {open, "cache_and_paxos", build_id<cache_and_paxos>()};
}

}  // namespace bmc
