// SPDX-License-Identifier: Apache-2.0
// bmcd on the oldest kernel we support, sharing the served interface with a second XDP program through
// libxdp's dispatcher: hit, fill, invalidation, a replica's acknowledgements, detach. Run by the ctest
// kernel-6.1.bmcd inside Debian's kernel; the dispatcher works there and not on every machine the other tests
// run on.
#include <netinet/in.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "apps/paxos/fastpath/tests/fixture.h"
#include "netns-tests/kernel/second_program.h"
#include "netns-tests/paxos/fast/prepare_stream.h"
#include "netns-tests/tests/accelerated.h"

namespace bmc::lab {
namespace {

// bmcd serves some 10 s after its start, and under emulation everything takes its time.
constexpr int64_t kLimitMs = 60'000;
constexpr const char* kDevice = "eth0";

class BesideTest : public Accelerated {
 protected:
  void start_both(const std::vector<std::string>& options = {}) {
    start_memcached();
    // No keep-alives: one GET per some seconds would go to memcached, and while that is stopped stay there.
    std::vector<std::string> extra = {"--revalidate-after", "0"};
    extra.insert(extra.end(), options.begin(), options.end());
    start_bmcd({.extra = extra, .wait_ready = false});
    ASSERT_TRUE(bmcd_->wait_ready(Deadline::in_ms(kLimitMs))) << bmcd_->process().output();
  }

  nlohmann::json status() { return nlohmann::json::parse(bmcd_->ctl_json({"status"})); }

  std::uint64_t stat(const std::string& name) {
    const auto stats = nlohmann::json::parse(bmcd_->ctl_json({"stats"}));
    return std::stoull(stats.at(name).get<std::string>());
  }

  std::vector<std::string> names_behind_dispatcher() {
    std::vector<std::string> names;
    for (const Placed& each : behind_dispatcher(lab_.server(), kDevice)) names.push_back(each.name);
    return names;
  }

  /// Every program is attached, and the XDP one is behind the dispatcher.
  void expect_everything_attached() {
    const nlohmann::json now = status();
    std::multiset<std::string> hooks;
    for (const auto& each : now["attachments"]) {
      hooks.insert(each["hook"].get<std::string>() + ", " + each["how"].get<std::string>());
      EXPECT_NE(each["program_id"].get<std::uint32_t>(), 0u) << each;
      if (each["hook"] != "xdp") continue;
      EXPECT_EQ(each["target"], kDevice);
      const auto placed = behind_dispatcher(lab_.server(), kDevice);
      EXPECT_TRUE(std::any_of(placed.begin(), placed.end(), [&](const Placed& program) {
        return program.id == each["program_id"].get<std::uint32_t>();
      })) << now;
    }
    EXPECT_EQ(hooks, (std::multiset<std::string>{"xdp, native, through libxdp's dispatcher",
                                                 "tc egress, clsact", "cgroup, cache_ingress",
                                                 "cgroup, cache_egress", "cgroup, cache_release"}))
        << now;
  }

  /// `set` over TCP on the served interface, acknowledged.
  void set(const std::string& key, const std::string& value) {
    TcpClient writer(lab_.client(), lab_.link().server());
    ASSERT_EQ(writer.command("set " + key + " 0 0 " + std::to_string(value.size()) + "\r\n" + value + "\r\n"),
              "STORED\r\n");
  }

  /// memcached is stopped: whoever answers, it is the kernel. `count` GETs, each a hit in bmcd's own count.
  void expect_hits_while_frozen(const std::string& key, const std::string& value, unsigned count) {
    memcached_->freeze();
    const std::uint64_t before = stat("xdp_tx_hit");
    for (unsigned i = 0; i < count; ++i) EXPECT_EQ(ask(key, kLimitMs), hit(key, value));
    EXPECT_EQ(stat("xdp_tx_hit"), before + count);
    memcached_->thaw();
  }

  /// What the kernel and its file systems hold of everybody's.
  struct Traces {
    std::string tc, cgroup;
    std::vector<std::string> xdp, pins;
    bool operator==(const Traces&) const = default;
  };

  Traces look() {
    return {.tc = run_checked({"tc", "qdisc", "show"}, &lab_.server()) +
                  run_checked({"tc", "filter", "show", "dev", kDevice, "egress"}, &lab_.server()) +
                  run_checked({"tc", "filter", "show", "dev", kDevice, "ingress"}, &lab_.server()),
            .cgroup = run_checked({"bpftool", "cgroup", "tree"}),
            .xdp = names_behind_dispatcher(),
            .pins = pinned_paths()};
  }

  void detach() {
    const CommandResult detached = bmcd_->ctl({"detach"});
    EXPECT_EQ(detached.exit_code, 0) << detached.output;
    EXPECT_TRUE(bmcd_->process().wait_exit(Deadline::in_ms(kLimitMs))) << bmcd_->process().output();
  }

