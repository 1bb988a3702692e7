// SPDX-License-Identifier: Apache-2.0
// bmcd's answers for people and for programs; see show.h.
#include "control-plane/bmcctl/show.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace bmc {
namespace {

using control::Check;
using control::Finding;

std::string padded(const std::string& text, std::size_t width) {
  return text.size() >= width ? text : text + std::string(width - text.size(), ' ');
}

std::string seconds(double count) {
  char text[64];
  std::snprintf(text, sizeof text, "%.1f s", count);
  return text;
}

// Values come from the network: what would steer the terminal is shown as \xNN.
std::string printable(const std::string& bytes) {
  std::string text;
  for (const char each : bytes) {
    const auto byte = static_cast<unsigned char>(each);
    char escaped[8];
    std::snprintf(escaped, sizeof escaped, "\\x%02x", byte);
    text += byte >= 0x20 && byte != 0x7f && byte != '\\' ? std::string(1, each) : std::string(escaped);
  }
  return text;
}

std::string show(const control::StatusReply& status) {
  std::string text = "bmcd " + status.version() + ", pid " + std::to_string(status.pid()) + ", up " +
                     seconds(status.uptime_s());
  if (status.mode() != control::MODE_UNKNOWN) text += std::string(", mode ") + to_string(status.mode());
  text += "\n";
  if (!status.summary().empty()) text += status.summary() + "\n";
  for (const auto& server : status.servers()) {
    text += "server  " + server.address() + "  " + server.state();
    if (!server.version().empty()) text += "  memcached " + server.version();
    if (server.pid() != 0) text += "  pid " + std::to_string(server.pid());
    text += "\n";
  }
  std::size_t hooks = 0, targets = 0;
  for (const auto& each : status.attachments()) {
    hooks = std::max(hooks, each.hook().size());
    targets = std::max(targets, each.target().size());
  }
  for (const auto& each : status.attachments())
    text += padded(each.hook(), hooks) + "  " + padded(each.target(), targets) + "  " + each.how() +
            ", program " + std::to_string(each.program_id()) + "\n";
  for (const auto& field : status.fields()) text += padded(field.name(), 24) + field.value() + "\n";
  return text;
}

std::string show(const control::StatsReply& stats) {
  std::string text;
  for (const auto& each : stats.stats()) text += "STAT " + each.name() + " " + each.value() + "\n";
  return text + "END\n";
}

std::string show(const control::GetReply& get, const std::string& key) {
  if (get.entries().empty()) return printable(key) + " is not in the kernel's cache\n";
  std::string text;
  for (const auto& entry : get.entries()) {
    text += printable(key) + "  " + entry.server() + "  " + entry.state() + ", flags " +
            std::to_string(entry.flags()) + ", " + std::to_string(entry.value().size()) + " bytes";
    if (entry.expires())
      text += entry.expires_in_s() >= 0 ? ", expires in " + seconds(entry.expires_in_s())
                                        : ", expired " + seconds(-entry.expires_in_s()) + " ago";
    text += "\n" + printable(entry.value()) + "\n";
  }
  return text;
}

std::string show(const control::DetachReply& detach) {
  if (detach.removed().empty()) return "nothing was attached; bmcd has ended\n";
  std::string text;
  for (const std::string& each : detach.removed()) text += "removed " + each + "\n";
  return text + "bmcd has ended\n";
}

std::string show(const control::ProbeReply& probe) {
  std::size_t width = 0;
  for (const auto& check : probe.checks()) width = std::max(width, check.subject().size());
  std::string text;
  int missing = 0, limited = 0;
  for (const auto& check : probe.checks()) {
    missing += check.verdict() == Check::MISSING;
    limited += check.verdict() == Check::LIMITED;
    const char* mark = check.verdict() == Check::GOOD      ? "good     "
                       : check.verdict() == Check::LIMITED ? "limited  "
                                                           : "missing  ";
    text += mark + padded(check.subject(), width) + "  " + check.finding() + "\n";
    if (!check.remedy().empty()) text += std::string(9 + width + 2, ' ') + "-> " + check.remedy() + "\n";
  }
  if (missing > 0) return text + "bmcd cannot run here yet: " + std::to_string(missing) + " missing\n";
  if (limited > 0) return text + "bmcd can run here, with " + std::to_string(limited) + " limitation(s)\n";
  return text + "bmcd can run here\n";
}

std::string show(const control::AuditReply& audit) {
  std::string text;
  for (const auto& finding : audit.findings()) {
    const char* mark = finding.weight() == Finding::NOTE      ? "note     "
                       : finding.weight() == Finding::CAUTION ? "caution  "
                                                              : "danger   ";
    text += mark + finding.text() + "\n";
    if (!finding.remedy().empty()) text += "         -> " + finding.remedy() + "\n";
  }
  return text;
}

std::string key_of(const control::HotKey& hot) {
  char hash[32];
  std::snprintf(hash, sizeof hash, "%016llx", static_cast<unsigned long long>(hot.hash()));
  return hot.key().empty() ? hash : printable(hot.key());
}

std::string show(const control::TopReply& top) {
  char line[160];
  std::snprintf(line, sizeof line, "%.0f keys/s, estimated from %llu samples in %.1f s\n",
                top.requests_per_s(), static_cast<unsigned long long>(top.samples()), top.seconds());
  std::string text = line;
  if (top.keys().empty()) return text;
  const bool one_server = std::all_of(top.keys().begin(), top.keys().end(), [&](const control::HotKey& each) {
    return each.server() == top.keys(0).server();
  });
  text += "  requests/s  kernel   bytes         TTL  key\n";
  for (const auto& each : top.keys()) {
    const std::string bytes = each.cached() ? std::to_string(each.bytes()) : "-";
    const std::string ttl = !each.cached() ? "-" : each.expires() ? seconds(each.expires_in_s()) : "never";
    std::snprintf(line, sizeof line, "%12.1f  %4.0f %%  %6s  %10s  ", each.requests_per_s(),
                  100 * each.kernel_share(), bytes.c_str(), ttl.c_str());
    text += line + key_of(each) + (one_server ? "" : "  at " + each.server()) + "\n";
  }
  return text;
}

std::string words_of(const google::protobuf::RepeatedPtrField<std::string>& words) {
  std::string text;
  for (const std::string& each : words) text += (text.empty() ? "" : " ") + each;
  return text.empty() ? "nothing" : text;
}

std::string show(const control::PaxosMember& member) {
  std::string text = "replica  " + member.address() + "  pid " + std::to_string(member.pid()) + "  user " +
                     std::to_string(member.uid()) + "  on: " + words_of(member.on());
  if (member.wanted_size() != member.on_size()) text += " (wants " + words_of(member.wanted()) + ")";
  text += member.accepts()  ? ", the kernel accepts"
          : member.counts() ? ", the kernel counts"
                            : ", the process does it all";
  if (member.waiting() != 0) text += ", " + std::to_string(member.waiting()) + " accepted entries wait";
  if (member.has_broadcast_group()) text += ", broadcast group " + std::to_string(member.broadcast_group());
  if (member.shows_life()) text += ", looked " + seconds(member.alive_s_ago()) + " ago";
  return text + "\n";
}

std::string show(const control::PaxosReply& paxos) {
  std::string text;
  for (const auto& each : paxos.switches())
    text += padded(each.offload(), 11) + (each.on() ? "on" : "off") + "\n";
  for (const auto& each : paxos.members()) text += show(each);
  if (paxos.members().empty()) text += "no replica has joined\n";
  for (const auto& each : paxos.counts())
    text += padded(each.where(), 11) + padded(each.verdict(), 13) + padded(each.reason(), 15) +
            std::to_string(each.packets()) + "\n";
  return text;
}

}  // namespace

