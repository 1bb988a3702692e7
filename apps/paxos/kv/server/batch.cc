// SPDX-License-Identifier: Apache-2.0
// Requests that are answered together; see batch.h.
#include "apps/paxos/kv/server/batch.h"

#include <algorithm>
#include <cstdlib>

namespace bmc::kv {
namespace {

// A batch holds no more once it has so much: answers come in time, and the log's entries stay short.
constexpr std::size_t kBatchBytes = 64 * 1024;
constexpr std::size_t kBatchSteps = 1024;

bool outcome_is_unknown(paxos::ErrorCode code) {
  return code == paxos::ErrorCode::unknown_outcome || code == paxos::ErrorCode::session_evicted;
}

bool changes_something(Verb verb) { return verb != Verb::kGet; }

std::string_view text_of(Outcome outcome, Verb verb) {
  switch (outcome) {
    case Outcome::kStored:
      return "STORED\r\n";
    case Outcome::kNotStored:
      return "NOT_STORED\r\n";
    case Outcome::kExists:
      return "EXISTS\r\n";
    case Outcome::kNotFound:
      return "NOT_FOUND\r\n";
    case Outcome::kDeleted:
      return "DELETED\r\n";
    case Outcome::kTouched:
      return "TOUCHED\r\n";
    case Outcome::kOk:
      return "OK\r\n";
    case Outcome::kNonNumeric:
      return "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n";
    case Outcome::kOutOfMemory:
      return verb == Verb::kIncr || verb == Verb::kDecr ? "SERVER_ERROR out of memory in incr\r\n"
                                                        : "SERVER_ERROR out of memory storing object\r\n";
    case Outcome::kItems:
    case Outcome::kNumber:
      break;
  }
  std::abort();  // have texts of their own
}

}  // namespace

std::string error_line(const paxos::Error& error, bool changes) {
  std::string line = "SERVER_ERROR ";
  line += !changes                         ? "no answer: "
          : outcome_is_unknown(error.code) ? "outcome unknown: "
                                           : "nothing was done: ";
  line += error.what.empty() ? std::string(paxos::text_of(error.code)) : error.what;
  std::replace_if(
      line.begin(), line.end(), [](unsigned char c) { return c < ' '; }, ' ');
  return line + "\r\n";
}

void Batch::add(const Request& request) {
  Step& step = steps_.emplace_back();
  step.noreply = request.noreply;
  step.is_command = request.kind == Request::Kind::kCommand;
  step.is_stats = request.kind == Request::Kind::kStats;
  if (step.is_command) {
    ByteWriter bytes;
    add_command(bytes, request.command);
    commands_ += bytes.take();
    step.verb = request.command.verb;
    step.with_cas = request.with_cas;
    step.exptime = request.command.exptime;
    if (is_retrieval(step.verb)) step.keys.assign(request.command.keys.begin(), request.command.keys.end());
  } else {
    step.text = request.text;
  }
  step.end = commands_.size();
}

bool Batch::is_full() const { return commands_.size() >= kBatchBytes || steps_.size() >= kBatchSteps; }

void Batch::answer_local(std::string& out) {
  for (; next_ < steps_.size() && !steps_[next_].is_command; ++next_) {
    const Step& step = steps_[next_];
    if (step.noreply) continue;
    out += step.is_stats ? stats_(step.text) : step.text;
  }
}

bool Batch::is_read() const {
  return std::all_of(steps_.begin() + static_cast<std::ptrdiff_t>(next_), steps_.end(),
                     [](const Step& step) { return !step.is_command || step.verb == Verb::kGet; });
}

std::string Batch::operation(std::uint64_t memory_bytes_max) const {
  ByteWriter out;
  begin_operation(out, memory_bytes_max);
  add_rest(out);
  return out.take();
}

std::string Batch::query(Expiry expiry, std::uint64_t now_us) const {
  ByteWriter out;
  begin_query(out, expiry, now_us);
  add_rest(out);
  return out.take();
}

void Batch::add_rest(ByteWriter& out) const {
  if (!has_commands()) return;
  const Step& step = steps_[next_];
  std::size_t begin = next_ == 0 ? 0 : steps_[next_ - 1].end;
  if (step.keys_answered > 0) {
    Command rest;
    rest.verb = step.verb;
    rest.exptime = step.exptime;
    rest.keys.assign(step.keys.begin() + static_cast<std::ptrdiff_t>(step.keys_answered), step.keys.end());
    add_command(out, rest);
    begin = step.end;
  }
  out.raw(std::string_view(commands_).substr(begin));
}

bool Batch::fits(const Step& step, const Answer& answer) {
  if (!is_retrieval(step.verb)) return answer.outcome != Outcome::kItems;
  const std::size_t left = step.keys.size() - step.keys_answered;
  return answer.outcome == Outcome::kItems && !answer.items.empty() && answer.items.size() <= left;
}

bool Batch::answer(const ResultOfCommands& result, std::string& out) {
  std::size_t place = next_;
  for (const Answer& each : result.answers) {
    while (place < steps_.size() && !steps_[place].is_command) ++place;
    if (place == steps_.size() || !fits(steps_[place], each)) return false;
    const Step& step = steps_[place];
    // A retrieval that was not answered to its end is the last.
    const bool whole = !is_retrieval(step.verb) || step.keys_answered + each.items.size() == step.keys.size();
    if (!whole && &each != &result.answers.back()) return false;
    ++place;
  }
  if (result.answers.empty() && has_commands()) return false;
  for (const Answer& each : result.answers) {
    Step& step = steps_[next_];
    count(step, each);
    if (is_retrieval(step.verb)) {
      append_items(step, each, out);
      if (step.keys_answered < step.keys.size()) return true;
    } else if (!step.noreply) {
      append_outcome(step, each, out);
    }
    ++next_;
    answer_local(out);
  }
  return true;
}

void Batch::append_items(Step& step, const Answer& answer, std::string& out) {
  for (const auto& item : answer.items) {
    const std::string& key = step.keys[step.keys_answered++];
    if (!item) continue;
    out.append("VALUE ").append(key).append(1, ' ').append(std::to_string(item->flags)).append(1, ' ');
    out += std::to_string(item->value.size());
    if (step.with_cas) out.append(1, ' ').append(std::to_string(item->cas));
    out.append("\r\n").append(item->value).append("\r\n");
  }
  if (step.keys_answered == step.keys.size()) out += "END\r\n";
}

void Batch::append_outcome(const Step& step, const Answer& answer, std::string& out) {
  if (answer.outcome == Outcome::kNumber) {
    out.append(std::to_string(answer.number)).append("\r\n");
  } else {
    out += text_of(answer.outcome, step.verb);
  }
}

void Batch::count(const Step& step, const Answer& answer) {
  const Outcome outcome = answer.outcome;
  if (outcome == Outcome::kOutOfMemory) ++counters_.store_no_memory;
  const auto hit_or_miss = [&](std::uint64_t& hits, std::uint64_t& misses) {
    ++(outcome == Outcome::kNotFound ? misses : hits);
  };
  if (is_storage(step.verb)) ++counters_.cmd_set;
  switch (step.verb) {
    case Verb::kGet:
    case Verb::kGetAndTouch: {
      const auto hits = static_cast<std::uint64_t>(
          std::count_if(answer.items.begin(), answer.items.end(), [](const auto& item) { return !!item; }));
      const bool touch = step.verb == Verb::kGetAndTouch;
      (touch ? counters_.cmd_touch : counters_.cmd_get) += answer.items.size();
      (touch ? counters_.touch_hits : counters_.get_hits) += hits;
      (touch ? counters_.touch_misses : counters_.get_misses) += answer.items.size() - hits;
      break;
    }
    case Verb::kCas:
      if (outcome == Outcome::kExists) ++counters_.cas_badval;
      if (outcome == Outcome::kNotFound) ++counters_.cas_misses;
      if (outcome == Outcome::kStored) ++counters_.cas_hits;
      break;
    case Verb::kDelete:
      return hit_or_miss(counters_.delete_hits, counters_.delete_misses);
    case Verb::kIncr:
      return hit_or_miss(counters_.incr_hits, counters_.incr_misses);
    case Verb::kDecr:
      return hit_or_miss(counters_.decr_hits, counters_.decr_misses);
    case Verb::kTouch:
      ++counters_.cmd_touch;
      return hit_or_miss(counters_.touch_hits, counters_.touch_misses);
    case Verb::kFlushAll:
      ++counters_.cmd_flush;
      break;
    default:
      break;
  }
}

void Batch::fail(const paxos::Error& error, std::string& out) {
  while (has_commands()) {
    const Step& step = steps_[next_++];
    const bool changes = changes_something(step.verb);
    const bool unknown = changes && outcome_is_unknown(error.code);
    ++(unknown ? counters_.outcomes_unknown : counters_.commands_failed);
    if (!step.noreply) out += error_line(error, changes);
    answer_local(out);
  }
}

}  // namespace bmc::kv
