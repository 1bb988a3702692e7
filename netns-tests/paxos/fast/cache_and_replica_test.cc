// SPDX-License-Identifier: Apache-2.0
// One bmcd that accelerates a memcached and helps a replica, both at one interface: both are served at once,
// and neither notices when bmcd ends, is killed, or comes back with one of the two switched off. Run by
// ctest, label netns.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <net/if.h>
#include <netinet/in.h>

#include "apps/paxos/fastpath/tests/fixture.h"
#include "netns-tests/lib/lab_error.h"
#include "netns-tests/paxos/fast/prepare_stream.h"
#include "netns-tests/tests/accelerated.h"
#include "netns-tests/tests/steady_load.h"

namespace bmc::lab {
namespace {

using fast::Member;
using fast::PrepareStream;

constexpr std::uint16_t kPort = 7000;
constexpr std::int64_t kLimitMs = 10'000;

class CacheAndReplica : public Accelerated {
 protected:
  static std::vector<std::string> cache_alone() { return {"--revalidate-after", "0"}; }
  static std::vector<std::string> both() {
    return {"--revalidate-after", "0", "--paxos-allow", "uid=65534,ports=7000-7000"};
  }
  static std::vector<std::string> replica_alone() {
    auto options = both();
    options.insert(options.end(), {"--cache", "false"});
    return options;
  }

  void start_both() {
    start_memcached();
    start_bmcd({.extra = both()});
    store("k", "v");
    ASSERT_TRUE(becomes_served("k", "v"));
    member_.join(bmcd_->paxos_socket());
  }
  PrepareStream& prepares() {
    if (!prepares_) prepares_.emplace(lab_.client(), leader_, backup_, member_);
    return *prepares_;
  }
  bool acknowledges() { return prepares().wait_acknowledged(50, Deadline::in_ms(kLimitMs)); }
  bool passes() { return prepares().wait_delivered(50, Deadline::in_ms(kLimitMs)); }

  // Name of the XDP program at the interface; empty: there is none.
  std::string attached() {
    const ScopedNetns inside(lab_.server());
    std::uint32_t id = 0;
    const int index = static_cast<int>(::if_nametoindex("eth0"));
    if (bpf_xdp_query_id(index, 0, &id) != 0 || id == 0) return {};
    const Fd program(checked(bpf_prog_get_fd_by_id(id), "open the program"));
    bpf_prog_info info{};
    __u32 bytes = sizeof(info);
    checked(bpf_obj_get_info_by_fd(program.get(), &info, &bytes), "read about the program");
    return info.name;
  }