const char* to_string(control::Mode mode) {
  switch (mode) {
    case control::MODE_BYPASS:
      return "bypass";
    case control::MODE_SHADOW:
      return "shadow";
    case control::MODE_SERVE:
      return "serve";
    default:
      return "unknown";
  }
}

std::string show_text(const control::Response& response, const std::string& key) {
  switch (response.kind_case()) {
    case control::Response::kStatus:
      return show(response.status());
    case control::Response::kStats:
      return show(response.stats());
    case control::Response::kGet:
      return show(response.get(), key);
    case control::Response::kInvalidate:
      return std::to_string(response.invalidate().invalidated()) + " invalidated\n";
    case control::Response::kMode:
      return std::string("mode ") + to_string(response.mode().mode()) + ", was " +
             to_string(response.mode().before()) + "\n";
    case control::Response::kDetach:
      return show(response.detach());
    case control::Response::kProbe:
      return show(response.probe());
    case control::Response::kAudit:
      return show(response.audit());
    case control::Response::kTop:
      return show(response.top());
    case control::Response::kPaxos:
      return show(response.paxos());
    case control::Response::KIND_NOT_SET:
      break;
  }
  return "bmcd answered with nothing\n";
}

std::string show_json(const control::Response& response) {
  if (response.has_stats()) {
    nlohmann::ordered_json stats = nlohmann::ordered_json::object();
    for (const auto& each : response.stats().stats()) stats[each.name()] = each.value();
    return stats.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  }
  const auto* reflection = response.GetReflection();
  const auto* field = response.GetDescriptor()->FindFieldByNumber(static_cast<int>(response.kind_case()));
  if (field == nullptr) return "{}\n";
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string text;
  const auto status =
      google::protobuf::util::MessageToJsonString(reflection->GetMessage(response, field), &text, options);
  return status.ok() ? text + "\n" : "{}\n";
}

bool is_good(const control::Response& response) {
  if (response.has_get()) return !response.get().entries().empty();
  if (response.has_probe())
    return std::none_of(response.probe().checks().begin(), response.probe().checks().end(),
                        [](const Check& check) { return check.verdict() == Check::MISSING; });
  return response.kind_case() != control::Response::KIND_NOT_SET;
}

}  // namespace bmc
