// SPDX-License-Identifier: Apache-2.0
// XDP programs on interfaces through libxdp; see xdp_attachment.h.
#include "control-plane/xdp_attachment.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <xdp/libxdp.h>

#include <cstring>
#include <memory>

#include "control-plane/attachment_record.h"
#include "control-plane/explain.h"
#include "control-plane/host_facts.h"

namespace bmc {
namespace {

struct ProgramCloser {
  void operator()(xdp_program* each) const { xdp_program__close(each); }
};
using ProgramPtr = std::unique_ptr<xdp_program, ProgramCloser>;

// What is on an interface: the program `at_hook` (0: none), and ours, `program_id`, which is that one or
// stands behind it where that one is libxdp's dispatcher (0: ours is not there).
struct Present {
  std::uint32_t at_hook = 0;
  std::uint32_t program_id = 0;
  bool native = false;
  bool dispatcher = false;
};

// Where one of our programs stands; the paths of its pins.
struct Place {
  std::string pins;  // the pin directory
  int ifindex;

  std::string pin() const { return pins + "/xdp/" + std::to_string(ifindex); }
};

// The one of ours behind a dispatcher, found in libxdp's pins; an empty Fd if there is none. Not the program
// `except`, which was just attached.
Fd ours_behind_dispatcher(const Place& place, const std::string& directory, std::uint32_t except) {
  const std::string suffix = "-prog";
  for (const std::string& name : names_in(directory)) {
    if (name.size() < suffix.size() || name.compare(name.size() - suffix.size(), suffix.size(), suffix) != 0)
      continue;
    Fd program(bpf_obj_get((directory + "/" + name).c_str()));
    const auto id = program ? bmc::program_id(program.get()) : Result<std::uint32_t>(0u);
    if (!id || *id == 0 || *id == except) continue;
    if (pinned_program_id(place.pin()) == *id || uses_our_maps(program.get(), place.pins)) return program;
  }
  return {};
}

// Needs no capability where bmcd was not killed between an attach by libxdp itself and its pin.
Present look(const Place& place, std::uint32_t except = 0) {
  LIBBPF_OPTS(bpf_xdp_query_opts, query);
  BpfComplaints ignored;
  Present present;
  if (bpf_xdp_query(place.ifindex, 0, &query) != 0) return present;
  present.native = query.drv_prog_id != 0;
  present.at_hook = present.native ? query.drv_prog_id : query.skb_prog_id;
  if (present.at_hook == 0) return present;
  const std::string directory = dispatcher_directory(place.ifindex, present.at_hook);
  struct stat status = {};
  present.dispatcher = ::stat(directory.c_str(), &status) == 0;
  if (!present.dispatcher) {
    if (present.at_hook != except && is_our_program(present.at_hook, place.pin(), place.pins))
      present.program_id = present.at_hook;
  } else if (const Fd ours = ours_behind_dispatcher(place, directory, except)) {
    const auto id = bmc::program_id(ours.get());
    present.program_id = id ? *id : 0;
  }
  return present;
}

// One of ours, by whichever way leads to it: its pins, libxdp's pins, its id (CAP_SYS_ADMIN).
Fd open_ours(const Place& place, const Present& present) {
  for (const std::string& pin : {place.pin(), place.pin() + "_next"})
    if (pinned_program_id(pin) == present.program_id) return Fd(bpf_obj_get(pin.c_str()));
  if (present.dispatcher)
    return ours_behind_dispatcher(place, dispatcher_directory(place.ifindex, present.at_hook), 0);
  return Fd(bpf_prog_get_fd_by_id(present.program_id));
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

// Never "unspecified": libxdp then takes the dispatcher off the driver's hook, where a generic one is not.
xdp_attach_mode libxdp_mode(bool native) { return native ? XDP_MODE_NATIVE : XDP_MODE_SKB; }

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
      explain_xdp(failure, interface_facts(interface.name), host_facts(pins.root())),
      failure.code != EPERM && failure.code != ENODEV && failure.code != EBUSY && failure.code != EEXIST};
}

// As the interface's only program: in place of `old`, one of ours, or, without, of none.
Attempt attach_single(const Pins& pins, const Interface& interface, bool native, const XdpImage& image,
                      const Fd& old) {
  const auto opened = open_image(image);
  if (!opened) return failed_attempt(opened.error());
  if (Result<void> loaded = load_object(*opened->object, image.program); !loaded)
    return failed_attempt(loaded.error());
  const int fd = bpf_program__fd(bpf_object__find_program_by_name(opened->object, image.program.c_str()));
  const Place place{pins.root(), interface.index};
  if (Result<void> announced = announce_program(fd, place.pin()); !announced)
    return failed_attempt(announced.error());
  LIBBPF_OPTS(bpf_xdp_attach_opts, options, .old_prog_fd = old.get());
  const std::uint32_t condition = old ? XDP_FLAGS_REPLACE : XDP_FLAGS_UPDATE_IF_NOEXIST;
  BpfComplaints complaints;
  const int failed =
      bpf_xdp_attach(interface.index, fd, mode_flag(native) | condition, old ? &options : nullptr);
  if (failed != 0) {
    Attempt attempt = refused(failed, native, interface, pins, complaints);
    if (Result<void> cleared = settle_program(place.pin(), 0); !cleared)
      return failed_attempt(cleared.error());
    return attempt;
  }
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
  const int failed = xdp_program__attach(program.get(), interface.index, libxdp_mode(native), 0);
  if (failed != 0) return refused(failed, native, interface, pins, complaints);
  auto kept = duplicate(xdp_program__fd(program.get()));
  if (!kept) return failed_attempt(kept.error());
  return Attempt{*std::move(kept), {0, {}}, false};
}

Attempt attach_fresh(const Pins& pins, const Interface& interface, bool native, const XdpImage& image) {
  const Present present = look({pins.root(), interface.index});
  const HostFacts host = host_facts(pins.root());
  if (!may_use_dispatcher(host)) {
    if (present.at_hook == 0) return attach_single(pins, interface, native, image, {});
    return refused(EBUSY, native, interface, pins, BpfComplaints());
  }
  Attempt through = attach_through_libxdp(pins, interface, native, image);
  if (through.program || present.at_hook != 0) return through;
  // Programs that load alone but not as an extension of the dispatcher, and errors of the dispatcher's own.
  spdlog::debug("{}: libxdp: {}; trying without it", interface.name, through.error.what);
  return attach_single(pins, interface, native, image, {});
}

Attempt replace(const Pins& pins, const Interface& interface, const Present& present, const XdpImage& image) {
  const Fd old = open_ours({pins.root(), interface.index}, present);
  if (!present.dispatcher) return attach_single(pins, interface, present.native, image, old);
  if (!may_use_dispatcher(host_facts(pins.root())))
    return failed_attempt(
        Error{EPERM, "the former XDP program of bmcd stands behind libxdp's dispatcher on " + interface.name +
                         ", which only CAP_SYS_ADMIN may change; start bmcd with it (see bmcd.service), or "
                         "take it off as root: bmcd --detach"});
  Attempt added = attach_through_libxdp(pins, interface, present.native, image);
  if (!added.program) return added;
  const ProgramPtr program(xdp_program__from_fd(old.get()));
  BpfComplaints complaints;
  const int failed = xdp_program__detach(program.get(), interface.index, libxdp_mode(present.native), 0);
  if (failed != 0)
    spdlog::warn("{}: the former XDP program {} stays in the dispatcher behind the new one: {} {}",
                 interface.name, present.program_id, std::strerror(-failed), complaints.tail(2));
  return added;
}

std::string why_no_dispatcher(const HostFacts& host) {
  if (host.dispatcher_object.empty())
    return "no other XDP program can join: libxdp's xdp-dispatcher.o is not installed (apt install libxdp1)";
  if (!may_use_dispatcher(host))
    return "no other XDP program can join: libxdp's dispatcher needs CAP_SYS_ADMIN at the start";
  return "no other XDP program can join: the kernel refuses libxdp's dispatcher (program extensions)";
}

bool mode_changes(const Present& present, XdpMode mode) {
  return present.program_id != 0 && mode != XdpMode::kAuto && present.native != (mode == XdpMode::kNative);
}

// Whether what is attached is the same program with the same data and maps.
bool is_unchanged(const Place& place, const Present& present, XdpMode mode, std::uint64_t wanted) {
  const auto record = read_record(place.pin());
  return present.program_id != 0 && !mode_changes(present, mode) && record &&
         record->program_id == present.program_id && record->digest == wanted &&
         record->netns == current_netns();
}

// `note` is told why the driver would not have it, where that was tried first.
Attempt attach_anew(const Pins& pins, const Interface& interface, const Present& present, XdpMode mode,
                    const XdpImage& image, std::string& note) {
  if (present.program_id != 0 && !mode_changes(present, mode))
    return replace(pins, interface, present, image);
  if (present.program_id != 0) {
    auto removed = detach_xdp(pins.root(), interface.index);
    if (!removed) return failed_attempt(std::move(removed).error());
  }
  Attempt attempt = attach_fresh(pins, interface, mode != XdpMode::kGeneric, image);
  if (attempt.program || !attempt.refused_by_interface || mode != XdpMode::kAuto) return attempt;
  note = attempt.error.what;
  return attach_fresh(pins, interface, false, image);
}

Result<void> record(const Place& place, const Interface& interface, int program_fd, std::uint32_t id,
                    std::uint64_t digest_of_image) {
  if (pinned_program_id(place.pin() + "_next") == id) {
    if (Result<void> settled = settle_program(place.pin(), id); !settled) return settled;
  } else {
    if (Result<void> pinned = pin_over(program_fd, place.pin()); !pinned) return pinned;
  }
  AttachmentRecord now;
  now.program_id = id;
  now.digest = digest_of_image;
  now.netns = current_netns();
  std::strncpy(now.interface_name, interface.name.c_str(), sizeof now.interface_name - 1);
  return write_record(place.pin(), now);
}

}  // namespace

