// SPDX-License-Identifier: Apache-2.0
// Replica, format() and recover(): options checked, storage opened, the rest is the Node's.
#include "apps/paxos/include/bmc/paxos/replica.h"

#include <cerrno>

#include "apps/paxos/runtime/clock.h"
#include "apps/paxos/runtime/core_options_of.h"
#include "apps/paxos/runtime/node.h"
#include "apps/paxos/runtime/problems.h"
#include "apps/paxos/storage/posix_disk.h"

namespace bmc::paxos {
using namespace runtime;

namespace {

Identity identity_of(const Options& options) {
  return {options.cluster_id, options.replica_index, static_cast<std::uint8_t>(options.replicas.size()),
          durability_of(options)};
}

// Storage speaks in errnos.
Error public_error(const bmc::Error& error) {
  switch (error.code) {
    case ENOENT:
      return {ErrorCode::not_formatted, error.what};
    case EEXIST:
      return {ErrorCode::already_formatted, error.what};
    case EINVAL:
      return {ErrorCode::configuration, error.what};
    case EBADMSG:
      return {ErrorCode::damaged, error.what};
    default:
      return {ErrorCode::io, error.what};
  }
}

Result<std::unique_ptr<Disk>> make_disk(const Options& options) {
  if (const auto problems = options.validate(); !problems.empty()) return configuration_error(problems);
  if (auto made = make_posix_disk(options.data_directory); !made) return public_error(made.error());
  auto disk = open_posix_disk(options.data_directory);
  if (!disk) return public_error(disk.error());
  return *std::move(disk);
}

// The same sentence, whether the directory is missing or empty.
Error error_of_start(const Options& options, const bmc::Error& error) {
  if (error.code != ENOENT) return public_error(error);
  return {ErrorCode::not_formatted, options.data_directory +
                                        " holds no replica: run `format` if its cluster is new, `recover` if "
                                        "the replica has lost its disk"};
}

Result<Opened> open_storage(const Options& options) {
  auto disk = open_posix_disk(options.data_directory);
  if (!disk) return error_of_start(options, disk.error());
  Opened opened;
  opened.disk = *std::move(disk);
  auto store = ReplicaStore::open(*opened.disk, identity_of(options), opened.restored);
  if (!store) return error_of_start(options, store.error());
  opened.store = *std::move(store);
  return opened;
}

}  // namespace

Result<void> format(const Options& options) {
  const auto disk = make_disk(options);
  if (!disk) return disk.error();
  if (auto done = ReplicaStore::format(**disk, identity_of(options)); !done)
    return public_error(done.error());
  return {};
}

Result<std::string> recover(const Options& options) {
  if (options.replicas.size() == 1) {
    return Error{ErrorCode::configuration, "a cluster of one replica has no others to recover from"};
  }
  const auto disk = make_disk(options);
  if (!disk) return disk.error();
  // More than any count of starts and any view that the lost replica can have had.
  const auto incarnation_floor = static_cast<std::uint32_t>(wall_us() / 1'000'000);
  const View view_floor = wall_us() / 1000;
  auto done = ReplicaStore::recover(**disk, identity_of(options), incarnation_floor, view_floor);
  if (!done) return public_error(done.error());
  return *std::move(done);
}

class Replica::Impl : public Node {
 public:
  using Node::Node;
};

Result<std::unique_ptr<Replica>> Replica::start(boost::asio::any_io_executor executor, const Options& options,
                                                StateMachine& machine) {
  if (const auto problems = options.validate(); !problems.empty()) return configuration_error(problems);
  auto opened = open_storage(options);
  if (!opened) return opened.error();
  auto impl = std::make_unique<Impl>(std::move(executor), options, *std::move(opened), machine);
  if (const auto sockets = impl->open_sockets(); !sockets) return sockets.error();
  return std::unique_ptr<Replica>(new Replica(std::move(impl)));
}

Replica::Replica(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Replica::~Replica() = default;

ReplicaStatus Replica::status() const { return impl_->status(); }
std::vector<Counter> Replica::counters() const { return impl_->counters(); }
void Replica::shutdown() { impl_->shutdown(); }

}  // namespace bmc::paxos
