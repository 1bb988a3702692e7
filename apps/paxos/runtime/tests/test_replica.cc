// SPDX-License-Identifier: Apache-2.0
// One replica in a process of its own, for tests that kill it. Prints "ready" and runs until SIGTERM.
// Usage: paxos_test_replica DIRECTORY INDEX wal|memory ADDRESS...
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "apps/paxos/include/bmc/paxos/replica.h"
#include "apps/paxos/runtime/tests/tally_machine.h"

int main(int argc, char** argv) {
  using namespace bmc::paxos;
  if (argc < 5) return 2;
  Options options;
  options.data_directory = argv[1];
  options.cluster_id = 4711;
  options.replica_index = static_cast<std::uint8_t>(std::atoi(argv[2]));
  options.durability =
      std::strcmp(argv[3], "wal") == 0 ? Options::Durability::wal : Options::Durability::memory;
  options.replicas.assign(argv + 4, argv + argc);

  boost::asio::io_context loop;
  runtime::TallyMachine machine;
  const auto replica = Replica::start(loop.get_executor(), options, machine);
  if (!replica) {
    std::fprintf(stderr, "%s\n", replica.error().what.c_str());
    return 1;
  }
  boost::asio::signal_set signals(loop, SIGTERM);
  signals.async_wait([&](const boost::system::error_code&, int) {
    (*replica)->shutdown();
    loop.stop();
  });
  std::puts("ready");
  std::fflush(stdout);
  loop.run();
  return 0;
}
