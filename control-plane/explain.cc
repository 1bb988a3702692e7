// SPDX-License-Identifier: Apache-2.0
// Errors of attaching, in words; see explain.h.
#include "control-plane/explain.h"

#include <algorithm>
#include <cctype>

namespace bmc {
namespace {

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

bool says(const std::string& message, std::initializer_list<const char*> words) {
  const std::string low = lower(message);
  return std::any_of(words.begin(), words.end(),
                     [&](const char* word) { return low.find(word) != std::string::npos; });
}

std::string queue_remedy(const InterfaceFacts& interface) {
  const std::string show = " (`ethtool -l " + interface.name + "` shows them)";
  if (!interface.queues) return "give it other numbers of queues with ethtool -L " + interface.name + show;
  const QueueCounts& queues = *interface.queues;
  // A driver that sends XDP's frames needs a transmit queue for each CPU beside its own: halve the latter.
  if (queues.combined > 1)
    return "ethtool -L " + interface.name + " combined " + std::to_string(queues.combined / 2) + show;
  return "ethtool -L " + interface.name + " rx " + std::to_string(std::max(queues.rx_max, queues.rx)) + show;
}

// What the kernel's own sentence means; each driver words it differently, so single words decide.
std::optional<Obstacle> from_kernel_message(const std::string& message, const InterfaceFacts& interface) {
  const std::string says_kernel = "the driver says \"" + message + "\"";
  if (says(message, {"peer mtu"}))
    return Obstacle{says_kernel,
                    "lower the MTU of the other end of the veth pair: ip link set dev PEER mtu 1500"};
  if (says(message,
           {"mtu", "jumbo", "frame size", "single buffer", "single-buffer", "page_size", "page size"}))
    return Obstacle{says_kernel + " (MTU is " + std::to_string(interface.mtu) + ")",
                    "ip link set dev " + interface.name + " mtu 1500"};
  if (says(message, {"lro", "gro_hw", "gro-hw", "hw-gro", "rsc", "guest_tso", "implementing lro"})) {
    if (auto offloads = receive_offloads(interface)) return Obstacle{says_kernel, offloads->remedy};
    return Obstacle{says_kernel, "ethtool -K " + interface.name + " lro off; ethtool -K " + interface.name +
                                     " rx-gro-hw off"};
  }
  if (says(message, {"queue", "ring", "channel"})) return Obstacle{says_kernel, queue_remedy(interface)};
  if (says(message, {"header-data split", "data-split", "hds", "striding"}))
    return Obstacle{says_kernel, "ethtool -G " + interface.name + " tcp-data-split off"};
  if (says(message, {"native and generic xdp"}))
    return Obstacle{says_kernel, "take the other program off: ip link set dev " + interface.name +
                                     " xdp off; ip link set dev " + interface.name + " xdpgeneric off"};
  return std::nullopt;
}

std::optional<Obstacle> from_code(const XdpFailure& failure, const InterfaceFacts& interface,
                                  const HostFacts& host) {
  switch (failure.code) {
    case EPERM:
    case EACCES: {
      if (auto missing = missing_capabilities(host)) return missing;
      return Obstacle{
          "the kernel does not permit it, although the capabilities are there",
          "look for kernel lockdown (cat /sys/kernel/security/lockdown) or a container's seccomp profile"};
    }
    case ENODEV:
    case ENXIO:
      return Obstacle{"the interface went away meanwhile", "ip link show"};
    case EBUSY:
    case EEXIST:
      if (auto foreign = foreign_program(interface)) return foreign;
      return Obstacle{"another program is being attached at the same time", "try again"};
    case EOPNOTSUPP:
      if (failure.native)
        if (auto lacking = driver_without_xdp(interface, host)) return lacking;
      return Obstacle{"driver " + (interface.driver.empty() ? "of " + interface.name : interface.driver) +
                          " does not offer it",
                      failure.native ? "use --xdp-mode generic" : "use an interface of another kind"};
    case ENOMEM:
    case ENOSPC:
      if (failure.native && interface.queues)
        return Obstacle{"the driver has no queues or memory left for XDP", queue_remedy(interface)};
      return Obstacle{"the kernel has no memory for it", "free memory, or lower --memory"};
    default:
      break;
  }
  if (!failure.native) return std::nullopt;
  if (auto offloads = receive_offloads(interface)) return offloads;
  return large_mtu(interface);
}

}  // namespace

std::optional<Obstacle> missing_capabilities(const HostFacts& host) {
  std::string missing;
  if (!host.cap_bpf) missing += " CAP_BPF";
  if (!host.cap_net_admin) missing += " CAP_NET_ADMIN";
  if (!host.cap_perfmon) missing += " CAP_PERFMON";
  if (missing.empty()) return std::nullopt;
  return Obstacle{"not permitted: this process lacks" + missing,
                  "run it as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON "
                  "(a container: --cap-add BPF --cap-add NET_ADMIN --cap-add PERFMON)"};
}

std::optional<Obstacle> receive_offloads(const InterfaceFacts& interface) {
  if (interface.lro.value_or(false))
    return Obstacle{"LRO is on, which merges packets before XDP could see them",
                    "ethtool -K " + interface.name + " lro off"};
  if (interface.gro_hw.value_or(false))
    return Obstacle{"GRO in hardware is on, which merges packets before XDP could see them",
                    "ethtool -K " + interface.name + " rx-gro-hw off"};
  return std::nullopt;
}

std::optional<Obstacle> foreign_program(const InterfaceFacts& interface) {
  if (interface.xdp_program == 0) return std::nullopt;
  const std::string id = std::to_string(interface.xdp_program);
  const std::string name = interface.xdp_name.empty() ? "" : interface.xdp_name + ", ";
  if (interface.xdp_dispatcher)
    return Obstacle{
        "libxdp's dispatcher (program " + id + ") holds " + interface.name +
            " and cannot be joined: by another version of libxdp, or without CAP_SYS_ADMIN",
        "give bmcd that at its start (see bmcd.service), or take the others off: xdp-loader unload " +
            interface.name + " --all"};
  return Obstacle{"another XDP program (" + name + "id " + id + ") holds " + interface.name +
                      " and was not attached through libxdp's dispatcher, so it cannot be shared",
                  "attach that one with xdp-loader load, or take it off: ip link set dev " + interface.name +
                      (interface.xdp_native ? " xdp off" : " xdpgeneric off")};
}

std::optional<Obstacle> driver_without_xdp(const InterfaceFacts& interface, const HostFacts& host) {
  const std::string driver = interface.driver.empty() ? "the driver" : "driver " + interface.driver;
  const std::string of = driver + " of " + interface.name;
  if (interface.driver_xdp.has_value()) {
    if (*interface.driver_xdp) return std::nullopt;
    return Obstacle{of + " has no XDP in Linux " + host.kernel_release,
                    "use --xdp-mode generic (slower), or a card with XDP"};
  }
  if (driver_known_with_xdp(interface.driver)) return std::nullopt;
  return Obstacle{of + " is not known to have XDP", "use --xdp-mode generic (slower), or a card with XDP"};
}

std::optional<Obstacle> large_mtu(const InterfaceFacts& interface) {
  if (interface.loopback || interface.mtu <= kXdpMtuMax) return std::nullopt;
  return Obstacle{"MTU " + std::to_string(interface.mtu) + " is too large for XDP in the driver",
                  "ip link set dev " + interface.name + " mtu 1500"};
}

Error explain_xdp(const XdpFailure& failure, const InterfaceFacts& interface, const HostFacts& host) {
  const std::string tried =
      "cannot attach XDP to " + interface.name + (failure.native ? " (native): " : " (generic): ");
  if (interface.index == 0)
    return Error{ENODEV, tried + "there is no interface " + interface.name +
                             " in this network namespace; `ip link` lists those there are"};
  if (!host.bpffs_error.empty()) return Error{failure.code, tried + host.bpffs_error};
  if (host.kernel_major < 6 || (host.kernel_major == 6 && host.kernel_minor < 1))
    return Error{failure.code,
                 tried + "Linux " + host.kernel_release + " is too old; bmcd needs 6.1 or newer"};
  std::optional<Obstacle> obstacle;
  if (!failure.kernel_message.empty()) obstacle = from_kernel_message(failure.kernel_message, interface);
  if (!obstacle) obstacle = from_code(failure, interface, host);
  if (obstacle) {
    std::string what = tried + obstacle->finding + "; " + obstacle->remedy;
    // In generic mode the remedy is not to go there.
    if (failure.native && what.find("--xdp-mode generic") == std::string::npos && failure.code != EPERM)
      what += ", or use --xdp-mode generic";
    return Error{failure.code, what};
  }
  Error error = errno_error(tried.substr(0, tried.size() - 2), failure.code);
  if (!failure.kernel_message.empty()) error.what += " (the driver says \"" + failure.kernel_message + "\")";
  if (!failure.words.empty()) error.what += "\n" + failure.words;
  return error;
}

}  // namespace bmc
