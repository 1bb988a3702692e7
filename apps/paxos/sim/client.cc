// SPDX-License-Identifier: Apache-2.0
#include "apps/paxos/sim/client.h"

#include <utility>

#include "apps/paxos/core/codec.h"

namespace bmc::paxos::sim {
namespace {

constexpr Micros kBusyPauseUs = 5000;  // before a request that was refused is sent again

}  // namespace

Client::Client(World& world, std::uint32_t number, Random random)
    : world_(world), number_(number), random_(random) {
  be_somebody_else();
  target_ = static_cast<ReplicaIndex>(random_.below(world_.profile.core.replica_count));
}

void Client::start() { plan_next(); }

// A request that was given up may still happen: its session may not be used for another one.
void Client::be_somebody_else() {
  client_ = (random_.next() << 16) | (world_.profile.core.replica_count + number_);
  session_ = 0;
  last_number_ = 0;
}

void Client::plan_next() {
  is_asking_ = false;
  const std::uint64_t guard = ++asked_so_far_;
  if (finishing_) return;
  world_.agenda.after(random_.exponential(world_.profile.think_us), [this, guard] {
    if (guard == asked_so_far_ && !finishing_) next();
  });
}

void Client::next() {
  const Command command = draw_command();
  if (command.verb != Verb::kRead) return ask(command, body::Request::APPLY);
  ask(command, random_.chance(world_.profile.stale_reads) ? body::Request::READ_STALE : body::Request::READ);
}

void Client::read(std::uint8_t key) {
  Command command;
  command.verb = Verb::kRead;
  command.key = key;
  ask(command, body::Request::READ);
}

Command Client::draw_command() {
  Command command;
  command.key = static_cast<std::uint8_t>(random_.below(world_.profile.keys));
  command.id = (std::uint64_t{number_ + 1} << 32) | (asked_so_far_ + 1);
  command.padding = static_cast<std::uint32_t>(random_.below(world_.profile.padding_max + 1));
  if (random_.chance(world_.profile.reads)) return command;
  switch (kind_of(command.key)) {
    case KeyKind::kRegister:
      command.verb = random_.chance(0.3) ? Verb::kCompareAndSwap : Verb::kWrite;
      command.argument = world_.checkers.clients.last_value(command.key);
      break;
    case KeyKind::kList:
      command.verb = Verb::kAppend;
      break;
    case KeyKind::kCounter:
      command.verb = Verb::kAdd;
      command.argument = 1 + random_.below(9);
      break;
  }
  return command;
}

void Client::ask(const Command& command, body::Request::Kind kind) {
  is_asking_ = true;
  if (kind == body::Request::APPLY && session_ == 0) {
    after_registration_ = command;
    return register_session();
  }
  body::Request request;
  request.set_client(client_);
  request.set_session(session_);
  request.set_number(kind == body::Request::APPLY ? ++last_number_ : ++last_read_);
  request.set_kind(kind);
  request.set_payload(command.encoded());
  call_ = world_.checkers.clients.on_invoked(world_.agenda.now(), command, kind == body::Request::READ_STALE);
  begin(std::move(request));
}

void Client::register_session() {
  body::Request request;
  request.set_client(client_);
  request.set_kind(body::Request::REGISTER);
  call_.reset();
  begin(std::move(request));
}

void Client::begin(body::Request request) {
  request_ = std::move(request);
  ++asked_so_far_;
  const bool anywhere = request_.kind() == body::Request::READ_STALE ||
                        (request_.kind() == body::Request::READ && random_.chance(0.5));
  asked_ = anywhere ? static_cast<ReplicaIndex>(random_.below(world_.profile.core.replica_count)) : target_;
  transmit();
}

void Client::transmit() {
  Message message;
  message.type = MessageType::kRequest;
  message.body = std::make_shared<const std::string>(request_.SerializeAsString());
  world_.network.send(
      world_.profile.core.replica_count + number_, asked_, message.type,
      std::make_shared<const std::string>(encode(message, world_.profile.cluster_id, world_.profile.epoch)));
  world_.agenda.after(world_.profile.client_timeout_us, [this, guard = asked_so_far_] {
    if (guard == asked_so_far_) on_timeout();
  });
}

void Client::on_timeout() {
  if (!finishing_ && random_.chance(world_.profile.gives_up)) {
    after_registration_.reset();
    be_somebody_else();
    return plan_next();
  }
  ++asked_so_far_;
  if (random_.chance(0.7))
    target_ = static_cast<ReplicaIndex>(random_.below(world_.profile.core.replica_count));
  asked_ = target_;
  transmit();
}

void Client::retry_after(Micros delay) {
  world_.agenda.after(delay, [this, guard = ++asked_so_far_] {
    if (guard == asked_so_far_) transmit();
  });
}

void Client::receive(const Packet& packet) {
  const auto decoded = decode(*packet.bytes, world_.profile.cluster_id, world_.profile.epoch,
                              world_.profile.core.replica_count);
  const Message* message = std::get_if<Message>(&decoded);
  body::Reply reply;
  if (message == nullptr || message->type != MessageType::kReply || !reply.ParseFromString(*message->body)) {
    if (!packet.damaged) world_.verdict.fail("what is sent can be read", "a client got what is no REPLY");
    return;
  }
  if (is_asking_ && reply.client() == client_ && reply.kind() == request_.kind() &&
      reply.number() == request_.number() &&
      (request_.kind() == body::Request::REGISTER || reply.session() == request_.session())) {
    if (world_.trace.on()) world_.trace.line(say("client ", number_, " <- ", reply.ShortDebugString()));
    on_reply(reply);
  }
}

void Client::on_reply(const body::Reply& reply) {
  switch (reply.status()) {
    case body::Reply::OK:
      return on_done(reply);
    case body::Reply::NOT_LEADER:
      target_ = static_cast<ReplicaIndex>(reply.leader() < world_.profile.core.replica_count
                                              ? reply.leader()
                                              : random_.below(world_.profile.core.replica_count));
      asked_ = target_;
      return retry_after(kBusyPauseUs);
    case body::Reply::BUSY:
      return retry_after(kBusyPauseUs);
    case body::Reply::SESSION_EVICTED:
      // An earlier copy of the request may have been carried out: the outcome is unknown.
      be_somebody_else();
      return plan_next();
    default:
      world_.verdict.fail("a good request is understood",
                          say("client ", number_, " was told ", static_cast<int>(reply.status())));
  }
}

void Client::on_done(const body::Reply& reply) {
  target_ = asked_;
  if (request_.kind() == body::Request::REGISTER) {
    session_ = reply.session();
    if (const std::optional<Command> command = std::exchange(after_registration_, std::nullopt); command) {
      return ask(*command, body::Request::APPLY);
    }
    return plan_next();
  }
  const std::optional<Answer> answer = Answer::decoded(reply.result());
  if (!answer) {
    world_.verdict.fail("a result arrives whole",
                        say("client ", number_, " got ", reply.result().size(), " bytes"));
    return;
  }
  world_.checkers.clients.on_answered(world_.agenda.now(), *call_, *answer);
  plan_next();
}

std::string Client::waits_for() const {
  return say("client ", number_, " waits for replica ", unsigned{asked_}, " to answer ",
             body::Request::Kind_Name(request_.kind()), " number ", request_.number(), " of session ",
             request_.session());
}

}  // namespace bmc::paxos::sim
