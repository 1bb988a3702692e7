// SPDX-License-Identifier: Apache-2.0
// Owners for libbpf objects and skeletons, and the facts about loaded programs and maps.
// Used by Pins, the attachments and the applications.
#ifndef BMC_CONTROL_PLANE_BPF_OBJECT_H
#define BMC_CONTROL_PLANE_BPF_OBJECT_H

#include <bpf/libbpf.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "control-plane/fd.h"
#include "control-plane/result.h"

namespace bmc {

template <typename Skeleton>
struct SkeletonDestroyer {
  void operator()(Skeleton* skeleton) const { Skeleton::destroy(skeleton); }
};

// Owner of a skeleton made by bpf_object(): SkeletonPtr<cache_host> host(cache_host::open());
template <typename Skeleton>
using SkeletonPtr = std::unique_ptr<Skeleton, SkeletonDestroyer<Skeleton>>;

// Opened, configured, not loaded. `owner` keeps `object` alive (a skeleton, usually).
struct OpenedObject {
  std::shared_ptr<void> owner;
  bpf_object* object = nullptr;
};

// Turns a fresh skeleton into an OpenedObject.
template <typename Skeleton>
OpenedObject opened(SkeletonPtr<Skeleton> skeleton) {
  bpf_object* object = skeleton->obj;
  return {std::shared_ptr<Skeleton>(std::move(skeleton)), object};
}

// Opens one more copy of the same object, configured alike: an attach may need several (one per interface,
// and one per way it is tried, because libxdp loads a program differently for its dispatcher).
using ObjectOpener = std::function<Result<OpenedObject>()>;

// The kernel's id of a program, map or link; ids are never reused while the thing lives.
Result<std::uint32_t> program_id(int program_fd);
Result<std::uint32_t> map_id(int map_fd);

// Makes every map of `to` (opened, not loaded) that has a namesake in `from` (loaded) the same map. Internal
// maps (.rodata, .bss...) stay the object's own.
Result<void> share_maps(const bpf_object& from, bpf_object& to);

// 64-bit FNV-1a, for build ids; pass the previous result as `hash` to go on.
std::uint64_t digest(const void* data, std::size_t bytes, std::uint64_t hash = 0xcbf29ce484222325ull);

// The digest of a skeleton's ELF image: changes with every change of the programs.
template <typename Skeleton>
std::uint64_t build_id() {
  std::size_t bytes = 0;
  const void* elf = Skeleton::elf_bytes(&bytes);
  return digest(elf, bytes);
}

// While one lives, what libbpf, libxdp and the kernel (extack, verifier) complain of is collected and not
// logged, so that it can stand in an Error. One at a time; the newest wins.
class BpfComplaints {
 public:
  BpfComplaints();
  ~BpfComplaints();
  BpfComplaints(const BpfComplaints&) = delete;
  BpfComplaints& operator=(const BpfComplaints&) = delete;

  // The kernel's own sentence ("Peer MTU is too large to set XDP"); empty: it said nothing.
  std::string kernel_message() const;
  // The last `lines` lines of everything, for verifier logs.
  std::string tail(std::size_t lines) const;

  void add(const char* text);

 private:
  std::string text_;
  BpfComplaints* previous_;
};

// Sends libbpf's and libxdp's own words to the log at level debug (or to BpfComplaints). Call once.
void route_bpf_messages_to_log();

// Loads; an error carries the verifier's last words. `name` is for the error text.
Result<void> load_object(bpf_object& object, const std::string& name);

}  // namespace bmc

#endif
