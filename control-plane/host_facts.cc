// SPDX-License-Identifier: Apache-2.0
// Facts about the host and its interfaces; see host_facts.h.
#include "control-plane/host_facts.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cap-ng.h>
#include <linux/ethtool.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string_view>

#include "control-plane/cgroup_attachment.h"
#include "control-plane/fd.h"
#include "control-plane/netlink.h"
#include "control-plane/pins.h"

namespace bmc {
namespace {

// From drivers/net at v6.1: those whose ndo_bpf handles XDP_SETUP_PROG.
constexpr std::array kXdpDrivers = {
    "atlantic", "bnxt_en",   "bonding",       "cpsw",       "dpaa2-eth",    "dpaa-eth",    "ena",
    "fec",      "fsl_dpa",   "fsl_dpaa2_eth", "fsl_enetc",  "fsl_enetc_vf", "funeth",      "hv_netvsc",
    "i40e",     "iavf",      "ice",           "igb",        "igc",          "ixgbe",       "ixgbevf",
    "mlx4_en",  "mlx5_core", "mvneta",        "mvpp2",      "netsec",       "nfp",         "nicvf",
    "qede",     "rvu-nicpf", "rvu_nicpf",     "sfc",        "sfc_ef100",    "st_gmac",     "stmmac",
    "tsnep",    "tun",       "veth",          "virtio_net", "vif",          "xen_netfront"};

bool exists(const char* path) {
  struct stat status = {};
  return ::stat(path, &status) == 0;
}

std::optional<bool> read_flag(const char* path) {
  std::ifstream file(path);
  int value = 0;
  if (!(file >> value)) return std::nullopt;
  return value != 0;
}

// Requests of SIOCETHTOOL on one interface.
class Ethtool {
 public:
  explicit Ethtool(const std::string& name) : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    std::strncpy(request_.ifr_name, name.c_str(), sizeof request_.ifr_name - 1);
  }

  // `command` begins with its number, as all of ethtool's structures do.
  bool ask(void* command) {
    request_.ifr_data = static_cast<char*>(command);
    return ::ioctl(socket_.get(), SIOCETHTOOL, &request_) == 0;
  }

  std::string driver() {
    ethtool_drvinfo info = {};
    info.cmd = ETHTOOL_GDRVINFO;
    if (!ask(&info)) return {};
    return {info.driver, ::strnlen(info.driver, sizeof info.driver)};
  }

  std::optional<QueueCounts> queues() {
    ethtool_channels channels = {};
    channels.cmd = ETHTOOL_GCHANNELS;
    if (!ask(&channels)) return std::nullopt;
    return QueueCounts{channels.rx_count, channels.tx_count, channels.combined_count,
                       channels.max_rx,   channels.max_tx,   channels.max_combined};
  }

  // Whether each feature is on; nothing where the kernel knows none of that name.
  std::vector<std::optional<bool>> features(const std::vector<std::string_view>& names) {
    std::vector<std::optional<bool>> on(names.size());
    std::vector<char> set(sizeof(ethtool_sset_info) + sizeof(__u32));
    auto* info = reinterpret_cast<ethtool_sset_info*>(set.data());
    info->cmd = ETHTOOL_GSSET_INFO;
    info->sset_mask = 1ull << ETH_SS_FEATURES;
    if (!ask(info) || info->sset_mask == 0 || info->data[0] > 4096) return on;
    const std::size_t count = info->data[0];
    std::vector<char> strings(sizeof(ethtool_gstrings) + count * ETH_GSTRING_LEN);
    auto* listed = reinterpret_cast<ethtool_gstrings*>(strings.data());
    listed->cmd = ETHTOOL_GSTRINGS;
    listed->string_set = ETH_SS_FEATURES;
    listed->len = static_cast<__u32>(count);
    const std::size_t blocks = (count + 31) / 32;
    std::vector<char> bits(sizeof(ethtool_gfeatures) + blocks * sizeof(ethtool_get_features_block));
    auto* state = reinterpret_cast<ethtool_gfeatures*>(bits.data());
    state->cmd = ETHTOOL_GFEATURES;
    state->size = static_cast<__u32>(blocks);
    if (!ask(listed) || !ask(state)) return on;
    for (std::size_t i = 0; i < listed->len && i < count; ++i) {
      const char* text = reinterpret_cast<const char*>(listed->data) + i * ETH_GSTRING_LEN;
      const std::string_view name(text, ::strnlen(text, ETH_GSTRING_LEN));
      const auto wanted = std::find(names.begin(), names.end(), name);
      if (wanted == names.end()) continue;
      const ethtool_get_features_block& block = state->features[i / 32];
      on[static_cast<std::size_t>(wanted - names.begin())] = (block.active >> (i % 32) & 1) != 0;
    }
    return on;
  }

