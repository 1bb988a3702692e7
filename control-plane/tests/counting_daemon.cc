// SPDX-License-Identifier: Apache-2.0
// A daemon around the smallest application there can be: it counts frames in XDP and at TC egress. Run by
// daemon_test as its own process, with everything that bmcd has but the cache.
#include <spdlog/spdlog.h>

#include "control-plane/cgroup_attachment.h"
#include "control-plane/commands.h"
#include "control-plane/mapped_array.h"
#include "control-plane/pins.h"
#include "control-plane/tc_attachment.h"
#include "control-plane/xdp_attachment.h"
#include "test_host.skel.h"
#include "test_xdp.skel.h"

namespace bmc {
namespace {

class CountingApp : public App {
 public:
  explicit CountingApp(const AppContext& context) : context_(context) {}

  Result<void> start() override {
    host_.reset(test_host::open());
    host_->rodata->version = 2;
    auto adoption = context_.pins.adopt_maps(*host_->obj);
    if (!adoption) return adoption.error();
    adopted_ = *adoption == Pins::Adoption::kAdopted;
    if (auto loaded = load_object(*host_->obj, "test_host"); !loaded) return loaded;
    if (auto pinned = context_.pins.pin_maps(*host_->obj); !pinned) return pinned;
    auto counts = MappedArray<__u64>::map(bpf_map__fd(host_->maps.counts));
    if (!counts) return counts.error();
    counts_ = *std::move(counts);
    context_.interfaces.subscribe([this](const InterfaceEvent& event) {
      if (event.kind != InterfaceEvent::Kind::kAdded || event.interface.name != context_.config.ifaces[0])
        return;
      if (auto attached = attach(event.interface); !attached) context_.fail(attached.error());
    });
    const Interface* interface = context_.interfaces.find(context_.config.ifaces[0]);
    if (interface == nullptr) return Error{ENODEV, "no interface " + context_.config.ifaces[0]};
    return attach(*interface);
  }

  void stop() override { spdlog::info("application stopped"); }

  Result<control::Response> control(const control::Request& request) override {
    control::Response response;
    if (request.has_status()) {
      response.mutable_status()->set_mode(control::MODE_SERVE);
      auto* attachment = response.mutable_status()->add_attachments();
      attachment->set_hook("xdp");
      attachment->set_how(xdp_->how() + (xdp_->placement().kept ? ", kept" : ""));
      attachment->set_program_id(xdp_->program_id());
      return response;
    }
    if (!request.has_stats()) return Error{ENOTSUP, "a counter knows only status and stats"};
    for (const auto& [name, index] : {std::pair{"xdp", 1u}, {"egress", 2u}}) {
      auto* stat = response.mutable_stats()->add_stats();
      stat->set_name(name);
      stat->set_value(std::to_string(__atomic_load_n(&counts_[index], __ATOMIC_RELAXED)));
    }
    return response;
  }

  void collect(std::vector<prometheus::MetricFamily>& families) override {
    prometheus::ClientMetric metric;
    metric.counter.value = static_cast<double>(__atomic_load_n(&counts_[1], __ATOMIC_RELAXED));
    families.push_back({"test_frames_total", "frames", prometheus::MetricType::Counter, {metric}});
  }

  std::string status_line() override { return adopted_ ? "counting on" : "counting"; }

 private:
  Result<void> attach(const Interface& interface) {
    XdpImage image;
    image.program = "drop_and_count";
    image.build_id = build_id<test_xdp>();
    image.open = [this]() -> Result<OpenedObject> {
      SkeletonPtr<test_xdp> xdp(test_xdp::open());
      xdp->rodata->version = 1;
      if (auto shared = share_maps(*host_->obj, *xdp->obj); !shared) return shared.error();
      return opened(std::move(xdp));
    };
    auto xdp = XdpAttachment::attach(context_.pins, interface, context_.config.xdp_mode, image);
    if (!xdp) return xdp.error();
    xdp_ = *std::move(xdp);
    auto tc = TcAttachment::attach(context_.pins, interface, *host_->progs.count_egress);
    if (!tc) return tc.error();
    return {};
  }

  AppContext context_;
  SkeletonPtr<test_host> host_;
  MappedArray<__u64> counts_;
  std::optional<XdpAttachment> xdp_;
  bool adopted_ = false;
};

// A second application, for requests that go to one, to the other, or to both.
class GreetingApp : public App {
 public:
  explicit GreetingApp(const AppContext& context) : context_(context) {}
  Result<void> start() override { return context_.pins.make_folder("greetings"); }
  void stop() override { spdlog::info("greeting stopped"); }
  Result<control::Response> control(const control::Request& request) override {
    control::Response response;
    if (request.has_status()) response.mutable_status()->add_fields()->set_name("greeting");
    if (request.has_paxos()) response.mutable_paxos()->add_members()->set_address("hello");
    if (response.kind_case() == control::Response::KIND_NOT_SET) return Error{ENOTSUP, "greetings only"};
    return response;
  }
  void collect(std::vector<prometheus::MetricFamily>&) override {}
  std::string status_line() override { return "greeting"; }

 private:
  AppContext context_;
};

}  // namespace
}  // namespace bmc

int main(int argc, char** argv) {
  const auto always = [](const bmc::Config&) { return true; };
  const auto make = [](const bmc::AppContext& context) {
    return std::make_unique<bmc::CountingApp>(context);
  };
  // With the one option that neither looks at.
  const auto greets = [](const bmc::Config& config) { return config.mode == bmc::ServeMode::kShadow; };
  const auto make_greeting = [](const bmc::AppContext& context) {
    return std::make_unique<bmc::GreetingApp>(context);
  };
  return bmc::run_command_line(argc, argv, {{"", 1, always, make}, {"greeting", 1, greets, make_greeting}});
}
