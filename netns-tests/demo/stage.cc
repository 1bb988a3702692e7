// SPDX-License-Identifier: Apache-2.0
// See stage.h.
#include "netns-tests/demo/stage.h"

#include <filesystem>

#include "loadgen/frame.h"
#include "loadgen/population.h"
#include "netns-tests/lib/clock.h"

namespace bmc::demo {

std::string find_program(const std::string& name, const std::string& built) {
  std::error_code ignored;
  const auto own = std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path() / name;
  return std::filesystem::exists(own, ignored) ? own.string() : built;
}

Stage::Stage() { receive_apart(); }

void Stage::receive_apart() {
  server_reception_.separate();
  client_reception_.separate();
}

void Stage::receive_with_sender() {
  server_reception_.with_sender();
  client_reception_.with_sender();
}

void Stage::start_memcached(unsigned memory_mb) {
  const std::string port = std::to_string(lab::kMemcachedPort);
  memcached_.reset();
  memcached_ = std::make_unique<lab::Process>(lab::ProcessSpec{
      .argv = {"setsid", "taskset", "-c", std::to_string(placement_.server_cpu), "memcached", "-u", "nobody",
               "-p", port, "-U", port, "-l", link().server(false).ip + "," + link().server(true).ip, "-t",
               "1", "-m", std::to_string(memory_mb)},
      .netns = &lab_.server()});
}

void Stage::fill(const loadgen::WorkloadOptions& items, bool v6, const std::stop_token& stop) {
  const loadgen::IpAddress server = unwrap(loadgen::IpAddress::parse(link().server(v6).ip));
  const loadgen::Workload workload = unwrap(loadgen::Workload::create(items));
  Result<void> stored;
  // Memcached needs a moment until it listens.
  lab::eventually(lab::Deadline::in_ms(10'000), [&] {
    stored = loadgen::populate(server, lab::kMemcachedPort, workload);
    return stored.ok() || stored.error().code != ECONNREFUSED || !memcached_->running() ||
           stop.stop_requested();
  });
  if (stop.stop_requested()) throw Interrupted{};
  if (!stored) throw lab::LabError(stored.error().what + "\n" + memcached_->output());
  const auto check = unwrap(loadgen::verify_population(server, lab::kMemcachedPort, workload));
  if (check.wrong + check.missing > 0) throw lab::LabError("memcached did not keep all items");
  prefer(memcached_->pid(), kServerPriority);
}

std::unique_ptr<loadgen::EchoServer> Stage::start_echo(std::uint16_t growth) {
  const lab::ScopedNetns inside(lab_.server());
  return unwrap(loadgen::EchoServer::attach(link().server_device, lab::kMemcachedPort, growth));
}

std::unique_ptr<BmcdProcess> Stage::start_bmcd(BmcdOptions options, bool v6) {
  options.device = link().server_device;
  options.server = link().server(v6);
  options.cpu = placement_.server_cpu;
  // bmcd stays behind the server and its reception, as it wants to (run_in_the_background()).
  return std::make_unique<BmcdProcess>(lab_.server(), options);
}

double Stage::server_seconds() const {
  double sum = memcached_ ? lab::cpu_seconds(memcached_->pid()) : 0;
  for (const pid_t thread : server_reception_.threads()) sum += lab::cpu_seconds(thread);
  return sum;
}

}  // namespace bmc::demo