 private:
  Fd socket_;
  ifreq request_ = {};
};

// The generic netlink family "netdev" (Linux 6.3) tells what a driver can do; its header is newer than our
// build host's. include/uapi/linux/netdev.h.
constexpr std::uint8_t kNetdevCommandGet = 1;
constexpr std::uint16_t kNetdevIfindex = 1, kNetdevXdpFeatures = 3;
constexpr std::uint64_t kNetdevXdpBasic = 1;

std::optional<bool> ask_driver_xdp(int ifindex) {
  const auto socket = open_netlink(NETLINK_GENERIC, 0);
  if (!socket) return std::nullopt;
  std::optional<std::uint16_t> family;
  NetlinkMessage find_family(GENL_ID_CTRL, NLM_F_ACK, genlmsghdr{CTRL_CMD_GETFAMILY, 1, 0});
  find_family.add(CTRL_ATTR_FAMILY_NAME, "netdev", sizeof "netdev");
  const auto found = netlink_request(socket->get(), find_family, [&](const NetlinkView& view) {
    family = read_as<std::uint16_t>(view.attribute(CTRL_ATTR_FAMILY_ID, sizeof(genlmsghdr)));
  });
  if (!found || !family) return std::nullopt;
  const auto index = static_cast<std::uint32_t>(ifindex);
  std::optional<std::uint64_t> features;
  NetlinkMessage get(*family, NLM_F_ACK, genlmsghdr{kNetdevCommandGet, 1, 0});
  get.add(kNetdevIfindex, &index, sizeof index);
  const auto got = netlink_request(socket->get(), get, [&](const NetlinkView& view) {
    features = read_as<std::uint64_t>(view.attribute(kNetdevXdpFeatures, sizeof(genlmsghdr)));
  });
  if (!got || !features) return std::nullopt;
  return (*features & kNetdevXdpBasic) != 0;
}

void read_xdp(InterfaceFacts& facts) {
  LIBBPF_OPTS(bpf_xdp_query_opts, query);
  if (bpf_xdp_query(facts.index, 0, &query) != 0) return;
  facts.xdp_native = query.drv_prog_id != 0;
  facts.xdp_program = query.drv_prog_id != 0 ? query.drv_prog_id : query.skb_prog_id;
  if (facts.xdp_program == 0) facts.xdp_program = query.hw_prog_id;
  if (facts.xdp_program == 0) return;
  facts.xdp_dispatcher = exists(dispatcher_directory(facts.index, facts.xdp_program).c_str());
  // Its name can be read with CAP_SYS_ADMIN only.
  const Fd program(bpf_prog_get_fd_by_id(facts.xdp_program));
  bpf_prog_info info = {};
  __u32 bytes = sizeof info;
  if (!program || bpf_obj_get_info_by_fd(program.get(), &info, &bytes) != 0) return;
  facts.xdp_name = info.name;
  facts.xdp_dispatcher = facts.xdp_dispatcher || facts.xdp_name == "xdp_dispatcher";
}

}  // namespace

