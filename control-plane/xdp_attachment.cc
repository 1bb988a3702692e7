// SPDX-License-Identifier: Apache-2.0
// XDP programs on interfaces through libxdp; see xdp_attachment.h.
#include "control-plane/xdp_attachment.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <spdlog/spdlog.h>
#include <xdp/libxdp.h>

#include <memory>

#include "control-plane/attachment_record.h"
#include "control-plane/explain.h"
#include "control-plane/host_facts.h"

namespace bmc {
namespace {

struct MultiprogCloser {
  void operator()(xdp_multiprog* each) const { xdp_multiprog__close(each); }
};
struct ProgramCloser {
  void operator()(xdp_program* each) const { xdp_program__close(each); }
};
using MultiprogPtr = std::unique_ptr<xdp_multiprog, MultiprogCloser>;
using ProgramPtr = std::unique_ptr<xdp_program, ProgramCloser>;

// What of ours is on an interface. program_id 0: nothing; then `occupied` says whether others' are.
struct Present {
  std::uint32_t program_id = 0;
  bool native = false;
  bool dispatcher = false;
  bool occupied = false;
};

// Where one of our programs stands; the paths of its pins.
struct Place {
  std::string pins;  // the pin directory
  int ifindex;

  std::string pin() const { return pins + "/xdp/" + std::to_string(ifindex); }
  bool is_ours(std::uint32_t id) const { return is_our_program(id, pin(), pins + "/maps"); }
};

MultiprogPtr programs_on(int ifindex) {
  xdp_multiprog* found = xdp_multiprog__get_from_ifindex(ifindex);
  return MultiprogPtr(libxdp_get_error(found) != 0 ? nullptr : found);
}

// `except`: a program of ours that does not count, because it was just attached.
Present look(const Place& place, std::uint32_t except = 0) {
  const MultiprogPtr programs = programs_on(place.ifindex);
  if (!programs) return {};
  Present present;
  present.occupied = true;
  present.native = xdp_multiprog__attach_mode(programs.get()) == XDP_MODE_NATIVE;
  const auto consider = [&](const xdp_program* program, bool dispatcher) {
    const std::uint32_t id = program == nullptr ? 0 : xdp_program__id(program);
    if (id == except || !place.is_ours(id)) return;
    present.program_id = id;
    present.dispatcher = dispatcher;
  };
  if (xdp_multiprog__is_legacy(programs.get())) {
    consider(xdp_multiprog__main_prog(programs.get()), false);
    return present;
  }
  for (const xdp_program* each = nullptr; (each = xdp_multiprog__next_prog(each, programs.get())) != nullptr;)
    consider(each, true);
  return present;
}

// Of everything that makes the loaded program what it is.
std::uint64_t image_digest(const XdpImage& image, const bpf_object& object) {
  std::uint64_t hash = digest(&image.build_id, sizeof image.build_id);
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, &object) {
    const char* name = bpf_map__name(map);
    hash = digest(name, std::strlen(name), hash);
    if (bpf_map__is_internal(map)) {
      std::size_t bytes = 0;
      const void* value = bpf_map__initial_value(map, &bytes);
      if (value != nullptr) hash = digest(value, bytes, hash);
    } else if (bpf_map__fd(map) >= 0) {
      const auto id = map_id(bpf_map__fd(map));
      const std::uint32_t shared = id ? *id : 0;
      hash = digest(&shared, sizeof shared, hash);
    }
  }
  return hash;
}

Result<Fd> duplicate(int fd) {
  Fd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
  if (!copy) return errno_error("cannot duplicate a descriptor");
  return copy;
}

Result<OpenedObject> open_image(const XdpImage& image) {
  auto opened = image.open();
  if (opened && bpf_object__find_program_by_name(opened->object, image.program.c_str()) == nullptr)
    return Error{ENOENT, "the BPF object has no program " + image.program};
  return opened;
}

std::uint32_t mode_flag(bool native) { return native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE; }

// One try to attach; where it failed decides whether another way is worth trying.
struct Attempt {
  Fd program;  // set: attached
  Error error{0, {}};
  bool refused_by_interface = false;  // the program loaded, but the interface would not take it
};

Attempt failed_attempt(Error error) { return Attempt{{}, std::move(error), false}; }

Attempt refused(int code, bool native, const Interface& interface, const Pins& pins,
                const BpfComplaints& complaints) {
  const XdpFailure failure{code < 0 ? -code : code, native, complaints.kernel_message(), complaints.tail(5)};
  return Attempt{
      {},
      explain_xdp(failure, interface_facts(interface.name), host_facts(pins.directory())),
      failure.code != EPERM && failure.code != ENODEV && failure.code != EBUSY && failure.code != EEXIST};
}

// As the interface's only program: in place of `old` (a program id) or, with 0, of none.
Attempt attach_single(const Pins& pins, const Interface& interface, bool native, const XdpImage& image,
                      std::uint32_t old) {
  const auto opened = open_image(image);
  if (!opened) return failed_attempt(opened.error());
  if (Result<void> loaded = load_object(*opened->object, image.program); !loaded)
    return failed_attempt(loaded.error());
  const int fd = bpf_program__fd(bpf_object__find_program_by_name(opened->object, image.program.c_str()));
  const Fd old_program(old != 0 ? bpf_prog_get_fd_by_id(old) : -1);
  LIBBPF_OPTS(bpf_xdp_attach_opts, options, .old_prog_fd = old_program.get());
  const std::uint32_t condition = old != 0 ? XDP_FLAGS_REPLACE : XDP_FLAGS_UPDATE_IF_NOEXIST;
  BpfComplaints complaints;
  const int failed =
      bpf_xdp_attach(interface.index, fd, mode_flag(native) | condition, old != 0 ? &options : nullptr);
  if (failed != 0) return refused(failed, native, interface, pins, complaints);
  auto kept = duplicate(fd);
  if (!kept) return failed_attempt(kept.error());
  return Attempt{*std::move(kept), {0, {}}, false};
}

// Beside what others attached through libxdp. libxdp itself falls back to a single program where the kernel
// refuses program extensions; look() tells afterwards.
Attempt attach_through_libxdp(const Pins& pins, const Interface& interface, bool native,
                              const XdpImage& image) {
  const auto opened = open_image(image);
  if (!opened) return failed_attempt(opened.error());
  BpfComplaints complaints;
  DECLARE_LIBXDP_OPTS(xdp_program_opts, options, .obj = opened->object, .prog_name = image.program.c_str());
  const ProgramPtr program(xdp_program__create(&options));
  if (const long failed = libxdp_get_error(program.get()); failed != 0) {
    (void)const_cast<ProgramPtr&>(program).release();
    return failed_attempt(
        errno_error("libxdp cannot use program " + image.program, static_cast<int>(failed)));
  }
  const int failed =
      xdp_program__attach(program.get(), interface.index, native ? XDP_MODE_NATIVE : XDP_MODE_SKB, 0);
  if (failed != 0) return refused(failed, native, interface, pins, complaints);
  auto kept = duplicate(xdp_program__fd(program.get()));
  if (!kept) return failed_attempt(kept.error());
  return Attempt{*std::move(kept), {0, {}}, false};
}

Attempt attach_fresh(const Pins& pins, const Interface& interface, bool native, const XdpImage& image) {
  Attempt through = attach_through_libxdp(pins, interface, native, image);
  if (through.program) return through;
  // Programs that load alone but not as an extension of the dispatcher, and errors of the dispatcher's own.
  if (programs_on(interface.index)) return through;
  spdlog::debug("{}: libxdp: {}; trying without it", interface.name, through.error.what);
  return attach_single(pins, interface, native, image, 0);
}

Attempt replace(const Pins& pins, const Interface& interface, const Present& present, const XdpImage& image) {
  if (!present.dispatcher) return attach_single(pins, interface, present.native, image, present.program_id);
  Attempt added = attach_through_libxdp(pins, interface, present.native, image);
  if (!added.program) return added;
  const ProgramPtr old(xdp_program__from_id(present.program_id));
  BpfComplaints complaints;
  const int failed = xdp_program__detach(old.get(), interface.index, XDP_MODE_UNSPEC, 0);
  if (failed != 0)
    spdlog::warn("{}: the former XDP program {} stays in the dispatcher behind the new one: {} {}",
                 interface.name, present.program_id, std::strerror(-failed), complaints.tail(2));
  return added;
}

std::string why_no_dispatcher(const HostFacts& host) {
  if (host.dispatcher_object.empty())
    return "no other XDP program can join: libxdp's xdp-dispatcher.o is not installed (apt install libxdp1)";
  if (!host.cap_perfmon)
    return "no other XDP program can join: libxdp's dispatcher needs CAP_PERFMON as well";
  return "no other XDP program can join: the kernel refuses libxdp's dispatcher (program extensions)";
}

}  // namespace

