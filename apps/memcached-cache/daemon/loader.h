// SPDX-License-Identifier: Apache-2.0
// Loader: the cache's programs and maps, from the embedded objects into the kernel, and the attachments.
// Owned by CacheApp.
#ifndef BMC_CACHE_DAEMON_LOADER_H
#define BMC_CACHE_DAEMON_LOADER_H

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "apps/memcached-cache/daemon/cache_memory.h"
#include "control-plane/cgroup_attachment.h"
#include "control-plane/config.h"
#include "control-plane/fd.h"
#include "control-plane/interface_watch.h"
#include "control-plane/pins.h"
#include "control-plane/result.h"
#include "control-plane/tc_attachment.h"
#include "control-plane/xdp_attachment.h"

namespace bmc::cache {

// The cache's own XDP program, cache_get. Its maps are the cache's: a Loader shares them.
XdpImage cache_get_image();

// In the order of their use: load(), memory(), attach_cgroup(), then attach_interface() for each.
class Loader {
 public:
  // `xdp`: cache_get_image(), or a program that has another application's steps too. Its maps that the cache
  // knows are shared here; all others must be shared already when its `open` returns. It is first opened in
  // load().
  Loader(Pins& pins, const Config& config, XdpImage xdp);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  // Loads the host's programs, with maps sized for the memory limit: those of an earlier bmcd where they fit,
  // else new ones. The programs pass everything until the heartbeat beats and the mode says otherwise.
  Result<void> load();

  // The maps; only after load().
  CacheMemory& memory() { return memory_; }
  const CacheMemory& memory() const { return memory_; }
  // Of program cache_sweep; lent.
  int sweep_fd() const;
  // Bytes of the store's arrays, for the status.
  std::uint64_t store_bytes() const { return store_bytes_; }
  // Why maps of an earlier bmcd were not used; empty: they were, or there were none.
  const std::string& why_replaced() const { return pins_.why(); }

  // The observing programs: what sees every packet of the host, and what sees the end of sockets. Before
  // anything else that may fill or answer.
  Result<void> attach_cgroup();
  // Whether maps and observation are those of an earlier bmcd, without a gap; after attach_cgroup().
  bool goes_on() const { return adopted_ && links_kept_; }

  // Packets of sockets are observed, or not; the end of sockets always is. What is so already stays. On an
  // error some of the programs may be attached.
  Result<void> observe_packets(bool on);

  // Fill, then answer, on one interface. `interface` is up to date.
  Result<void> attach_interface(const Interface& interface);
  // The interface is gone: nothing is left to detach.
  void forget_interface(int index);

  const std::map<int, XdpAttachment>& xdp() const { return xdp_; }
  const std::map<int, TcAttachment>& tc() const { return tc_; }
  // By name.
  const std::map<std::string, CgroupAttachment>& cgroup() const { return cgroup_; }

 private:
  struct Objects;

  Result<void> size_maps();
  Result<void> prepare(bool adopted);
  Result<void> make_own_maps_of_xdp();
  Result<void> fill_allowed();
  Result<void> attach_to_root(const std::string& name, const bpf_program& program);
  Result<OpenedObject> open_xdp() const;

  Pins& pins_;
  const Config& config_;
  const XdpImage xdp_image_;
  std::unique_ptr<Objects> objects_;
  std::map<std::string, Fd> xdp_maps_;  // those only cache_get has
  CacheMemory memory_;
  std::uint64_t store_bytes_ = 0;
  bool adopted_ = false;
  bool links_kept_ = true;
  std::map<std::string, CgroupAttachment> cgroup_;
  std::map<int, TcAttachment> tc_;    // by interface index
  std::map<int, XdpAttachment> xdp_;  // by interface index
};

}  // namespace bmc::cache

#endif
