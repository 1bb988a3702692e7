// SPDX-License-Identifier: Apache-2.0
// The hammer's writers: one thread each, one path each (interface, protocol, family). They own their keys:
// each key has one order of writes. Started and joined by Hammer.
#ifndef BMC_NETNS_TESTS_HAMMER_WRITER_H
#define BMC_NETNS_TESTS_HAMMER_WRITER_H

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "netns-tests/hammer/board.h"
#include "netns-tests/hammer/operation.h"
#include "netns-tests/lib/lab.h"
#include "netns-tests/lib/memcached.h"
#include "netns-tests/lib/random.h"
#include "netns-tests/lib/tcp_client.h"
#include "netns-tests/lib/udp_client.h"

namespace bmc::hammer {

enum class Transport { kText, kBinary, kUdp };

struct WriterPlan {
  std::string name;  ///< "tcp eth0 v4": for reports
  Transport transport = Transport::kText;
  const lab::Netns* netns = nullptr;
  lab::Endpoint server;
  const lab::FaultSwitch* faulty = nullptr;  ///< the switch its packets pass, if any
  bool resets = false;                       ///< sometimes closes with a RST while writes are in flight
  bool starts_counters = false;      ///< exactly one does: a late "add" of a second would set one back
  bool quiet_bursts = false;         ///< sometimes many noreply writes and then a barrier
  int64_t pause_ns_max = 2'000'000;  ///< between batches
};

class Writer {
 public:
  /// Connects at once (so that a writer can be older than bmcd). `number` selects its keys.
  Writer(WriterPlan plan, unsigned number, unsigned keys_each, Board& board, lab::Memcached& memcached,
         uint64_t seed);

  /// Writes until the board stops.
  void run();

 private:
  /// What the writer believes of one of its keys, to choose sensible operations.
  struct Belief {
    bool present = false;
    bool expires = false;
    unsigned parts = 0;         ///< appended and prepended to the base value
    uint64_t last_version = 0;  ///< of the last operation sent
  };

  /// Operations sent together.
  struct Batch {
    std::vector<Operation> operations;
    std::vector<ReadBound> bounds;  ///< taken before it was sent
    std::vector<bool> finished;
  };

  void write_batch();
  Batch begin_batch();
  std::vector<Operation> choose_batch();
  Operation choose(unsigned index);
  Expiry choose_expiry();
  ReadBound begin(Operation& operation);
  /// `reply`: for the report of a refusal.
  void finish(const Operation& operation, Outcome outcome, const ReadBound& before, std::string_view reply);

  // Each sends the batch and finishes the operations whose outcome it learns; false when the rest is unknown.
  bool run_text(Batch& batch);
  bool run_binary(Batch& batch);
  bool run_udp(Batch& batch);
  void finish(Batch& batch, size_t index, Outcome outcome, std::string_view reply = {});
  void finish_quiet(Batch& batch);
  bool send_bytes(const std::string& bytes);
  std::optional<std::string> read_text(const Operation& operation, Batch& batch);

  bool raise_counter();
  std::optional<std::string> converse(const std::string& command);
  bool raise_by_cas(Counter& counter);
  bool start_counter(Counter& counter);

  void reset_in_flight();
  /// Makes sure that nothing sent earlier can still take effect; false when the run stops first.
  bool settle(uint16_t reset_port);
  bool settle_once(uint16_t reset_port);
  bool barriers_answered();
  void reconnect();
  int64_t patience_ms() const;
  unsigned index_of(const Operation& operation) const;

  WriterPlan plan_;
  unsigned number_;
  Board& board_;
  lab::Memcached& memcached_;
  lab::Random random_;
  std::vector<Belief> beliefs_;
  std::vector<lab::TcpClient> connections_;
  size_t current_ = 0;
  std::optional<lab::UdpClient> udp_;
  uint64_t incarnation_ = 0;
  uint32_t opaque_ = 0;
};

}  // namespace bmc::hammer
#endif
