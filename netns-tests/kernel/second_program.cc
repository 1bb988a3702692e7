// SPDX-License-Identifier: Apache-2.0
// xdp-loader, libxdp's view of an interface, the bpffs; see second_program.h. The path of the object comes
// from CMake.
#include "netns-tests/kernel/second_program.h"

#include <bpf/bpf.h>
#include <net/if.h>
#include <xdp/libxdp.h>

#include <algorithm>
#include <filesystem>

#include "netns-tests/lib/lab_error.h"
#include "netns-tests/lib/process.h"

namespace bmc::lab {
namespace {

constexpr const char* kBpffs = "/sys/fs/bpf";
constexpr const char* kMaps = "/sys/fs/bpf/second-program";

}  // namespace

SecondProgram::SecondProgram(const Netns& netns, std::string device, Priority priority)
    : netns_(netns), device_(std::move(device)) {
  run_checked({"xdp-loader", "load", "--mode", "native", "--prio", std::to_string(priority), "--pin-path",
               kMaps, device_, BMC_COUNT_GETS},
              &netns_);
  loaded_ = true;
  counts_ = Fd(checked(bpf_obj_get((std::string(kMaps) + "/gets_seen").c_str()), "open the second's map"));
}

SecondProgram::~SecondProgram() {
  if (loaded_) run_command({"xdp-loader", "unload", "--all", device_}, &netns_);
  std::error_code ignored;
  std::filesystem::remove_all(kMaps, ignored);
}

std::uint64_t SecondProgram::seen() const {
  const std::uint32_t only = 0;
  std::uint64_t count = 0;
  checked(bpf_map_lookup_elem(counts_.get(), &only, &count), "read the second's map");
  return count;
}

void SecondProgram::unload() {
  for (const Placed& each : behind_dispatcher(netns_, device_))
    if (each.name == kName)
      run_checked({"xdp-loader", "unload", "--id", std::to_string(each.id), device_}, &netns_);
  loaded_ = false;
}

std::vector<Placed> behind_dispatcher(const Netns& netns, const std::string& device) {
  const ScopedNetns inside(netns);
  std::vector<Placed> programs;
  xdp_multiprog* all = xdp_multiprog__get_from_ifindex(static_cast<int>(::if_nametoindex(device.c_str())));
  if (libxdp_get_error(all) != 0) return programs;
  if (!xdp_multiprog__is_legacy(all))
    for (const xdp_program* each = nullptr; (each = xdp_multiprog__next_prog(each, all)) != nullptr;)
      programs.push_back({xdp_program__name(each), xdp_program__id(each)});
  xdp_multiprog__close(all);
  return programs;
}

std::vector<std::string> pinned_paths() {
  constexpr std::string_view kDispatcher = "/xdp/dispatch-";
  std::vector<std::string> paths;
  for (const auto& item : std::filesystem::recursive_directory_iterator(kBpffs)) {
    std::string path = item.path();
    // "dispatch-<ifindex>-<id>"
    if (const size_t at = path.find(kDispatcher); at != std::string::npos) {
      const size_t id = path.find('-', at + kDispatcher.size());
      path.erase(id, path.find('/', id) - id);
    }
    paths.push_back(std::move(path));
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace bmc::lab
