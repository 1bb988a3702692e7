// SPDX-License-Identifier: Apache-2.0
// The XDP program of the cache and the replicated log together, for the cache to attach in place of its own.
// Used by bmcd's main where both are on.
//
// What is attached refers to the maps of both, so both sets are pinned before it is attached, and stay. From
// that follows the order: the replicated log starts first and only loads; then the cache starts, and
// attaches. Stopping, in either order, takes nothing off: each turns its part off in its own maps, and the
// program passes everything. The next bmcd adopts both sets of maps and puts its program in the place of the
// old one in one step, whichever of cache_get, paxos_fast and cache_and_paxos it is and was: no packet goes
// without a program in between, and each finds the same caches and groups.
#ifndef BMC_CONTROL_PLANE_BMCD_COMPOSED_IMAGE_H
#define BMC_CONTROL_PLANE_BMCD_COMPOSED_IMAGE_H

#include <bpf/libbpf.h>

#include <functional>

#include "control-plane/result.h"
#include "control-plane/xdp_attachment.h"

namespace bmc {

// Makes the maps of `to` (opened, not loaded) that an application knows by name the same as its own
// (share_maps).
using MapSharer = std::function<Result<void>(bpf_object& to)>;

// Its `open` shares the replicated log's maps, and may be called once these are loaded; the cache shares its
// own.
XdpImage cache_and_paxos_image(MapSharer share_paxos_maps);

}  // namespace bmc

#endif
