// SPDX-License-Identifier: Apache-2.0
// The requests of one connection that are answered together: what a client has sent before it waited. Their
// commands become one operation or query, their answers one text in the same order. Made by a Connection.
#ifndef BMC_KV_SERVER_BATCH_H
#define BMC_KV_SERVER_BATCH_H

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/paxos/include/bmc/paxos/error.h"
#include "apps/paxos/kv/machine/answer.h"
#include "apps/paxos/kv/machine/command.h"
#include "apps/paxos/kv/server/counters.h"
#include "apps/paxos/kv/server/request.h"

namespace bmc::kv {

class Batch {
 public:
  // Answers `stats` with this argument; called when everything before it in the batch is answered.
  using Stats = std::function<std::string(std::string_view argument)>;

  // Both must outlive the batch.
  Batch(const Stats& stats, Counters& counters) : stats_(stats), counters_(counters) {}

  // Copies what it needs of the request. Of kind kCommand, kText or kStats.
  void add(const Request& request);
  // Holds as much as should be carried out together.
  bool is_full() const;
  bool empty() const { return steps_.empty(); }

  // Appends to `out` every answer up to the first command that has none yet.
  void answer_local(std::string& out);
  // Whether there is such a command; after answer_local().
  bool has_commands() const { return next_ < steps_.size(); }
  // Whether all of those are get or gets.
  bool is_read() const;

  // The commands that have no answer yet.
  std::string operation(std::uint64_t memory_bytes_max) const;
  std::string query(Expiry expiry, std::uint64_t now_us) const;

  // Takes what the cluster answered to them. False, and nothing is appended: these are no answers to these
  // commands. What is left (see Status::kAnswered) is to be asked again.
  [[nodiscard]] bool answer(const ResultOfCommands& result, std::string& out);
  // Answers all of them with this error.
  void fail(const paxos::Error& error, std::string& out);

 private:
  struct Step {
    bool is_command = false;
    bool is_stats = false;
    std::string text;  // not a command: the answer, or the argument of stats
    Verb verb = Verb::kGet;
    bool with_cas = false;
    bool noreply = false;
    std::int64_t exptime = 0;       // gat
    std::vector<std::string> keys;  // retrieval
    std::size_t keys_answered = 0;
    std::size_t end = 0;  // of the command's bytes in commands_
  };

  void add_rest(ByteWriter& out) const;
  static bool fits(const Step& step, const Answer& answer);
  void append_items(Step& step, const Answer& answer, std::string& out);
  void append_outcome(const Step& step, const Answer& answer, std::string& out);
  void count(const Step& step, const Answer& answer);

  const Stats& stats_;
  Counters& counters_;
  std::vector<Step> steps_;
  std::size_t next_ = 0;  // the first step that is not answered
  std::string commands_;  // encoded, one behind the other
};

// The line that tells a client of a failure: "SERVER_ERROR …". `changes`: the command may have changed
// something.
std::string error_line(const paxos::Error& error, bool changes);

}  // namespace bmc::kv

#endif
