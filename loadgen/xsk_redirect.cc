// SPDX-License-Identifier: Apache-2.0
// See xsk_redirect.h.
#include "loadgen/xsk_redirect.h"

#include <bpf/libbpf.h>
#include <xdp/libxdp.h>

#include "xsk_redirect_bpf.skel.h"

namespace bmc::loadgen {
namespace {

// libxdp tells people what it tries; the errors here say what came of it.
class Quiet {
 public:
  Quiet() : libbpf_(libbpf_set_print(nullptr)), libxdp_(libxdp_set_print(nullptr)) {}
  ~Quiet() {
    libbpf_set_print(libbpf_);
    libxdp_set_print(libxdp_);
  }
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;

 private:
  libbpf_print_fn_t libbpf_;
  libxdp_print_fn_t libxdp_;
};

xdp_attach_mode mode_of(bool native) { return native ? XDP_MODE_NATIVE : XDP_MODE_SKB; }

}  // namespace

Result<void> XskRedirect::open(const Link& link) {
  skeleton_ = xsk_redirect_bpf__open();
  if (skeleton_ == nullptr) return errno_error("cannot open the program for AF_XDP");
  // The skeleton declares read-only data const; until the load it is ours to write.
  describe_link(link, const_cast<loadgen_config&>(skeleton_->rodata->config));
  DECLARE_LIBXDP_OPTS(xdp_program_opts, options, .obj = skeleton_->obj, .prog_name = "redirect_reply");
  xdp_program* program = xdp_program__create(&options);
  if (const long failed = libxdp_get_error(program); failed != 0)
    return errno_error("libxdp cannot use the program for AF_XDP", static_cast<int>(failed));
  program_ = program;
  return {};
}

int XskRedirect::attach_through_libxdp(bool native) {
  native_ = native;
  return xdp_program__attach(program_, ifindex_, mode_of(native), 0);
}

Result<std::unique_ptr<XskRedirect>> XskRedirect::attach(const std::string& interface, int ifindex,
                                                         const Link& link) {
  const Quiet quiet;
  int failed = 0;
  for (const bool native : {true, false}) {
    // A program that was loaded once is loaded for that way of attaching.
    std::unique_ptr<XskRedirect> redirect(new XskRedirect(ifindex));
    if (auto opened = redirect->open(link); !opened) return opened.error();
    failed = redirect->attach_through_libxdp(native);
    if (failed == 0) return redirect;
    xdp_program__close(redirect->program_);
    redirect->program_ = nullptr;
    if (failed == -EBUSY || failed == -EEXIST || failed == -EPERM) break;
  }
  return errno_error("cannot attach the program for AF_XDP to " + interface +
                         " (a program there that allows no other, or CAP_BPF and CAP_NET_ADMIN missing?)",
                     failed);
}

XskRedirect::~XskRedirect() {
  const Quiet quiet;
  if (program_ != nullptr) {
    xdp_program__detach(program_, ifindex_, mode_of(native_), 0);
    xdp_program__close(program_);
  }
  if (skeleton_ != nullptr) xsk_redirect_bpf__destroy(skeleton_);
}

int XskRedirect::sockets_fd() const { return bpf_map__fd(skeleton_->maps.xsks); }

}  // namespace bmc::loadgen
