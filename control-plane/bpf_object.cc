// SPDX-License-Identifier: Apache-2.0
// Owners for libbpf objects, and what libbpf and the kernel say; see bpf_object.h.
#include "control-plane/bpf_object.h"

#include <bpf/bpf.h>
#include <spdlog/spdlog.h>
#include <xdp/libxdp.h>

#include <cstdarg>
#include <cstdio>

namespace bmc {
namespace {

BpfComplaints* collecting = nullptr;

// A verifier log can be megabytes; what does not fit in one message is cut.
constexpr std::size_t kMessageBytesMax = 64 << 10;

std::string formatted(const char* format, va_list arguments) {
  std::string text(kMessageBytesMax, '\0');
  const int length = std::vsnprintf(text.data(), text.size(), format, arguments);
  text.resize(length < 0 ? 0 : std::min<std::size_t>(static_cast<std::size_t>(length), text.size() - 1));
  return text;
}

void hear(const char* speaker, bool complaint, const char* format, va_list arguments) {
  if (complaint && collecting != nullptr) {
    collecting->add(formatted(format, arguments).c_str());
    return;
  }
  if (!spdlog::should_log(spdlog::level::debug)) return;
  std::string text = formatted(format, arguments);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  spdlog::debug("{}: {}", speaker, text);
}

// libbpf tells every mapping and relocation at its level debug; only its info and warnings interest us.
int hear_libbpf(libbpf_print_level level, const char* format, va_list arguments) {
  if (level != LIBBPF_DEBUG) hear("libbpf", level == LIBBPF_WARN, format, arguments);
  return 0;
}

int hear_libxdp(libxdp_print_level level, const char* format, va_list arguments) {
  hear("libxdp", level == LIBXDP_WARN, format, arguments);
  return 0;
}

}  // namespace

Result<std::uint32_t> program_id(int program_fd) {
  bpf_prog_info info = {};
  __u32 bytes = sizeof info;
  if (const int failed = bpf_obj_get_info_by_fd(program_fd, &info, &bytes); failed != 0)
    return errno_error("cannot read about a BPF program", failed);
  return info.id;
}

Result<std::uint32_t> map_id(int map_fd) {
  bpf_map_info info = {};
  __u32 bytes = sizeof info;
  if (const int failed = bpf_obj_get_info_by_fd(map_fd, &info, &bytes); failed != 0)
    return errno_error("cannot read about a BPF map", failed);
  return info.id;
}

Result<void> share_maps(const bpf_object& from, bpf_object& to) {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, &to) {
    if (bpf_map__is_internal(map)) continue;
    const bpf_map* source = bpf_object__find_map_by_name(&from, bpf_map__name(map));
    if (source == nullptr) continue;
    if (const int failed = bpf_map__reuse_fd(map, bpf_map__fd(source)); failed != 0)
      return errno_error("cannot share BPF map " + std::string(bpf_map__name(map)), failed);
  }
  return {};
}

std::uint64_t digest(const void* data, std::size_t bytes, std::uint64_t hash) {
  const auto* byte = static_cast<const unsigned char*>(data);
  for (std::size_t i = 0; i < bytes; ++i) hash = (hash ^ byte[i]) * 0x100000001b3ull;
  return hash;
}

BpfComplaints::BpfComplaints() : previous_(collecting) { collecting = this; }

BpfComplaints::~BpfComplaints() { collecting = previous_; }

void BpfComplaints::add(const char* text) { text_ += text; }

std::string BpfComplaints::kernel_message() const {
  const std::string mark = "Kernel error message: ";
  const std::size_t start = text_.rfind(mark);
  if (start == std::string::npos) return {};
  const std::size_t from = start + mark.size();
  return text_.substr(from, text_.find('\n', from) - from);
}

std::string BpfComplaints::tail(std::size_t lines) const {
  std::size_t start = text_.find_last_not_of('\n');
  if (start == std::string::npos) return {};
  const std::size_t end = start + 1;
  for (; lines > 0 && start != std::string::npos; --lines)
    start = start == 0 ? std::string::npos : text_.rfind('\n', start - 1);
  const std::size_t from = start == std::string::npos ? 0 : start + 1;
  return text_.substr(from, end - from);
}

void route_bpf_messages_to_log() {
  libbpf_set_print(hear_libbpf);
  libxdp_set_print(hear_libxdp);
}

Result<void> load_object(bpf_object& object, const std::string& name) {
  BpfComplaints complaints;
  const int failed = bpf_object__load(&object);
  if (failed == 0) return {};
  Error error = errno_error("cannot load the BPF programs of " + name, failed);
  if (error.code == EPERM || error.code == EACCES)
    error.what += " (bmcd needs CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON, or root; `bmcctl probe` tells more)";
  if (const std::string words = complaints.tail(20); !words.empty()) error.what += "\n" + words;
  return error;
}

}  // namespace bmc