  const Endpoint backup_ = lab_.link().server(false, kPort);
  const Endpoint leader_ = lab_.link().far(false, kPort);
  // The third replica is nowhere.
  Member member_{lab_.server(), {{"10.99.0.77", kPort}, leader_, backup_}, paxos::test::kBackup};
  static_assert(paxos::test::kLeader == 1 && paxos::test::kBackup == 2);
  std::optional<PrepareStream> prepares_;
};

TEST_F(CacheAndReplica, HitsAndAcknowledgementsBothHappen) {
  ASSERT_NO_FATAL_FAILURE(start_both());
  EXPECT_EQ(attached(), "cache_and_paxos");
  EXPECT_TRUE(passes()) << "the twin: while the gate is frozen the process gets them";
  EXPECT_EQ(prepares().acknowledged(), 0u);
  prepares().arm();
  EXPECT_TRUE(acknowledges());
  const std::uint64_t delivered = prepares().delivered();
  SteadyLoad gets(lab_.client(), lab_.link().server(), "k", hit("k", "v"));
  const double hits = bmcd_->hits();
  EXPECT_TRUE(gets.wait_answered(500, Deadline::in_ms(kLimitMs)));
  EXPECT_TRUE(acknowledges());
  EXPECT_GE(bmcd_->hits(), hits + 500);
  EXPECT_TRUE(answered_while_frozen("k"));
  EXPECT_EQ(ask("other"), kMiss) << "memcached answers what the kernel does not have";
  EXPECT_EQ(prepares().delivered(), delivered) << "nothing came to the process";
  gets.stop();
  prepares().stop();
  EXPECT_EQ(gets.lost() + gets.wrong() + prepares().lost(), 0u);
}

TEST_F(CacheAndReplica, ARestartOfBmcdKeepsBoth) {
  ASSERT_NO_FATAL_FAILURE(start_both());
  prepares().arm();
  SteadyLoad gets(lab_.client(), lab_.link().server(), "k", hit("k", "v"));
  ASSERT_TRUE(acknowledges());
  ASSERT_TRUE(bmcd_->stop()) << bmcd_->process().output();
  EXPECT_TRUE(passes()) << "bmcd has frozen the gate";
  EXPECT_TRUE(gets.wait_answered(200, Deadline::in_ms(kLimitMs)));
  EXPECT_EQ(attached(), "cache_and_paxos");
  bmcd_->start_again();
  EXPECT_TRUE(passes());
  const double fills = bmcd_->packets("tc", "fill", "ok");
  prepares().rejoin(bmcd_->paxos_socket());
  EXPECT_TRUE(acknowledges());
  EXPECT_EQ(PAXOS_GENERATION(member_.cells().gate), 2u) << "it is the memory from before";
  EXPECT_TRUE(becomes_served("k", "v"));
  EXPECT_EQ(bmcd_->packets("tc", "fill", "ok"), fills) << "it is the cache from before";
  gets.stop();
  prepares().stop();
  EXPECT_EQ(gets.lost() + gets.wrong(), 0u);
  EXPECT_EQ(prepares().lost(), 0u);
}

TEST_F(CacheAndReplica, AKilledBmcdLosesNothing) {
  ASSERT_NO_FATAL_FAILURE(start_both());
  prepares().arm();
  SteadyLoad gets(lab_.client(), lab_.link().server(), "k", hit("k", "v"));
  ASSERT_TRUE(acknowledges());
  bmcd_->kill_hard();
  EXPECT_TRUE(acknowledges()) << "the replica lives, and says so";
  EXPECT_TRUE(gets.wait_answered(200, Deadline::in_ms(kLimitMs)));
  bmcd_->start_again();
  EXPECT_TRUE(passes()) << "who has not joined is not helped";
  prepares().rejoin(bmcd_->paxos_socket());
  EXPECT_TRUE(acknowledges());
  EXPECT_TRUE(becomes_served("k", "v"));
  gets.stop();
  prepares().stop();
  EXPECT_EQ(gets.lost() + gets.wrong(), 0u);
  EXPECT_EQ(prepares().lost(), 0u);
}

// Each program takes the place of the one before, in one step.
TEST_F(CacheAndReplica, OneOfTheTwoIsSwitchedOffAndOn) {
  ASSERT_NO_FATAL_FAILURE(start_both());
  prepares().arm();
  SteadyLoad gets(lab_.client(), lab_.link().server(), "k", hit("k", "v"));
  ASSERT_TRUE(acknowledges());
  const auto restart = [this](const std::vector<std::string>& options) {
    ASSERT_TRUE(bmcd_->stop()) << bmcd_->process().output();
    bmcd_->start_again(options);
  };
  ASSERT_NO_FATAL_FAILURE(restart(replica_alone()));
  EXPECT_EQ(attached(), "paxos_fast");
  prepares().rejoin(bmcd_->paxos_socket());
  EXPECT_TRUE(acknowledges());
  EXPECT_FALSE(answered_while_frozen("k"));
  ASSERT_NO_FATAL_FAILURE(restart(cache_alone()));
  EXPECT_EQ(attached(), "cache_get");
  EXPECT_TRUE(passes());
  EXPECT_TRUE(becomes_served("k", "v"));
  ASSERT_NO_FATAL_FAILURE(restart(both()));
  EXPECT_EQ(attached(), "cache_and_paxos");
  prepares().rejoin(bmcd_->paxos_socket());
  EXPECT_TRUE(acknowledges());
  EXPECT_TRUE(becomes_served("k", "v"));
  prepares().stop();
  gets.stop();
  EXPECT_EQ(prepares().lost(), 0u);
  EXPECT_EQ(gets.lost() + gets.wrong(), 0u);
}

TEST_F(CacheAndReplica, TheStreamNoticesWhatIsLost) {
  PrepareStream to_nobody(lab_.client(), leader_, lab_.link().server(false, kPort + 1), member_);
  EXPECT_TRUE(eventually(Deadline::in_ms(kLimitMs), [&] { return to_nobody.lost() > 0; }));
  to_nobody.stop();
  EXPECT_EQ(to_nobody.acknowledged() + to_nobody.delivered(), 0u);
}

}  // namespace
}  // namespace bmc::lab
