// SPDX-License-Identifier: Apache-2.0
// The hammer's readers: UDP GETs, several outstanding, each reply checked against the oracle. One thread
// each; started and joined by Hammer.
#ifndef BMC_NETNS_TESTS_HAMMER_READER_H
#define BMC_NETNS_TESTS_HAMMER_READER_H

#include <optional>
#include <string>
#include <string_view>

#include "netns-tests/hammer/awaited.h"
#include "netns-tests/hammer/board.h"
#include "netns-tests/lib/lab.h"
#include "netns-tests/lib/random.h"
#include "netns-tests/lib/udp_client.h"

namespace bmc::hammer {

enum class RequestIds {
  kUnique,  ///< no id is used again while an answer to it may come
  kReused,  ///< three ids for everything: replies and requests must not be confused by the server
};

struct ReaderPlan {
  std::string name;
  const lab::Netns* netns = nullptr;
  lab::Endpoint server;
  RequestIds ids = RequestIds::kUnique;
  unsigned window = 8;    ///< requests outstanding
  double multiget = 0.1;  ///< share of requests with several keys (only with unique ids)
  bool in_order = true;   ///< nothing on the path reorders: an END really is the last datagram
};

class Reader {
 public:
  Reader(ReaderPlan plan, Board& board, uint64_t seed);

  /// Reads until the board stops.
  void run();

 private:
  void fill_window();
  bool send_one();
  /// Nothing: an answer must come first.
  std::optional<uint16_t> choose_id();
  Asked choose_key();
  void take(const lab::Datagram& datagram);
  /// One VALUE of a reply; `key` as the reply names it.
  void take_value(uint16_t id, std::string_view key, std::string_view data);
  void take_end(uint16_t id, bool had_values);
  Verdict judge(const Asked& asked, std::string_view data);
  void forget_old();
  void report(const std::string& what, uint16_t id, const Asked* asked, std::string_view data);

  ReaderPlan plan_;
  Board& board_;
  lab::Random random_;
  lab::UdpClient udp_;
  Awaited awaited_;
  unsigned in_window_ = 0;
  int64_t looked_ns_ = 0;
};

}  // namespace bmc::hammer
#endif
