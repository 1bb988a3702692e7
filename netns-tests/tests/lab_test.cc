// SPDX-License-Identifier: Apache-2.0
// The harness itself: namespaces, processes, memcached, the clients. Run by ctest, label netns.
#include "netns-tests/lib/lab.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include "netns-tests/lib/binary_protocol.h"
#include "netns-tests/lib/lab_error.h"
#include "netns-tests/lib/memcached.h"
#include "netns-tests/lib/udp_client.h"

namespace bmc::lab {
namespace {

TEST(Process, CapturesOutputAndExitCode) {
  const CommandResult result = run_command({"sh", "-c", "echo out; echo err >&2; exit 3"});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(result.output, "out\nerr\n");
}

TEST(Process, MissingCommandIsAnErrorAndSaysWhich) {
  EXPECT_EQ(run_command({"/no/such/command"}).exit_code, 127);
  EXPECT_THROW(run_checked({"false"}), LabError);
}

TEST(Process, WaitsForALineAndNotForOneThatNeverComes) {
  Process process({.argv = {"sh", "-c", "echo ready; exec sleep 100"}});
  EXPECT_TRUE(process.wait_for_output("ready", Deadline::in_ms(5000)));
  EXPECT_FALSE(process.wait_for_output("never", Deadline::in_ms(20)));
  EXPECT_TRUE(process.running());
  process.kill_hard();
  const auto status = process.wait_exit(Deadline::in_ms(0));
  ASSERT_TRUE(status);
  EXPECT_EQ(WTERMSIG(*status), SIGKILL);
}

TEST(Process, CanTakeOverAPid) {
  Process first({.argv = {"sleep", "100"}});
  const pid_t pid = first.pid();
  first.kill_hard();
  Process second({.argv = {"sleep", "100"}, .pid = pid});
  EXPECT_EQ(second.pid(), pid);
}

TEST(Netns, RemovesWhatADeadOwnerLeft) {
  const CommandResult dead = run_command({"sh", "-c", "echo $$"});
  const std::string stale = "bmc-t-" + std::to_string(std::stoi(dead.output)) + "-0-stale";
  run_checked({"ip", "netns", "add", stale});
  sweep_stale_namespaces();
  EXPECT_EQ(run_checked({"ip", "netns", "list"}).find(stale), std::string::npos);
}

TEST(Netns, LeavesTheLiving) {
  const Netns living("living");
  sweep_stale_namespaces();
  EXPECT_NE(run_checked({"ip", "netns", "list"}).find(living.name()), std::string::npos);
}

class LabTest : public testing::TestWithParam<bool> {
 protected:
  Endpoint server() { return lab_.link().server(GetParam()); }
  Lab lab_;
  Memcached memcached_{lab_.server()};
};
INSTANTIATE_TEST_SUITE_P(Families, LabTest, testing::Bool(),
                         [](const auto& family) { return family.param ? "v6" : "v4"; });

TEST_P(LabTest, TcpAndUdpReachMemcached) {
  TcpClient tcp(lab_.client(), server());
  EXPECT_EQ(tcp.command("set k 7 0 5\r\nhello\r\n"), "STORED\r\n");
  EXPECT_EQ(tcp.get("get k\r\n"), "VALUE k 7 5\r\nhello\r\nEND\r\n");
  UdpClient udp(lab_.client(), server());
  EXPECT_EQ(udp.request("get k\r\n"), "VALUE k 7 5\r\nhello\r\nEND\r\n");
  EXPECT_EQ(udp.request("get other\r\n"), "END\r\n");
}

TEST_P(LabTest, LargeUdpReplyIsSeveralNumberedDatagrams) {
  TcpClient tcp(lab_.client(), server());
  ASSERT_EQ(tcp.command("set big 0 0 3000\r\n" + std::string(3000, 'x') + "\r\n"), "STORED\r\n");
  UdpClient udp(lab_.client(), server());
  ASSERT_TRUE(udp.send(9, "get big\r\n"));
  const auto first = udp.receive(Deadline::in_ms(1000));
  ASSERT_TRUE(first);
  EXPECT_EQ(first->id, 9);
  EXPECT_EQ(first->total, 3);
}

TEST_P(LabTest, CutRequestsArriveAsOneSegmentEach) {
  TcpClient tcp(lab_.client(), server());
  const std::string command = "set k 0 0 5\r\nhello\r\n";
  std::vector<size_t> cuts;
  for (size_t at = 1; at < command.size(); ++at) cuts.push_back(at);
  const uint64_t before = std::stoull(memcached_.stat("bytes_read"));
  ASSERT_TRUE(tcp.send_cut(command, cuts, CutMode::kAcknowledged));
  EXPECT_EQ(tcp.read_line(), "STORED\r\n");
  EXPECT_GE(std::stoull(memcached_.stat("bytes_read")), before + command.size());
}

TEST_P(LabTest, BinaryProtocol) {
  TcpClient tcp(lab_.client(), server());
  ASSERT_TRUE(
      tcp.send(encode({.op = BinaryOp::kSet, .extras = store_extras(5, 0), .key = "b", .value = "v"}) +
               encode({.op = BinaryOp::kGetK, .key = "b", .opaque = 77})));
  const auto stored = read_response(tcp);
  ASSERT_TRUE(stored);
  EXPECT_EQ(stored->status, 0);
  const auto got = read_response(tcp);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->opaque, 77u);
  EXPECT_EQ(got->cas, stored->cas);
  EXPECT_EQ(got->body, big_endian32(5) + "bv");
}

TEST_P(LabTest, FreezeHoldsRepliesAndThawReleasesThem) {
  UdpClient udp(lab_.client(), server());
  memcached_.freeze();
  EXPECT_FALSE(udp.request("version\r\n", 50));
  memcached_.thaw();
  EXPECT_TRUE(udp.request("version\r\n", 5000));
}

TEST_P(LabTest, RestartUnderTheSamePidForgetsItems) {
  TcpClient before(lab_.client(), server());
  ASSERT_EQ(before.command("set k 0 0 1\r\nx\r\n"), "STORED\r\n");
  const pid_t pid = memcached_.pid();
  memcached_.kill_hard();
  EXPECT_TRUE(before.wait_end(Deadline::in_ms(5000)));
  EXPECT_FALSE(TcpClient::try_connect(lab_.client(), server(), 200));
  memcached_.start_again(true);
  EXPECT_EQ(memcached_.pid(), pid);
  TcpClient after(lab_.client(), server());
  EXPECT_EQ(after.get("get k\r\n"), "END\r\n");
}

TEST_P(LabTest, KnowsWhichConnectionsMemcachedStillHolds) {
  TcpClient tcp(lab_.client(), server());
  ASSERT_TRUE(tcp.command("version\r\n"));
  const uint16_t port = tcp.local_port();
  EXPECT_TRUE(memcached_.has_connection_from(port));
  tcp.reset();
  EXPECT_TRUE(eventually(Deadline::in_ms(5000), [&] { return !memcached_.has_connection_from(port); }));
}

TEST(Lab, ASecondInterfaceAddedLaterReachesTheSameMemcached) {
  Lab lab;
  const Memcached memcached(lab.server());
  TcpClient first(lab.client(), lab.link().server());
  ASSERT_EQ(first.command("set k 0 0 1\r\nx\r\n"), "STORED\r\n");
  const Link later = lab.add_link();
  TcpClient second(lab.client(), later.server());
  EXPECT_EQ(second.get("get k\r\n"), "VALUE k 0 1\r\nx\r\nEND\r\n");
}

}  // namespace
}  // namespace bmc::lab
