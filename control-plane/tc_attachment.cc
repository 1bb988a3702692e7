// SPDX-License-Identifier: Apache-2.0
// Programs at clsact egress; see tc_attachment.h.
#include "control-plane/tc_attachment.h"

#include <bpf/bpf.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cstring>

#include "control-plane/attachment_record.h"
#include "control-plane/bpf_object.h"
#include "control-plane/netlink.h"

namespace bmc {
namespace {

std::string pin_of(const std::string& directory, int ifindex) {
  return directory + "/tc/" + std::to_string(ifindex);
}

std::uint32_t place_of(const std::optional<AttachmentRecord>& record) {
  return record && record->tc_place != 0 ? record->tc_place : kTcPlace;
}

// The id of the program at our place; 0: none (or no clsact there).
std::uint32_t program_in_our_place(int ifindex, std::uint32_t place) {
  LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = BPF_TC_EGRESS);
  LIBBPF_OPTS(bpf_tc_opts, options, .handle = place, .priority = place);
  BpfComplaints ignored;  // libbpf complains of every "not there"
  return bpf_tc_query(&hook, &options) == 0 ? options.prog_id : 0;
}

// Whether any filter hangs on the interface's clsact, in either direction.
Result<bool> clsact_in_use(int ifindex) {
  const auto socket = open_netlink(NETLINK_ROUTE, 0);
  if (!socket) return socket.error();
  bool used = false;
  for (const std::uint32_t direction : {TC_H_MIN_INGRESS, TC_H_MIN_EGRESS}) {
    tcmsg wanted = {};
    wanted.tcm_family = AF_UNSPEC;
    wanted.tcm_ifindex = ifindex;
    wanted.tcm_parent = TC_H_MAKE(TC_H_CLSACT, direction);
    NetlinkMessage dump(RTM_GETTFILTER, NLM_F_DUMP, wanted);
    const auto done = netlink_request(socket->get(), dump, [&](const NetlinkView& view) {
      used = used || view.header->nlmsg_type == RTM_NEWTFILTER;
    });
    if (!done) return done.error();
  }
  return used;
}

Result<void> remove_clsact_if_unused(int ifindex) {
  const auto used = clsact_in_use(ifindex);
  if (!used) return used.error();
  if (*used) return {};
  LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex,
              .attach_point = static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS));
  BpfComplaints complaints;
  if (const int failed = bpf_tc_hook_destroy(&hook); failed != 0 && failed != -ENOENT && failed != -EINVAL)
    return errno_error("cannot remove the clsact qdisc", failed);
  return {};
}

// Of an application that attached here before; the qdisc is then ours, not this one's, to remove.
bool clsact_is_ours(const Pins& pins, int ifindex) {
  return std::ranges::any_of(pin_directories(pins.root()), [&](const std::string& directory) {
    const std::string pin = pin_of(directory, ifindex);
    const auto record = read_record(pin);
    return record && record->made_clsact != 0 && record->netns == current_netns() &&
           is_our_program(program_in_our_place(ifindex, place_of(record)), pin, pins.root());
  });
}

Error refused(const Interface& interface, int failed, const BpfComplaints& complaints) {
  Error error = errno_error("cannot attach to TC egress of " + interface.name, failed);
  if (error.code == EPERM) error.what += "; CAP_NET_ADMIN and CAP_BPF are needed";
  if (error.code == ENODEV || error.code == EINVAL)
    error.what += "; `ip link show dev " + interface.name + "` tells whether the interface is still there";
  if (error.code == ENOENT || error.code == EOPNOTSUPP)
    error.what += "; the kernel needs NET_SCH_INGRESS and NET_CLS_BPF (modprobe sch_ingress cls_bpf)";
  if (const std::string message = complaints.kernel_message(); !message.empty())
    error.what += " (the kernel says \"" + message + "\")";
  return error;
}

}  // namespace

Result<TcAttachment> TcAttachment::attach(Pins& pins, const Interface& interface, const bpf_program& program,
                                          std::uint32_t place) {
  const std::string pin = pin_of(pins.directory(), interface.index);
  const std::uint32_t present = program_in_our_place(interface.index, place);
  if (present != 0 && !is_our_program(present, pin, pins.root()))
    return Error{EBUSY, "TC egress of " + interface.name + ": another program (id " +
                            std::to_string(present) +
                            ") is at our handle and priority; take it off: tc filter del dev " +
                            interface.name + " egress pref " + std::to_string(place)};
  if (auto settled = settle_program(pin, present); !settled) return settled.error();
  BpfComplaints complaints;
  LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = interface.index, .attach_point = BPF_TC_EGRESS);
  const int made = bpf_tc_hook_create(&hook);
  if (made != 0 && made != -EEXIST) return refused(interface, made, complaints);

  const auto id = bmc::program_id(bpf_program__fd(&program));
  if (!id) return id.error();
  AttachmentRecord record;
  record.program_id = *id;
  record.netns = current_netns();
  record.tc_place = place;
  // The qdisc is ours if we made it now or, while a filter of ours has hung on it ever since, then.
  record.made_clsact = made == 0 || clsact_is_ours(pins, interface.index) ? 1 : 0;
  std::strncpy(record.interface_name, interface.name.c_str(), sizeof record.interface_name - 1);
  if (auto written = write_record(pin, record); !written) return written.error();

  if (auto announced = announce_program(bpf_program__fd(&program), pin); !announced) return announced.error();
  LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = bpf_program__fd(&program), .flags = BPF_TC_F_REPLACE,
              .handle = place, .priority = place);
  if (const int failed = bpf_tc_attach(&hook, &options); failed != 0)
    return refused(interface, failed, complaints);
  if (auto settled = settle_program(pin, *id); !settled) return settled.error();
  TcAttachment attachment;
  attachment.interface_ = interface;
  attachment.program_id_ = *id;
  attachment.pins_ = pins.directory();
  return attachment;
}

Result<void> TcAttachment::detach() {
  auto removed = detach_tc(pins_, interface_.index);
  if (!removed) return std::move(removed).error();
  return {};
}

Result<std::string> detach_tc(const std::string& directory, int ifindex) {
  const std::string pin = pin_of(directory, ifindex);
  const auto record = read_record(pin);
  const std::uint32_t place = place_of(record);
  const std::uint32_t present = program_in_our_place(ifindex, place);
  std::string removed;
  if (present != 0 && is_our_program(present, pin, directory)) {
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = BPF_TC_EGRESS);
    LIBBPF_OPTS(bpf_tc_opts, options, .handle = place, .priority = place);
    BpfComplaints complaints;
    if (const int failed = bpf_tc_detach(&hook, &options); failed != 0 && failed != -ENOENT)
      return errno_error("cannot take our filter off TC egress of interface " + std::to_string(ifindex),
                         failed);
    removed = "TC program from " +
              (record ? std::string(record->interface_name) : "interface " + std::to_string(ifindex));
    if (record && record->made_clsact != 0)
      if (Result<void> cleared = remove_clsact_if_unused(ifindex); !cleared) return cleared.error();
  }
  if (Result<void> unpinned = remove_pin_and_record(pin); !unpinned) return unpinned.error();
  return removed;
}

}  // namespace bmc
