// SPDX-License-Identifier: Apache-2.0
// A replicated counter: every call adds one, and the sum survives whatever a minority of the replicas does.
// This cluster has one replica; for three give three addresses and start the program three times, with 0, 1
// and 2.
#include <bmc/paxos/client.h>
#include <bmc/paxos/replica.h>

#include <boost/asio/io_context.hpp>
#include <iostream>
#include <thread>

using namespace bmc::paxos;

struct Sum : StateMachine {
  std::string apply(std::string_view, std::uint64_t) override { return std::to_string(++count); }
  std::string read(std::string_view, std::uint64_t) const override { return std::to_string(count); }
  std::string snapshot_save() const override { return std::to_string(count); }
  bool snapshot_load(std::string_view bytes) override {
    return (count = std::stoul(std::string(bytes)), true);
  }
  std::uint64_t count = 0;
};

int main(int argc, char** argv) {
  if (argc != 3) return std::cerr << "usage: counter DIRECTORY ADDRESS:PORT\n", 2;
  Options options{.data_directory = argv[1], .cluster_id = 1, .replicas = {argv[2]}};
  if (auto done = format(options); !done && done.error().code != ErrorCode::already_formatted) {
    return std::cerr << done.error().what << "\n", 1;
  }
  boost::asio::io_context loop;
  Sum sum;
  auto replica = Replica::start(loop.get_executor(), options, sum);
  auto client = Client::open(loop.get_executor(), {.cluster_id = 1, .replicas = options.replicas});
  if (!replica || !client) return std::cerr << (!replica ? replica.error() : client.error()).what << "\n", 1;
  std::jthread thread([&loop] { loop.run(); });
  auto answer = (*client)->call("add one");
  std::cout << (answer ? *answer : answer.error().what) << "\n";
  (*client)->close();
  (*replica)->shutdown();
  return answer ? 0 : 1;
}
