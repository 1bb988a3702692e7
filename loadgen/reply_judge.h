// SPDX-License-Identifier: Apache-2.0
// ReplyJudge: is a reply right, in every byte, and what became of each request. One per worker; the channels
// bring the replies.
#ifndef BMC_LOADGEN_REPLY_JUDGE_H
#define BMC_LOADGEN_REPLY_JUDGE_H

#include <cstdint>
#include <string>

#include "loadgen/exchange.h"
#include "loadgen/reply_parser.h"
#include "loadgen/report.h"

namespace bmc::loadgen {

class ReplyJudge {
 public:
  explicit ReplyJudge(Traffic& traffic) : traffic_(traffic) {}

  // One piece of the reply to `exchange`; sets its `done` and `fault`. False when nothing behind this piece
  // can be trusted: the reply has another form than its request asks for.
  bool take(Exchange& exchange, const ReplyPiece& piece);

  // Each exchange ends by exactly one of these. finish(): its reply is whole, at `now_ns`.
  void finish(const Exchange& exchange, std::uint64_t now_ns);
  // No reply came, or none that can be read (then `fault` says why).
  void abandon(const Exchange& exchange);

  void count_sent() { report_.sent++; }
  // Datagrams that belong to no exchange.
  void count_unasked() { report_.counter[LOADGEN_WRONG_UNASKED]++; }
  // A reply to an exchange that was abandoned before.
  void count_late() { report_.counter[LOADGEN_LATE]++; }

  RunReport& report() { return report_; }

 private:
  bool take_value(Exchange& exchange, const ReplyPiece& piece);
  loadgen_counter judge_value(const Exchange::Asked& asked, const ReplyPiece& piece, bool verified);
  loadgen_counter judge_version(const Exchange::Asked& asked, std::uint32_t version);

  Traffic& traffic_;
  RunReport report_;
  std::string key_;  // scratch
};

}  // namespace bmc::loadgen

#endif
