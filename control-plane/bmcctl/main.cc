// SPDX-License-Identifier: Apache-2.0
// bmcctl: the command line of a running bmcd. One request, one answer, for people or as JSON.
#include <net/if.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "control-plane/bmcctl/show.h"
#include "control-plane/bmcctl/top.h"
#include "control-plane/bpf_object.h"
#include "control-plane/control_client.h"
#include "control-plane/probe.h"
#include "control-plane/removal.h"

namespace {

// In the manual page; scripts rely on them.
constexpr int kGood = 0, kRefused = 1, kUsage = 2, kNotRunning = 3;

struct Arguments {
  CLI::App app{"bmcctl asks a running bmcd, and tells whether this host is ready for one.", "bmcctl"};
  std::string socket = "/run/bmcd/control.sock";
  std::string pin = "/sys/fs/bpf/bmcd";
  bool json = false, all = false, version = false;
  std::string key, mode, offload, on_or_off;
  std::vector<std::string> ifaces;
  bmc::TopOptions top;

  Arguments() {
    app.add_option("--control", socket, "bmcd's socket")->type_name("PATH")->capture_default_str();
    app.add_flag("--json", json, "print one JSON object");
    app.add_flag("--version", version, "print the version, and leave");
    app.fallthrough();  // options may follow the command
    app.require_subcommand(0, 1);
    app.add_subcommand("status", "what runs, where, and how well");
    app.add_subcommand("stats", "counters, in memcached's form: STAT name value");
    app.add_subcommand("get", "what the kernel's cache holds under a key")
        ->add_option("key", key, "the key")
        ->required();
    auto* invalidate = app.add_subcommand("invalidate", "forget a key, or everything; the servers keep it");
    auto* invalid_key = invalidate->add_option("key", key, "the key");
    invalidate->add_flag("--all", all, "everything")->excludes(invalid_key);
    app.add_subcommand("mode", "answer, only compare, or do nothing, until bmcd restarts")
        ->add_option("mode", mode, "serve, shadow or bypass")
        ->required()
        ->check(CLI::IsMember({"serve", "shadow", "bypass"}));
    app.add_subcommand("detach", "take everything out of the kernel and end bmcd");
    auto* probe = app.add_subcommand("probe", "is this host ready; without a running bmcd too");
    probe->add_option("--iface", ifaces, "interface to look at; repeatable")->type_name("NAME");
    probe->add_option("--pin", pin, "where bmcd will pin")->type_name("PATH")->capture_default_str();
    app.add_subcommand("audit", "what is exposed to whom, in plain words");
    add_top();
    add_paxos();
  }

  void add_paxos() {
    auto* command = app.add_subcommand("paxos",
                                       "replicas that the kernel helps, and what is switched on; or switches "
                                       "an offload, until bmcd restarts");
    auto* which = command->add_option("offload", offload, "ack, quorum or broadcast; without one: only tell")
                      ->check(CLI::IsMember({"ack", "quorum", "broadcast"}));
    auto* to = command->add_option("on|off", on_or_off, "for every replica that wants it")
                   ->check(CLI::IsMember({"on", "off"}));
    which->needs(to);
    to->needs(which);
  }

