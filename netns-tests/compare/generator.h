// SPDX-License-Identifier: Apache-2.0
// Random but repeatable command streams for the comparison: every command, right and wrong, in the classic,
// meta and binary protocols, over several connections. Used by Comparison.
#ifndef BMC_NETNS_TESTS_COMPARE_GENERATOR_H
#define BMC_NETNS_TESTS_COMPARE_GENERATOR_H

#include <deque>
#include <string>
#include <vector>

#include "netns-tests/compare/step.h"
#include "netns-tests/lib/random.h"

namespace bmc::compare {

struct GeneratorOptions {
  bool udp_gets_only = false;  ///< over UDP nothing but well-formed get
  bool well_formed = false;    ///< over TCP nothing that makes bmcd lose a connection's position
  double reads = 0.5;          ///< share of steps that read over UDP, often what was just touched
  double scenes = 0.0002;      ///< share of steps that begin a scene about expiry (some seconds each)
};

/// Replies must not depend on the moment: keys "k..." never expire while looked at; keys "x..." expire only
/// in scenes that wait for it; commands that tell times, or counters of the server's own, are left out.
class Generator {
 public:
  explicit Generator(uint64_t seed, GeneratorOptions options = {});

  Step next();

 private:
  struct Commands {
    std::string bytes;
    bool ends_quiet = false;  ///< the last of them gives no reply
    bool may_hang = false;    ///< see Step
    /// What memcached does depends on whether it still holds the item for an earlier reply (a number that
    /// gets shorter is then padded, or not): not in one batch with others.
    bool alone = false;
  };

  Step send_step();
  Step wrap(Channel channel, Commands commands);
  void begin_expiry_scene();
  void begin_flush_scene();
  void reads_of(const std::string& key);

  std::string key();
  std::string odd_key();
  std::string value();
  std::string flags();
  std::string exptime();
  Commands store(const std::string& verb, const std::string& flags, const std::string& exptime);
  Commands bad_store();
  Channel any_channel();
  Channel udp_channel();

  Commands text_command();
  Commands storage_command();
  Commands retrieval_command();
  Commands small_command();
  Commands meta_command();
  Commands malformed_command();
  std::string meta_flags(const char* letters);
  Commands binary_command();
  Commands datagram();
  void odd_frame(Step& step);

  lab::Random random_;
  GeneratorOptions options_;
  std::deque<Step> queued_;
  std::string last_key_ = "k0";
  unsigned scenes_ = 0;
};

}  // namespace bmc::compare
#endif
