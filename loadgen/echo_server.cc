// SPDX-License-Identifier: Apache-2.0
// See echo_server.h.
#include "loadgen/echo_server.h"

#include <arpa/inet.h>
#include <bpf/libbpf.h>
#include <net/if.h>

#include "echo_bpf.skel.h"

namespace bmc::loadgen {

Result<std::unique_ptr<EchoServer>> EchoServer::attach(const std::string& interface, std::uint16_t port,
                                                       std::uint16_t growth) {
  const unsigned ifindex = ::if_nametoindex(interface.c_str());
  if (ifindex == 0) return errno_error("no interface " + interface);
  echo_bpf* skeleton = echo_bpf__open();
  if (skeleton == nullptr) return errno_error("cannot open the echo program");
  std::unique_ptr<EchoServer> server(new EchoServer(skeleton));
  const_cast<std::uint16_t&>(skeleton->rodata->port_be) = htons(port);
  const_cast<std::uint16_t&>(skeleton->rodata->growth) = growth;
  if (const int failed = echo_bpf__load(skeleton); failed != 0)
    return errno_error("the kernel refuses the echo program (CAP_BPF, CAP_NET_ADMIN?)", failed);
  server->link_ = bpf_program__attach_xdp(skeleton->progs.echo, static_cast<int>(ifindex));
  if (server->link_ == nullptr) return errno_error("cannot attach the echo program to " + interface);
  return server;
}

EchoServer::~EchoServer() {
  if (link_ != nullptr) bpf_link__destroy(link_);
  echo_bpf__destroy(skeleton_);
}

}  // namespace bmc::loadgen