  void add_top() {
    auto* command = app.add_subcommand(
        "top",
        "the keys that clients of the served interfaces ask for most; rates are estimates from a sample");
    command->add_option("--seconds", top.seconds, "how long to count")
        ->check(CLI::Range(0.1, 60.0))
        ->capture_default_str();
    command->add_option("--count", top.count, "how many keys to show")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    command->add_flag("--hash", top.hashed, "show hashes of the keys instead of the keys");
    command->add_flag("--watch", top.watch, "again and again, until Ctrl-C");
  }
};

bmc::control::Mode parse_mode(const std::string& word) {
  if (word == "serve") return bmc::control::MODE_SERVE;
  return word == "shadow" ? bmc::control::MODE_SHADOW : bmc::control::MODE_BYPASS;
}

bmc::control::Request make_request(const Arguments& arguments, const std::string& command) {
  bmc::control::Request request;
  if (command == "status") request.mutable_status();
  if (command == "stats") request.mutable_stats();
  if (command == "get") request.mutable_get()->set_key(arguments.key);
  if (command == "invalidate" && arguments.all) request.mutable_invalidate()->set_all(true);
  if (command == "invalidate" && !arguments.all) request.mutable_invalidate()->set_key(arguments.key);
  if (command == "mode") request.mutable_mode()->set_mode(parse_mode(arguments.mode));
  if (command == "detach") request.mutable_detach();
  if (command == "audit") request.mutable_audit();
  if (command == "paxos") request.mutable_paxos()->set_offload(arguments.offload);
  if (command == "paxos") request.mutable_paxos()->set_on(arguments.on_or_off == "on");
  if (command == "probe")
    for (const std::string& iface : arguments.ifaces) request.mutable_probe()->add_ifaces(iface);
  if (command == "probe") request.mutable_probe();
  return request;
}

// Every interface that is up but the loopback one.
std::vector<std::string> all_interfaces() {
  std::vector<std::string> names;
  struct if_nameindex* all = ::if_nameindex();
  for (const auto* each = all; each != nullptr && each->if_index != 0; ++each)
    if (const auto facts = bmc::interface_facts(each->if_name); facts.up && !facts.loopback)
      names.emplace_back(each->if_name);
  if (all != nullptr) ::if_freenameindex(all);
  return names;
}

// A host that has no bmcd yet is probed from here.
bmc::control::Response probe_here(const Arguments& arguments) {
  bmc::route_bpf_messages_to_log();
  bmc::control::Response response;
  *response.mutable_probe() =
      bmc::probe_host(arguments.pin, arguments.ifaces.empty() ? all_interfaces() : arguments.ifaces);
  return response;
}

int complain(const std::string& text, int status) {
  std::fprintf(stderr, "bmcctl: %s\n", text.c_str());
  return status;
}

// What bmcd had given up the capabilities for; it no longer holds the directory.
void remove_remains(bmc::control::Response& response) {
  const bmc::Removal removal = bmc::remove_everything(response.detach().remaining());
  for (const std::string& each : removal.removed) response.mutable_detach()->add_removed(each);
  if (removal.error) {
    response.set_code(static_cast<std::uint32_t>(removal.error->code));
    response.set_error(removal.error->what);
  } else {
    response.mutable_detach()->clear_remaining();
  }
}

int show(const Arguments& arguments, const bmc::control::Response& response) {
  if (response.code() != 0) return complain(response.error(), kRefused);
  const std::string text =
      arguments.json ? bmc::show_json(response) : bmc::show_text(response, arguments.key);
  std::fputs(text.c_str(), stdout);
  return bmc::is_good(response) ? kGood : kRefused;
}

int run_top(const Arguments& arguments) {
  bmc::TopOptions options = arguments.top;
  options.socket = arguments.socket;
  const bool clear = options.watch && !arguments.json && ::isatty(STDOUT_FILENO) == 1;
  int status = kGood;
  const auto done = bmc::watch_top(options, [&](const bmc::control::Response& response) {
    if (clear) std::fputs("\x1b[H\x1b[2J", stdout);
    status = show(arguments, response);
    return std::fflush(stdout) == 0 && response.code() == 0;
  });
  return done ? status : complain(done.error().what, kNotRunning);
}

int run(const Arguments& arguments) {
  const auto commands = arguments.app.get_subcommands();
  if (commands.empty()) return complain("no command given; bmcctl --help lists them", kUsage);
  const std::string command = commands.front()->get_name();
  if (command == "invalidate" && !arguments.all && arguments.key.empty())
    return complain("invalidate needs a key, or --all", kUsage);
  if (command == "top") return run_top(arguments);
  auto client = bmc::ControlClient::connect(arguments.socket);
  if (!client && command == "probe") return show(arguments, probe_here(arguments));
  if (!client) return complain(client.error().what, kNotRunning);
  auto response = client->ask(make_request(arguments, command));
  if (!response) return complain(response.error().what, kNotRunning);
  if (!response->detach().remaining().empty()) remove_remains(*response);
  return show(arguments, *response);
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  try {
    arguments.app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return arguments.app.exit(error) == 0 ? kGood : kUsage;
  }
  if (arguments.version) return std::puts("bmcctl " BMC_VERSION) < 0 ? kRefused : kGood;
  return run(arguments);
}