HostFacts host_facts(const std::string& pin_directory) {
  HostFacts facts;
  utsname system = {};
  if (::uname(&system) == 0) {
    facts.kernel_release = system.release;
    std::sscanf(system.release, "%u.%u", &facts.kernel_major, &facts.kernel_minor);
  }
  facts.btf = exists("/sys/kernel/btf/vmlinux");
  facts.jit = read_flag("/proc/sys/net/core/bpf_jit_enable");
  if (const Result<void> bpffs = check_bpffs(pin_directory); !bpffs) facts.bpffs_error = bpffs.error().what;
  if (auto root = find_cgroup2_root()) facts.cgroup2 = *std::move(root);
  if (capng_get_caps_process() == 0) {
    facts.cap_bpf = capng_have_capability(CAPNG_EFFECTIVE, CAP_BPF) != 0;
    facts.cap_net_admin = capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_ADMIN) != 0;
    facts.cap_sys_admin = capng_have_capability(CAPNG_EFFECTIVE, CAP_SYS_ADMIN) != 0;
    facts.cap_perfmon = capng_have_capability(CAPNG_EFFECTIVE, CAP_PERFMON) != 0;
  }
  // Where Debian and Fedora put it; libxdp has the path built in and does not tell it.
  for (const char* path :
       {"/usr/lib/x86_64-linux-gnu/bpf/xdp-dispatcher.o", "/usr/lib64/bpf/xdp-dispatcher.o",
        "/usr/lib/aarch64-linux-gnu/bpf/xdp-dispatcher.o", "/usr/lib/bpf/xdp-dispatcher.o"})
    if (facts.dispatcher_object.empty() && exists(path)) facts.dispatcher_object = path;
  return facts;
}

InterfaceFacts interface_facts(const std::string& name, const std::string& pin_directory) {
  InterfaceFacts facts;
  facts.name = name;
  facts.index = static_cast<int>(::if_nametoindex(name.c_str()));
  if (facts.index == 0) return facts;
  const auto socket = open_netlink(NETLINK_ROUTE, 0);
  if (socket) {
    ifinfomsg wanted = {};
    wanted.ifi_index = facts.index;
    NetlinkMessage get(RTM_GETLINK, NLM_F_ACK, wanted);
    const auto read = netlink_request(socket->get(), get, [&](const NetlinkView& view) {
      const auto* link = view.fixed<ifinfomsg>();
      if (link == nullptr) return;
      facts.up = (link->ifi_flags & IFF_UP) != 0;
      facts.loopback = (link->ifi_flags & IFF_LOOPBACK) != 0;
      facts.mtu = read_as<std::uint32_t>(view.attribute(IFLA_MTU, sizeof *link)).value_or(0);
    });
    if (!read) facts.index = 0;  // it went away meanwhile
  }
  Ethtool ethtool(name);
  facts.driver = ethtool.driver();
  facts.queues = ethtool.queues();
  const auto features = ethtool.features({"rx-lro", "rx-gro-hw"});
  facts.lro = features[0];
  facts.gro_hw = features[1];
  facts.driver_xdp = ask_driver_xdp(facts.index);
  read_xdp(facts);
  if (facts.xdp_program != 0 && !pin_directory.empty())
    facts.xdp_ours = is_our_program(facts.xdp_program, pin_directory + "/xdp/" + std::to_string(facts.index),
                                    pin_directory);
  return facts;
}

std::string dispatcher_directory(int ifindex, std::uint32_t dispatcher_id) {
  const char* elsewhere = ::secure_getenv("LIBXDP_BPFFS");
  return std::string(elsewhere != nullptr ? elsewhere : "/sys/fs/bpf") + "/xdp/dispatch-" +
         std::to_string(ifindex) + "-" + std::to_string(dispatcher_id);
}

bool may_use_dispatcher(const HostFacts& host) {
  return !host.dispatcher_object.empty() && host.cap_perfmon && host.cap_sys_admin;
}

bool driver_known_with_xdp(const std::string& driver) {
  return std::find(kXdpDrivers.begin(), kXdpDrivers.end(), driver) != kXdpDrivers.end();
}

}  // namespace bmc
