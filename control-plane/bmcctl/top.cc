// SPDX-License-Identifier: Apache-2.0
// The windows of `bmcctl top`; see top.h.
#include "control-plane/bmcctl/top.h"

#include <chrono>
#include <thread>

#include "control-plane/control_client.h"

namespace bmc {
namespace {

// A connection for each question: bmcd closes one that is silent for a whole window.
Result<control::Response> ask(const TopOptions& options, std::uint64_t session) {
  auto client = ControlClient::connect(options.socket);
  if (!client) return std::move(client).error();
  control::Request request;
  control::TopRequest& top = *request.mutable_top();
  top.set_session(session);
  top.set_seconds(options.seconds);
  top.set_count(options.count);
  top.set_hashed(options.hashed);
  return client->ask(request);
}

}  // namespace

Result<void> watch_top(const TopOptions& options, const std::function<bool(const control::Response&)>& show) {
  auto response = ask(options, 0);
  while (response && response->code() == 0) {
    std::this_thread::sleep_for(std::chrono::duration<double>(options.seconds));
    response = ask(options, response->top().session());
    if (!response) break;
    if (!show(*response) || !options.watch) return {};
  }
  if (!response) return std::move(response).error();
  show(*response);  // refused at once
  return {};
}

}  // namespace bmc
