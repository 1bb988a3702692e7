// SPDX-License-Identifier: Apache-2.0
// What a writer sends and how it learns the outcomes; see writer.h. Making sure that nothing unknown is left
// under way is in settle.cc.
#include "netns-tests/hammer/writer.h"

#include <algorithm>
#include <charconv>

#include "netns-tests/hammer/value.h"

namespace bmc::hammer {
namespace {

constexpr unsigned kPartsMax = 6;
constexpr unsigned kBurst = 40;

std::vector<size_t> choose_cuts(lab::Random& random, size_t length) {
  std::vector<size_t> cuts;
  for (uint64_t i = random.below(5); i > 0; --i) cuts.push_back(1 + random.below(length));
  std::sort(cuts.begin(), cuts.end());
  return cuts;
}

std::optional<uint64_t> to_number(std::string_view text) {
  uint64_t value = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() ? std::optional(value) : std::nullopt;
}

}  // namespace

Writer::Writer(WriterPlan plan, unsigned number, unsigned keys_each, Board& board, lab::Memcached& memcached,
               uint64_t seed)
    : plan_(std::move(plan)),
      number_(number),
      board_(board),
      memcached_(memcached),
      random_(seed),
      beliefs_(keys_each) {
  incarnation_ = board_.incarnation();
  reconnect();
}

void Writer::run() {
  while (!board_.stopping()) {
    if (incarnation_ != board_.incarnation()) reconnect();
    if (random_.chance(0.1)) {
      if (!raise_counter()) reconnect();
    } else if (plan_.resets && random_.chance(0.01)) {
      reset_in_flight();
    } else {
      write_batch();
    }
    board_.pause(random_.between(0, plan_.pause_ns_max));
  }
}

Writer::Batch Writer::begin_batch() {
  Batch batch{.operations = choose_batch(), .bounds = {}, .finished = {}};
  if (!connections_.empty()) current_ = random_.below(connections_.size());
  for (auto& operation : batch.operations) {
    operation.opaque = opaque_++;
    batch.bounds.push_back(begin(operation));
  }
  batch.finished.resize(batch.operations.size());
  board_.statistics.writes_sent += batch.operations.size();
  return batch;
}

void Writer::write_batch() {
  Batch batch = begin_batch();
  const bool known = plan_.transport == Transport::kText     ? run_text(batch)
                     : plan_.transport == Transport::kBinary ? run_binary(batch)
                                                             : run_udp(batch);
  if (known) return;
  ++board_.statistics.writes_unknown;
  uint16_t port = 0;
  if (plan_.transport != Transport::kUdp) {
    port = connections_[current_].local_port();
    connections_[current_].reset();
  }
  if (settle(port)) reconnect();
}

std::vector<Operation> Writer::choose_batch() {
  std::vector<Operation> batch;
  if (plan_.quiet_bursts && plan_.transport != Transport::kUdp && random_.chance(0.02)) {
    while (batch.size() < kBurst) {
      Operation operation = choose(static_cast<unsigned>(random_.below(beliefs_.size())));
      if (operation.verb != Verb::kDelete) operation.verb = Verb::kSet;
      operation.quiet = true;
      batch.push_back(std::move(operation));
    }
    return batch;
  }
  const uint64_t size = plan_.transport == Transport::kUdp ? 1 : 1 + random_.below(4);
  for (uint64_t i = 0; i < size; ++i) {
    // The lower keys are written more often: some hot, some that stay servable for long.
    const uint64_t bound = 1 + random_.below(beliefs_.size());
    batch.push_back(choose(static_cast<unsigned>(random_.below(bound))));
  }
  return batch;
}

Expiry Writer::choose_expiry() {
  const uint64_t dice = random_.below(100);
  if (dice < 75) return {};
  if (dice < 83) return {60};
  if (dice < 90) return {2};
  if (dice < 94) return {time(nullptr) + 1000};
  if (dice < 97) return {time(nullptr) + 3};
  return {-1};
}

Operation Writer::choose(unsigned index) {
  constexpr Verb kOnPresent[] = {Verb::kSet,     Verb::kSet,    Verb::kReplace, Verb::kAppend, Verb::kAppend,
                                 Verb::kPrepend, Verb::kDelete, Verb::kTouch,   Verb::kGat};
  constexpr Verb kOnAbsent[] = {Verb::kSet, Verb::kAdd, Verb::kAdd};
  const Belief& belief = beliefs_[index];
  Operation operation;
  operation.key = board_.key(number_, index).name;
  operation.verb = belief.present ? random_.pick(kOnPresent) : random_.pick(kOnAbsent);
  const bool grows = operation.verb == Verb::kAppend || operation.verb == Verb::kPrepend;
  if (grows && belief.parts >= kPartsMax) operation.verb = Verb::kSet;
  if (plan_.transport == Transport::kUdp && operation.verb == Verb::kGat) operation.verb = Verb::kTouch;
  operation.expiry = choose_expiry();
  operation.meta = random_.chance(0.4);
  const bool can_be_quiet = operation.verb == Verb::kSet || operation.verb == Verb::kDelete;
  operation.quiet = can_be_quiet && random_.chance(plan_.transport == Transport::kUdp ? 0.01 : 0.15);
  return operation;
}

/// Tells the oracle, then writes the value that carries the version.
ReadBound Writer::begin(Operation& operation) {
  Key& key = *board_.find_key(operation.key);
  Belief& belief = beliefs_[index_of(operation)];
  const ReadBound bound = key.oracle.before_read(board_.clocks_reliable());
  const bool keeps_expiry = operation.verb == Verb::kAppend || operation.verb == Verb::kPrepend;
  const bool expires = keeps_expiry ? belief.expires : operation.expiry.exptime > 0;
  operation.version =
      key.oracle.begin(operation.effect(), expires, plan_.name.c_str(), to_string(operation.verb));
  belief.expires = belief.expires || expires;
  if (operation.verb == Verb::kAppend) {
    operation.value = make_appendix(key.name, operation.version);
  } else if (operation.verb == Verb::kPrepend) {
    operation.value = make_prefix(key.name, operation.version);
  } else {
    operation.value =
        make_value(key.name, operation.version, random_.below(random_.chance(0.1) ? 1000 : 80), random_);
  }
  belief.last_version = operation.version;
  return bound;
}

void Writer::finish(const Operation& operation, Outcome outcome, const ReadBound& before,
                    std::string_view reply) {
  Key& key = *board_.find_key(operation.key);
  Belief& belief = beliefs_[index_of(operation)];
  const Effect effect = operation.effect();
  key.oracle.answered(operation.version, to_string(outcome));
  const bool latest = belief.last_version == operation.version;
  switch (outcome) {
    case Outcome::kDone: {
      ++board_.statistics.writes_done;
      const bool grows = operation.verb == Verb::kAppend || operation.verb == Verb::kPrepend;
      const bool sets_expiry = !grows && effect != Effect::kRemove;
      key.oracle.succeeded(operation.version, effect,
                           sets_expiry ? operation.expiry.gone_ns(lab::now_ns()) : 0);
      belief.present = effect != Effect::kRemove;
      if (effect == Effect::kStore) belief.parts = grows ? belief.parts + 1 : 0;
      if (latest && sets_expiry && operation.expiry.exptime == 0) belief.expires = false;
      return;
    }
    case Outcome::kAbsent:
      ++board_.statistics.writes_absent;
      if (key.oracle.found_absent(before) != Verdict::kGood)
        board_.violation(plan_.name + ": memcached lost " + key.name + ": " + std::string(reply) + "\n  " +
                         key.oracle.history());
      // The only writer saw that nothing is there: what it wrote before is gone for good.
      key.oracle.succeeded(operation.version, Effect::kRemove, 0);
      belief.present = false;
      return;
    case Outcome::kRefused:
      ++board_.statistics.writes_refused;
      belief.present = true;
      return;
    case Outcome::kError:
      board_.violation(plan_.name + ": memcached refused a write of " + key.name + ": " + std::string(reply));
      return;
  }
}

bool Writer::send_bytes(const std::string& bytes) {
  lab::TcpClient& connection = connections_[current_];
  if (!random_.chance(0.4)) return connection.send(bytes);
  ++board_.statistics.split_batches;
  const auto mode = random_.chance(0.3) ? lab::CutMode::kAcknowledged : lab::CutMode::kBackToBack;
  return connection.send_cut(bytes, choose_cuts(random_, bytes.size()), mode,
                             lab::Deadline::in_ms(patience_ms()));
}

void Writer::finish(Batch& batch, size_t index, Outcome outcome, std::string_view reply) {
  batch.finished[index] = true;
  finish(batch.operations[index], outcome, batch.bounds[index], reply);
}

/// A barrier was answered: what was to be quiet and gave no reply has succeeded.
void Writer::finish_quiet(Batch& batch) {
  for (size_t i = 0; i < batch.operations.size(); ++i) {
    if (batch.finished[i]) continue;
    if (!batch.operations[i].quiet)
      board_.violation(plan_.name + ": no reply to a write of " + batch.operations[i].key);
    ++board_.statistics.quiet_writes;
    finish(batch, i, Outcome::kDone);
  }
}

/// The reply of `operation`; replies of quiet ones in front of it are dealt with.
std::optional<std::string> Writer::read_text(const Operation& operation, Batch& batch) {
  const lab::Deadline deadline = lab::Deadline::in_ms(patience_ms());
  lab::TcpClient& connection = connections_[current_];
  for (;;) {
    auto reply =
        has_values_reply(operation) ? connection.read_values(deadline) : connection.read_line(deadline);
    const auto opaque = reply ? read_unquiet_miss(*reply) : std::nullopt;
    if (!opaque) return reply;
    for (size_t i = 0; i < batch.operations.size(); ++i)
      if (batch.operations[i].opaque == *opaque) finish(batch, i, Outcome::kAbsent, *reply);
  }
}

bool Writer::run_text(Batch& batch) {
  std::string bytes;
  bool any_quiet = false;
  for (const auto& operation : batch.operations) {
    bytes += encode_text(operation);
    any_quiet = any_quiet || operation.quiet;
  }
  if (any_quiet) bytes += "mn\r\n";
  if (!send_bytes(bytes)) return false;
  for (size_t i = 0; i < batch.operations.size(); ++i) {
    if (batch.operations[i].quiet) continue;
    const auto reply = read_text(batch.operations[i], batch);
    if (!reply) return false;
    finish(batch, i, read_text_reply(batch.operations[i], *reply), *reply);
  }
  if (!any_quiet) return true;
  if (read_text({}, batch) != "MN\r\n") return false;
  finish_quiet(batch);
  return true;
}

bool Writer::run_binary(Batch& batch) {
  std::string bytes;
  const uint32_t first = batch.operations.front().opaque;
  for (const auto& operation : batch.operations) bytes += encode_binary(operation);
  const uint32_t barrier = opaque_++;
  bytes += lab::encode({.op = lab::BinaryOp::kNoop, .opaque = barrier});
  if (!send_bytes(bytes)) return false;
  for (;;) {
    const auto response = read_response(connections_[current_], lab::Deadline::in_ms(patience_ms()));
    if (!response) return false;
    if (response->opaque == barrier) break;
    const size_t i = response->opaque - first;
    if (i >= batch.operations.size()) return false;
    finish(batch, i, read_binary_reply(batch.operations[i], *response), response->body);
  }
  finish_quiet(batch);
  return true;
}

bool Writer::run_udp(Batch& batch) {
  const Operation& operation = batch.operations.front();
  if (operation.quiet) {
    ++board_.statistics.quiet_writes;
    udp_->send(udp_->next_id(), encode_text(operation));
    return false;  // nobody will ever say
  }
  const auto reply = udp_->request(encode_text(operation), patience_ms());
  if (!reply) return false;
  finish(batch, 0, read_text_reply(operation, *reply), *reply);
  return true;
}

/// One command and its line on this writer's path.
std::optional<std::string> Writer::converse(const std::string& command) {
  if (plan_.transport == Transport::kUdp) return udp_->request(command, patience_ms());
  if (command.starts_with("gets ")) return connections_[current_].get(command, patience_ms());
  return connections_[current_].command(command, patience_ms());
}

/// Several writers raise the same counters; false when the connection is no longer usable.
bool Writer::raise_counter() {
  if (plan_.transport == Transport::kBinary) return true;
  if (!connections_.empty()) current_ = random_.below(connections_.size());
  Counter& counter = board_.counter(random_.below(board_.counter_count()));
  ++board_.statistics.counter_writes;
  if (random_.chance(0.3)) return raise_by_cas(counter);
  const uint64_t delta = 1 + random_.below(9);
  counter.oracle.may_grow(delta);
  const bool meta = random_.chance(0.4);
  const std::string name = counter.name;
  if (meta && plan_.transport != Transport::kUdp) {
    // Without "v" one line; the value stays unknown to this writer.
    const auto line = converse("ma " + name + " D" + std::to_string(delta) + "\r\n");
    if (line) counter.oracle.answered(delta);
    return line && (!line->starts_with("NF") || start_counter(counter));
  }
  const auto line = converse("incr " + name + " " + std::to_string(delta) + "\r\n");
  if (!line) return plan_.transport == Transport::kUdp;
  counter.oracle.answered(delta);
  if (line->starts_with("NOT_FOUND")) return start_counter(counter);
  if (const auto value = to_number(*line)) counter.oracle.reached(*value);
  return true;
}

/// Creates a counter memcached does not have, above all it ever was.
bool Writer::start_counter(Counter& counter) {
  if (!plan_.starts_counters) return true;
  const uint64_t base = counter.oracle.fresh_base();
  const std::string text = std::to_string(base);
  const auto line =
      converse("add " + counter.name + " 0 0 " + std::to_string(text.size()) + "\r\n" + text + "\r\n");
  if (line == "STORED\r\n") counter.oracle.reached(base);
  if (line) return true;
  settle(connections_[current_].local_port());
  return false;
}

bool Writer::raise_by_cas(Counter& counter) {
  const auto reply = converse("gets " + counter.name + "\r\n");
  if (!reply) return plan_.transport == Transport::kUdp;
  if (!reply->starts_with("VALUE ")) return start_counter(counter);
  // VALUE <name> <flags> <bytes> <unique>\r\n<number>\r\nEND\r\n
  const size_t line_end = reply->find("\r\n");
  const std::string unique =
      reply->substr(reply->rfind(' ', line_end) + 1, line_end - reply->rfind(' ', line_end) - 1);
  const auto value = to_number(std::string_view(*reply).substr(line_end + 2));
  if (!value) {
    board_.violation(plan_.name + ": no number in " + counter.name);
    return true;
  }
  const std::string next = std::to_string(*value + 1);
  counter.oracle.may_grow(1);
  const auto line = converse("cas " + counter.name + " 0 0 " + std::to_string(next.size()) + " " + unique +
                             "\r\n" + next + "\r\n");
  if (line) counter.oracle.answered(1);
  if (line == "STORED\r\n") counter.oracle.reached(*value + 1);
  return line.has_value() || plan_.transport == Transport::kUdp;
}

}  // namespace bmc::hammer