Result<XdpAttachment> XdpAttachment::attach(Pins& pins, const Interface& interface, XdpMode mode,
                                            const XdpImage& image) {
  const Place place{pins.root(), interface.index};
  const auto opened = open_image(image);
  if (!opened) return opened.error();
  const std::uint64_t wanted = image_digest(image, *opened->object);
  const Present present = look(place);
  if (auto settled = settle_program(place.pin(), present.at_hook); !settled) return settled.error();

  XdpAttachment attachment;
  attachment.interface_ = interface;
  attachment.pins_ = pins.root();
  Attempt attempt;
  if (is_unchanged(place, present, mode, wanted)) {
    attempt.program = open_ours(place, present);
    attachment.placement_.kept = static_cast<bool>(attempt.program);
  }
  if (!attempt.program)
    attempt = attach_anew(pins, interface, present, mode, image, attachment.placement_.note);
  if (!attempt.program) return std::move(attempt.error);

  const auto id = bmc::program_id(attempt.program.get());
  if (!id) return id.error();
  if (!attachment.placement_.kept)
    if (auto recorded = record(place, interface, attempt.program.get(), *id, wanted); !recorded)
      return recorded.error();
  const Present now = look(place);
  attachment.program_ = std::move(attempt.program);
  attachment.program_id_ = *id;
  attachment.placement_.native = now.native;
  attachment.placement_.dispatcher = now.dispatcher;
  if (!now.dispatcher && attachment.placement_.note.empty())
    attachment.placement_.note = why_no_dispatcher(host_facts(pins.root()));
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
  const std::string name =
      record ? std::string(record->interface_name) : "interface " + std::to_string(ifindex);
  std::string removed;
  // A replacement that was cut short leaves two of ours in the dispatcher.
  for (Present present = look(place); present.program_id != 0; present = look(place)) {
    const Fd fd = open_ours(place, present);
    BpfComplaints complaints;
    int failed = 0;
    if (!present.dispatcher) {
      LIBBPF_OPTS(bpf_xdp_attach_opts, options, .old_prog_fd = fd.get());
      failed = bpf_xdp_detach(ifindex, mode_flag(present.native) | XDP_FLAGS_REPLACE, &options);
    } else if (!may_use_dispatcher(host_facts(directory))) {
      return Error{EPERM, "the XDP program on " + name +
                              " stands behind libxdp's dispatcher, which only CAP_SYS_ADMIN may change; as "
                              "root: bmcd --detach"};
    } else {
      const ProgramPtr program(xdp_program__from_fd(fd.get()));
      failed = xdp_program__detach(program.get(), ifindex, libxdp_mode(present.native), 0);
    }
    if (failed != 0) {
      Error error = errno_error("cannot take the XDP program off " + name, failed);
      if (const std::string words = complaints.tail(3); !words.empty()) error.what += " (" + words + ")";
      return error;
    }
    removed = "XDP program from " + name;
  }
  if (Result<void> unpinned = remove_pin_and_record(place.pin()); !unpinned) return unpinned.error();
  return removed;
}

}  // namespace bmc
