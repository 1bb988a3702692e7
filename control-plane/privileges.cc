// SPDX-License-Identifier: Apache-2.0
// The capabilities bmcd keeps; see privileges.h.
#include "control-plane/privileges.h"

#include <cap-ng.h>
#include <sys/prctl.h>

namespace bmc {
namespace {

struct Kept {
  unsigned capability;
  const char* name;
};

// BPF: maps and programs while running, and attaching to an interface that comes back. NET_ADMIN: attaching,
// closing stuck connections, and marking sockets. PERFMON: without it the verifier forbids adding a variable
// to a packet pointer, which every parser of headers of variable length does; needed when an interface comes
// back.
constexpr Kept kKept[] = {
    {CAP_BPF, "CAP_BPF"}, {CAP_NET_ADMIN, "CAP_NET_ADMIN"}, {CAP_PERFMON, "CAP_PERFMON"}};

}  // namespace

Result<std::string> drop_capabilities() {
  if (capng_get_caps_process() != 0) return errno_error("cannot read this process's capabilities");
  const bool may_bound = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) != 0;
  bool has[std::size(kKept)];
  for (std::size_t i = 0; i < std::size(kKept); ++i)
    has[i] = capng_have_capability(CAPNG_PERMITTED, kKept[i].capability) != 0;
  capng_clear(CAPNG_SELECT_BOTH);
  std::string kept;
  for (std::size_t i = 0; i < std::size(kKept); ++i) {
    if (!has[i]) continue;
    capng_update(CAPNG_ADD, static_cast<capng_type_t>(CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET),
                 kKept[i].capability);
    kept += (kept.empty() ? "" : " ") + std::string(kKept[i].name);
  }
  if (const int failed = capng_apply(may_bound ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS); failed != 0)
    return Error{EPERM, "cannot give up capabilities (capng_apply: " + std::to_string(failed) + ")"};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno_error("cannot set no_new_privs");
  return kept.empty() ? "none" : kept;
}

}  // namespace bmc
