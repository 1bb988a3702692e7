// SPDX-License-Identifier: Apache-2.0
// See reply_judge.h.
#include "loadgen/reply_judge.h"

#include <algorithm>
#include <cstring>

#include "loadgen/workload_abi.h"

namespace bmc::loadgen {
namespace {

using Kind = ReplyPiece::Kind;

void blame(Exchange& exchange, loadgen_counter fault) {
  if (exchange.fault == LOADGEN_COUNTER_COUNT) exchange.fault = fault;
}

std::uint32_t index_of(std::string_view key) {
  if (key.size() < LOADGEN_KEY_MIN) return WORKLOAD_NO_INDEX;
  std::uint64_t digits = 0;
  std::memcpy(&digits, key.data() + key.size() - LOADGEN_KEY_DIGITS, sizeof digits);
  return workload_index(digits);
}

}  // namespace

bool ReplyJudge::take(Exchange& exchange, const ReplyPiece& piece) {
  exchange.bytes += piece.size;
  const Kind wanted = exchange.is_set ? Kind::kStored : Kind::kEnd;
  if (piece.kind == Kind::kValue && !exchange.is_set) return take_value(exchange, piece);
  if (piece.kind == wanted || piece.kind == Kind::kRefused) {
    if (piece.kind == Kind::kRefused) blame(exchange, LOADGEN_WRONG_REFUSED);
    exchange.done = true;
    return true;
  }
  blame(exchange, LOADGEN_WRONG_END);
  return false;
}

// memcached answers in the order asked: what was skipped is a miss.
bool ReplyJudge::take_value(Exchange& exchange, const ReplyPiece& piece) {
  const std::uint32_t index = index_of(piece.key);
  const auto at = std::find_if(exchange.keys.begin() + exchange.position, exchange.keys.end(),
                               [&](const Exchange::Asked& asked) { return asked.index == index; });
  if (at == exchange.keys.end()) {
    blame(exchange, LOADGEN_WRONG_KEY);
    return true;
  }
  exchange.position = static_cast<std::uint32_t>(at - exchange.keys.begin()) + 1;
  const loadgen_counter fault = judge_value(*at, piece, exchange.verified);
  if (fault == LOADGEN_COUNTER_COUNT) {
    exchange.found++;
  } else {
    blame(exchange, fault);
  }
  return true;
}

loadgen_counter ReplyJudge::judge_value(const Exchange::Asked& asked, const ReplyPiece& piece,
                                        bool verified) {
  const Workload& workload = traffic_.workload;
  key_.clear();
  workload.append_key(key_, asked.index);
  if (piece.key != key_) return LOADGEN_WRONG_KEY;
  if (piece.flags != workload.options().flags || piece.data.size() != workload.data_size(asked.index))
    return LOADGEN_WRONG_HEAD;
  if (!verified) return LOADGEN_COUNTER_COUNT;
  const auto version = workload.version_of(asked.index, piece.data);
  return version ? judge_version(asked, *version) : LOADGEN_WRONG_VALUE;
}

// `version` is known to the bits that the value holds.
loadgen_counter ReplyJudge::judge_version(const Exchange::Asked& asked, std::uint32_t version) {
  const std::uint32_t mask = Workload::version_mask(traffic_.workload.data_size(asked.index));
  const std::uint32_t first = std::max(asked.oldest, 1u);
  // The least write from `first` on whose version has these bits.
  const std::uint64_t write = std::uint64_t{first} + ((version - traffic_.version_base - first) & mask);
  if (write <= traffic_.versions.newest(traffic_.slot_of(asked.index))) return LOADGEN_COUNTER_COUNT;
  if (asked.oldest > 0) return LOADGEN_WRONG_STALE;
  // Not written by this run yet: the population, or what an earlier run left.
  return version == 0 || !traffic_.options.populated ? LOADGEN_COUNTER_COUNT : LOADGEN_WRONG_VALUE;
}

void ReplyJudge::finish(const Exchange& exchange, std::uint64_t now_ns) {
  if (exchange.is_set && exchange.fault == LOADGEN_COUNTER_COUNT) {
    traffic_.versions.acknowledge(traffic_.slot_of(exchange.keys[0].index));
  } else if (exchange.is_set) {
    traffic_.versions.abandon(traffic_.slot_of(exchange.keys[0].index));
  }
  if (exchange.verified) report_.counter[LOADGEN_CHECKED]++;
  if (exchange.fault != LOADGEN_COUNTER_COUNT) {
    report_.counter[exchange.fault]++;
    return;
  }
  const bool late = now_ns - exchange.sent_ns > traffic_.options.late_after_ns;
  report_.counter[late ? LOADGEN_LATE : LOADGEN_ANSWERED]++;
  OperationReport& row = exchange.is_set ? report_.sets : report_.gets;
  row.count++;
  row.bytes += exchange.bytes;
  row.latency.add(now_ns - exchange.intended_ns);
  report_.latency.add(now_ns - exchange.intended_ns);
  if (exchange.is_set) return;
  row.hits += exchange.found;
  row.misses += exchange.keys.size() - exchange.found;
  report_.counter[LOADGEN_HIT] += exchange.found;
  report_.counter[LOADGEN_MISS] += exchange.keys.size() - exchange.found;
}

void ReplyJudge::abandon(const Exchange& exchange) {
  if (exchange.is_set) traffic_.versions.abandon(traffic_.slot_of(exchange.keys[0].index));
  if (exchange.fault != LOADGEN_COUNTER_COUNT) report_.counter[exchange.fault]++;
}

}  // namespace bmc::loadgen
