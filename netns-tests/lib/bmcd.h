// SPDX-License-Identifier: Apache-2.0
// Starts, stops, kills and asks the real bmcd inside a server namespace. Used by every accelerated test.
#ifndef BMC_NETNS_TESTS_BMCD_H
#define BMC_NETNS_TESTS_BMCD_H

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "netns-tests/lib/endpoint.h"
#include "netns-tests/lib/fd.h"
#include "netns-tests/lib/process.h"

namespace bmc::lab {

struct BmcdOptions {
  std::vector<std::string> ifaces{"eth0"};
  std::vector<Endpoint> servers{};  ///< --server; empty: bmcd finds them
  std::string mode = "serve";
  std::vector<std::string> extra{};  ///< e.g. {"--revalidate-after", "1s"}
  bool wait_ready = true;            ///< wait for READY=1 (sd_notify)
};

/// bmcd with its own sockets, pin directory and metrics port. Destruction detaches everything, also
/// what a kill -9 left in the kernel.
class Bmcd {
 public:
  /// Whether this build has a bmcd. Without one the accelerated tests are skipped.
  static bool available();

  explicit Bmcd(const Netns& netns, BmcdOptions options = {});
  ~Bmcd();
  Bmcd(const Bmcd&) = delete;
  Bmcd& operator=(const Bmcd&) = delete;

  Process& process() { return *process_; }
  const std::string& pin_directory() const { return pin_directory_; }
  /// Where replicas ask for the kernel's help, if BmcdOptions::extra has `--paxos-allow` and no
  /// `--paxos-socket`.
  std::string paxos_socket() const { return directory_ + "/paxos.sock"; }
  const Netns& netns() const { return netns_; }

  /// SIGTERM and wait; false when it does not end in time.
  bool stop();
  void kill_hard();
  /// After stop() or kill_hard().
  void start_again();
  /// The same, with other options in the place of BmcdOptions::extra.
  void start_again(std::vector<std::string> extra);
  bool wait_ready(Deadline deadline);
  /// `bmcd --detach` with the same options: what is to be done after a crash.
  CommandResult run_detach() const;

  /// `bmcctl ARGUMENTS...` on its control socket.
  CommandResult ctl(std::vector<std::string> arguments) const;
  /// What `bmcctl ARGUMENTS... --json` printed, as text. Throws LabError when it fails.
  std::string ctl_json(std::vector<std::string> arguments) const;

  /// The Prometheus exporter's samples, "name{label="value",...}" -> value. Throws LabError when it is not
  /// served.
  std::map<std::string, double> metrics() const;
  /// bmcd_packets_total of one reason ("xdp", "tx", "hit").
  double packets(const std::string& where, const std::string& verdict, const std::string& reason) const;
  /// GETs answered by the kernel so far.
  double hits() const { return packets("xdp", "tx", "hit"); }

 private:
  std::vector<std::string> command_line() const;
  void start();

  const Netns& netns_;
  BmcdOptions options_;
  std::string directory_;  ///< control socket, notification socket
  std::string pin_directory_;
  Fd notify_;
  std::unique_ptr<Process> process_;
};

}  // namespace bmc::lab

#endif