Result<XdpAttachment> XdpAttachment::attach(Pins& pins, const Interface& interface, XdpMode mode,
                                            const XdpImage& image) {
  const Place place{pins.directory(), interface.index};
  const auto opened = open_image(image);
  if (!opened) return opened.error();
  const std::uint64_t wanted = image_digest(image, *opened->object);
  Present present = look(place);
  const bool mode_changes =
      present.program_id != 0 && mode != XdpMode::kAuto && present.native != (mode == XdpMode::kNative);
  XdpAttachment attachment;
  attachment.interface_ = interface;
  attachment.pins_ = pins.directory();

  const auto record = read_record(place.pin());
  if (present.program_id != 0 && !mode_changes && record && record->program_id == present.program_id &&
      record->digest == wanted && record->netns == current_netns()) {
    attachment.program_ = Fd(bpf_prog_get_fd_by_id(present.program_id));
    attachment.placement_.kept = true;
  }

  Attempt attempt;
  std::string note;
  if (attachment.placement_.kept) {
    attempt.program = std::move(attachment.program_);
  } else if (present.program_id != 0 && !mode_changes) {
    attempt = replace(pins, interface, present, image);
  } else {
    if (mode_changes) {
      auto removed = detach_xdp(pins.directory(), interface.index);
      if (!removed) return std::move(removed).error();
    }
    attempt = attach_fresh(pins, interface, mode != XdpMode::kGeneric, image);
    if (!attempt.program && attempt.refused_by_interface && mode == XdpMode::kAuto) {
      note = attempt.error.what;
      attempt = attach_fresh(pins, interface, false, image);
    }
  }
  if (!attempt.program) return std::move(attempt.error);

  const auto id = bmc::program_id(attempt.program.get());
  if (!id) return id.error();
  if (!attachment.placement_.kept) {
    if (auto pinned = pin_over(attempt.program.get(), place.pin()); !pinned) return pinned.error();
    AttachmentRecord now;
    now.program_id = *id;
    now.digest = wanted;
    now.netns = current_netns();
    std::strncpy(now.interface_name, interface.name.c_str(), sizeof now.interface_name - 1);
    if (auto written = write_record(place.pin(), now); !written) return written.error();
  }
  present = look(place);
  attachment.program_ = std::move(attempt.program);
  attachment.program_id_ = *id;
  attachment.placement_.native = present.native;
  attachment.placement_.dispatcher = present.dispatcher;
  if (!present.dispatcher && note.empty()) note = why_no_dispatcher(host_facts(pins.directory()));
  attachment.placement_.note = std::move(note);
  return attachment;
}

