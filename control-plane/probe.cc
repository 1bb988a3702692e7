// SPDX-License-Identifier: Apache-2.0
// The probe; see probe.h.
#include "control-plane/probe.h"

#include <bpf/libbpf.h>

#include <memory>

#include "control-plane/bpf_object.h"
#include "control-plane/explain.h"

namespace bmc {
namespace {

using control::Check;

void add(control::ProbeReply& reply, const std::string& subject, Check::Verdict verdict,
         const std::string& finding, const std::string& remedy = "") {
  Check* check = reply.add_checks();
  check->set_subject(subject);
  check->set_verdict(verdict);
  check->set_finding(finding);
  check->set_remedy(remedy);
}

struct ObjectCloser {
  void operator()(bpf_object* each) const { bpf_object__close(each); }
};
using ObjectPtr = std::unique_ptr<bpf_object, ObjectCloser>;

// Opens libxdp's object with only its trivial program `xdp_pass` to be loaded.
ObjectPtr open_trivial(const std::string& path, bpf_program*& program) {
  ObjectPtr object(bpf_object__open_file(path.c_str(), nullptr));
  if (!object) return nullptr;
  bpf_program* each = nullptr;
  bpf_object__for_each_program(each, object.get()) bpf_program__set_autoload(each, false);
  program = bpf_object__find_program_by_name(object.get(), "xdp_pass");
  if (program == nullptr) return nullptr;
  bpf_program__set_autoload(program, true);
  return object;
}

// What libxdp's dispatcher needs of the kernel: a program that replaces a function of another.
std::string try_program_extension(const std::string& dispatcher_object) {
  BpfComplaints complaints;
  bpf_program* target = nullptr;
  bpf_program* extension = nullptr;
  const ObjectPtr target_object = open_trivial(dispatcher_object, target);
  const ObjectPtr extension_object = open_trivial(dispatcher_object, extension);
  if (!target_object || !extension_object) return dispatcher_object + " is not what was expected of libxdp";
  if (const int failed = bpf_object__load(target_object.get()); failed != 0)
    return std::string("a trivial XDP program does not load: ") + std::strerror(-failed);
  bpf_program__set_type(extension, BPF_PROG_TYPE_EXT);
  bpf_program__set_expected_attach_type(extension, static_cast<bpf_attach_type>(0));
  int failed = bpf_program__set_attach_target(extension, bpf_program__fd(target), "xdp_pass");
  if (failed == 0) failed = bpf_object__load(extension_object.get());
  if (failed != 0) return std::string("a program extension does not load: ") + std::strerror(-failed);
  const std::unique_ptr<bpf_link, int (*)(bpf_link*)> link(
      bpf_program__attach_freplace(extension, 0, nullptr), bpf_link__destroy);
  if (!link) return std::string("a program extension does not attach: ") + std::strerror(errno);
  return {};
}

void judge_dispatcher(const HostFacts& host, const std::optional<std::string>& error,
                      control::ProbeReply& reply) {
  const std::string alone = ": one XDP program per interface";
  if (host.dispatcher_object.empty()) {
    add(reply, "XDP dispatcher", Check::LIMITED, "libxdp's xdp-dispatcher.o is not installed" + alone,
        "apt install libxdp1");
  } else if (!may_use_dispatcher(host)) {
    add(reply, "XDP dispatcher", Check::LIMITED, "not permitted to this process" + alone,
        "to share interfaces with other XDP programs, give bmcd CAP_SYS_ADMIN at its start; "
        "see bmcd.service");
  } else if (error && !error->empty()) {
    add(reply, "XDP dispatcher", Check::LIMITED, *error + alone,
        "nothing to be done on this kernel; bmcd works without");
  } else {
    add(reply, "XDP dispatcher", Check::GOOD, "several XDP programs can share an interface");
  }
}

void judge_xdp_program(const InterfaceFacts& interface, control::ProbeReply& reply) {
  const std::string subject = interface.name + ": XDP program";
  const auto foreign = foreign_program(interface);
  if (!foreign) return;
  if (interface.xdp_ours) {
    add(reply, subject, Check::GOOD, "bmcd's own");
  } else if (interface.xdp_dispatcher) {
    add(reply, subject, Check::GOOD, "libxdp's dispatcher, which bmcd joins or is behind already");
  } else {
    add(reply, subject, Check::MISSING, foreign->finding, foreign->remedy);
  }
}

void judge_queues(const InterfaceFacts& interface, control::ProbeReply& reply) {
  if (!interface.queues) return;
  const QueueCounts& queues = *interface.queues;
  add(reply, interface.name + ": queues", Check::GOOD,
      std::to_string(queues.rx + queues.combined) + " receive, " +
          std::to_string(queues.tx + queues.combined) + " transmit");
}

}  // namespace

void judge_host(const HostFacts& host, const std::optional<std::string>& dispatcher_error,
                control::ProbeReply& reply) {
  const bool new_enough = host.kernel_major > 6 || (host.kernel_major == 6 && host.kernel_minor >= 1);
  add(reply, "kernel", new_enough ? Check::GOOD : Check::MISSING, "Linux " + host.kernel_release,
      new_enough ? "" : "bmcd needs Linux 6.1 or newer");
  add(reply, "BTF", host.btf ? Check::GOOD : Check::LIMITED,
      host.btf ? "the kernel has its type information" : "the kernel was built without CONFIG_DEBUG_INFO_BTF",
      host.btf ? "" : "use a distribution's kernel; without BTF libxdp's dispatcher does not work");
  if (host.jit.has_value())
    add(reply, "BPF JIT", *host.jit ? Check::GOOD : Check::LIMITED,
        *host.jit ? "on" : "off: programs run interpreted, several times slower",
        *host.jit ? "" : "sysctl net.core.bpf_jit_enable=1");
  add(reply, "BPF file system", host.bpffs_error.empty() ? Check::GOOD : Check::MISSING,
      host.bpffs_error.empty() ? "mounted" : host.bpffs_error,
      host.bpffs_error.empty() ? "" : "mount -t bpf bpf /sys/fs/bpf");
  add(reply, "cgroup2", host.cgroup2.empty() ? Check::MISSING : Check::GOOD,
      host.cgroup2.empty() ? "not mounted" : "mounted at " + host.cgroup2,
      host.cgroup2.empty() ? "mount -t cgroup2 cgroup2 /sys/fs/cgroup" : "");
  const auto missing = missing_capabilities(host);
  add(reply, "capabilities", missing ? Check::MISSING : Check::GOOD,
      missing ? missing->finding : std::string("CAP_BPF CAP_NET_ADMIN CAP_PERFMON"),
      missing ? missing->remedy : "");
  judge_dispatcher(host, dispatcher_error, reply);
}

void judge_interface(const InterfaceFacts& interface, const HostFacts& host, control::ProbeReply& reply) {
  if (interface.index == 0) {
    add(reply, interface.name, Check::MISSING, "no such interface in this network namespace", "ip link show");
    return;
  }
  add(reply, interface.name, interface.up ? Check::GOOD : Check::LIMITED,
      interface.up ? "up" : "down: no packets arrive",
      interface.up ? "" : "ip link set dev " + interface.name + " up");
  const auto lacking = driver_without_xdp(interface, host);
  add(reply, interface.name + ": driver", lacking ? Check::LIMITED : Check::GOOD,
      lacking ? lacking->finding : "driver " + interface.driver + " has XDP", lacking ? lacking->remedy : "");
  const auto mtu = large_mtu(interface);
  add(reply, interface.name + ": MTU", mtu && !lacking ? Check::LIMITED : Check::GOOD,
      mtu && !lacking ? mtu->finding + " (some drivers manage)" : std::to_string(interface.mtu),
      mtu && !lacking ? mtu->remedy : "");
  if (const auto offloads = receive_offloads(interface))
    add(reply, interface.name + ": offloads", Check::LIMITED, offloads->finding, offloads->remedy);
  judge_xdp_program(interface, reply);
  judge_queues(interface, reply);
}

control::ProbeReply probe_host(const std::string& pin_directory, const std::vector<std::string>& ifaces) {
  const HostFacts host = host_facts(pin_directory);
  std::optional<std::string> dispatcher_error;
  if (may_use_dispatcher(host) && host.cap_bpf && host.cap_net_admin)
    dispatcher_error = try_program_extension(host.dispatcher_object);
  control::ProbeReply reply;
  judge_host(host, dispatcher_error, reply);
  for (const std::string& iface : ifaces) judge_interface(interface_facts(iface, pin_directory), host, reply);
  return reply;
}

}  // namespace bmc
