// SPDX-License-Identifier: Apache-2.0
// A UDP proxy with a cache that is wrong on purpose. The hammer's negative twin: put between its readers and
// memcached, it must be found out.
#ifndef BMC_NETNS_TESTS_HAMMER_STALE_CACHE_H
#define BMC_NETNS_TESTS_HAMMER_STALE_CACHE_H

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <thread>

#include "netns-tests/hammer/hammer.h"
#include "netns-tests/lib/endpoint.h"
#include "netns-tests/lib/fd.h"
#include "netns-tests/lib/netns.h"
#include "netns-tests/lib/random.h"
#include "netns-tests/lib/udp_client.h"

namespace bmc::hammer {

class StaleCache {
 public:
  /// Serves UDP on `port` of every address of `netns`, answering from `memcached` (one request at a time).
  StaleCache(const lab::Netns& netns, uint16_t port, const lab::Endpoint& memcached, Defect defect,
             uint64_t seed);
  ~StaleCache();
  StaleCache(const StaleCache&) = delete;
  StaleCache& operator=(const StaleCache&) = delete;

 private:
  struct Kept {
    std::string reply;
    int64_t since_ns;
  };
  void loop();
  /// What is sent for the request text; empty: nothing (memcached did not answer).
  std::string answer(const std::string& text);
  std::string spoil(std::string reply);

  lab::Fd socket_;
  lab::UdpClient memcached_;
  Defect defect_;
  lab::Random random_;
  std::map<std::string, Kept> kept_;
  std::string last_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace bmc::hammer
#endif