Result<void> XdpAttachment::detach() {
  auto removed = detach_xdp(pins_, interface_.index);
  if (!removed) return std::move(removed).error();
  program_.reset();
  return {};
}

std::string XdpAttachment::how() const {
  return std::string(placement_.native ? "native" : "generic") +
         (placement_.dispatcher ? ", through libxdp's dispatcher" : ", single program");
}

Result<std::string> detach_xdp(const std::string& directory, int ifindex) {
  const Place place{directory, ifindex};
  const auto record = read_record(place.pin());
  std::string removed;
  // A replacement that was cut short leaves two of ours in the dispatcher.
  for (Present present = look(place); present.program_id != 0; present = look(place)) {
    BpfComplaints complaints;
    const Fd fd(bpf_prog_get_fd_by_id(present.program_id));
    int failed = 0;
    if (present.dispatcher) {
      const ProgramPtr program(xdp_program__from_fd(fd.get()));
      failed = xdp_program__detach(program.get(), ifindex, XDP_MODE_UNSPEC, 0);
    } else {
      LIBBPF_OPTS(bpf_xdp_attach_opts, options, .old_prog_fd = fd.get());
      failed = bpf_xdp_detach(ifindex, mode_flag(present.native) | XDP_FLAGS_REPLACE, &options);
    }
    if (failed != 0) {
      Error error = errno_error("cannot take XDP program " + std::to_string(present.program_id) +
                                    " off interface " + std::to_string(ifindex),
                                failed);
      if (const std::string words = complaints.tail(3); !words.empty()) error.what += " (" + words + ")";
      return error;
    }
    removed = "XDP program from " +
              (record ? std::string(record->interface_name) : "interface " + std::to_string(ifindex));
  }
  if (Result<void> unpinned = remove_pin_and_record(place.pin()); !unpinned) return unpinned.error();
  return removed;
}

}  // namespace bmc