  static std::string shown(const Traces& traces) {
    std::string text = traces.tc + traces.cgroup;
    for (const auto& name : traces.xdp) text += "xdp " + name + "\n";
    for (const auto& path : traces.pins) text += path + "\n";
    return text;
  }
};

TEST_F(BesideTest, SecondProgramWasThereFirst) {
  const SecondProgram second(lab_.server(), kDevice, SecondProgram::kBeforeBmcd);
  ASSERT_EQ(names_behind_dispatcher(), std::vector<std::string>{SecondProgram::kName});
  const Traces before = look();
  ASSERT_NO_FATAL_FAILURE(start_both());
  expect_everything_attached();
  EXPECT_EQ(names_behind_dispatcher(), (std::vector<std::string>{SecondProgram::kName, "cache_get"}));

  set("k", "first");
  ASSERT_TRUE(becomes_served("k", "first", kLimitMs)) << status();
  EXPECT_GT(stat("kernel_fills"), 0u);
  std::uint64_t seen = second.seen();
  expect_hits_while_frozen("k", "first", 10);
  EXPECT_EQ(second.seen(), seen + 10) << "it runs before bmcd's program and sees the hits too";

  for (const char* value : {"second", "third"}) {
    set("k", value);
    EXPECT_EQ(ask("k", kLimitMs), hit("k", value));
    ASSERT_TRUE(becomes_served("k", value, kLimitMs)) << status();
    expect_hits_while_frozen("k", value, 1);
  }

  detach();
  const Traces after = look();
  EXPECT_TRUE(after == before) << "before:\n" << shown(before) << "after:\n" << shown(after);
  seen = second.seen();
  EXPECT_EQ(ask("k", kLimitMs), hit("k", "third"));
  EXPECT_EQ(second.seen(), seen + 1) << "detaching bmcd took the other program along";
}

TEST_F(BesideTest, SecondProgramComesLaterAndGoes) {
  const Traces before = look();
  ASSERT_NO_FATAL_FAILURE(start_both());
  EXPECT_EQ(names_behind_dispatcher(), std::vector<std::string>{"cache_get"});
  set("k", "first");
  ASSERT_TRUE(becomes_served("k", "first", kLimitMs)) << status();
  {
    SecondProgram second(lab_.server(), kDevice, SecondProgram::kBehindBmcd);
    ASSERT_EQ(names_behind_dispatcher(), (std::vector<std::string>{"cache_get", SecondProgram::kName}));
    expect_everything_attached();
    expect_hits_while_frozen("k", "first", 10);
    EXPECT_EQ(second.seen(), 0u) << "what bmcd's program answers goes no further";
    EXPECT_EQ(ask("nothing", kLimitMs), "END\r\n");
    EXPECT_EQ(second.seen(), 1u) << "what it does not answer goes to the next program";
    set("k", "second");
    EXPECT_EQ(ask("k", kLimitMs), hit("k", "second"));
    ASSERT_TRUE(becomes_served("k", "second", kLimitMs)) << status();
    second.unload();
  }
  expect_everything_attached();
  expect_hits_while_frozen("k", "second", 1);
  detach();
  const Traces after = look();
  EXPECT_TRUE(after == before) << "before:\n" << shown(before) << "after:\n" << shown(after);
  EXPECT_EQ(ask("k", kLimitMs), hit("k", "second"));
}

// The program of both apps is one extension behind the dispatcher, as the cache's own is.
TEST_F(BesideTest, AReplicaIsHelpedToo) {
  constexpr std::uint16_t kPort = 7000;
  const Endpoint leader = lab_.link().far(false, kPort), backup = lab_.link().server(false, kPort);
  const SecondProgram second(lab_.server(), kDevice, SecondProgram::kBeforeBmcd);
  ASSERT_NO_FATAL_FAILURE(start_both({"--paxos-allow", "uid=65534,ports=7000-7000"}));
  EXPECT_EQ(names_behind_dispatcher(), (std::vector<std::string>{SecondProgram::kName, "cache_and_paxos"}));
  set("k", "v");
  ASSERT_TRUE(becomes_served("k", "v", kLimitMs)) << status() << bmcd_->process().output();
  fast::Member member(lab_.server(), {{"10.99.0.77", kPort}, leader, backup}, paxos::test::kBackup);
  member.join(bmcd_->paxos_socket());
  fast::PrepareStream prepares(lab_.client(), leader, backup, member);
  EXPECT_TRUE(prepares.wait_delivered(10, Deadline::in_ms(kLimitMs)));
  prepares.arm();
  EXPECT_TRUE(prepares.wait_acknowledged(10, Deadline::in_ms(kLimitMs)));
  expect_hits_while_frozen("k", "v", 10);
  EXPECT_TRUE(prepares.wait_acknowledged(10, Deadline::in_ms(kLimitMs)));
  prepares.stop();
  EXPECT_EQ(prepares.lost(), 0u);
  detach();
}

}  // namespace
}  // namespace bmc::lab
