// SPDX-License-Identifier: Apache-2.0
// Injects the faults of a hammer run, one after another, as its seed decides. One thread; started by
// run_hammer().
#ifndef BMC_NETNS_TESTS_HAMMER_INJECTOR_H
#define BMC_NETNS_TESTS_HAMMER_INJECTOR_H

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "netns-tests/hammer/board.h"
#include "netns-tests/hammer/hammer.h"
#include "netns-tests/lib/bmcd.h"
#include "netns-tests/lib/lab.h"
#include "netns-tests/lib/memcached.h"
#include "netns-tests/lib/random.h"

namespace bmc::hammer {

class Injector {
 public:
  /// `bmcd`: null when the run is not accelerated. `on_interface`: starts a writer on the new link.
  Injector(const HammerOptions& options, lab::Lab& lab, lab::Memcached& memcached, lab::Bmcd* bmcd,
           Board& board, std::function<void(const lab::Link&)> on_interface);

  /// Until the board stops; leaves memcached and bmcd running and the network healed.
  void run();

 private:
  void inject(Fault fault);
  void stop_memcached();
  void kill_memcached();
  void restart_bmcd(bool hard);
  void change_network();
  void overflow_queue();
  void flush();
  void flush_later();
  void switch_mode();
  void add_interface();

  std::vector<uint64_t> begin_clearing();
  void end_clearing(const std::vector<uint64_t>& floors);
  /// One line over a new loopback or client connection; throws LabError when unanswered.
  void command(const std::string& line, const std::string& expected);
  void log(const std::string& text) const;

  const HammerOptions& options_;
  lab::Lab& lab_;
  lab::Memcached& memcached_;
  lab::Bmcd* bmcd_;
  Board& board_;
  std::function<void(const lab::Link&)> on_interface_;
  lab::Random random_;
  std::vector<Fault> timed_;
  bool interface_added_ = false;
};

}  // namespace bmc::hammer
#endif
