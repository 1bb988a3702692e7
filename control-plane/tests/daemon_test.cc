// SPDX-License-Identifier: Apache-2.0
// The daemon as a process: systemd's protocol, signals, kill -9, restart, detach, capabilities, bmcctl.
#include <cap-ng.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "control-plane/control_client.h"
#include "control-plane/host_facts.h"
#include "control-plane/removal.h"
#include "control-plane/tests/network.h"

namespace bmc {
namespace {

// A program with arguments, its output collected; ended with SIGKILL at the latest when this object goes.
class Process {
 public:
  // `prepare` runs in the child before the program.
  explicit Process(std::vector<std::string> words, const std::map<std::string, std::string>& environment = {},
                   const std::function<void()>& prepare = {}) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) std::abort();
    pid_ = ::fork();
    if (pid_ < 0) std::abort();
    if (pid_ == 0) {
      ::dup2(ends[1], STDOUT_FILENO);
      ::dup2(ends[1], STDERR_FILENO);
      for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
      if (prepare) prepare();
      std::vector<char*> argv;
      for (std::string& word : words) argv.push_back(word.data());
      argv.push_back(nullptr);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    ::close(ends[1]);
    output_ = Fd(ends[0]);
  }
  ~Process() {
    if (pid_ > 0) end(SIGKILL);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }
  void send(int signal) {
    if (pid_ > 0) ::kill(pid_, signal);  // never -1, which is everybody
  }

  // The status as of waitpid() and, in text(), all it said.
  int wait() {
    char buffer[4096];
    for (ssize_t got; (got = ::read(output_.get(), buffer, sizeof buffer)) > 0;)
      text_.append(buffer, static_cast<std::size_t>(got));
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return status;
  }
  int end(int signal) {
    send(signal);
    return wait();
  }
  const std::string& text() const { return text_; }

 private:
  pid_t pid_;
  Fd output_;
  std::string text_;
};

// systemd's end of sd_notify(): reads all the time, as systemd does.
class NotifySocket {
 public:
  explicit NotifySocket(const std::string& path)
      : path_(path), socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::snprintf(address.sun_path, sizeof address.sun_path, "%s", path.c_str());
    if (::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) std::abort();
    reader_ = std::thread([this] { read(); });
  }
  ~NotifySocket() {
    ::shutdown(socket_.get(), SHUT_RDWR);
    reader_.join();
    ::unlink(path_.c_str());
  }
  const std::string& path() const { return path_; }

  // Waits for a message that begins so, and takes it; false after ten seconds without.
  bool hears(const std::string& beginning) {
    std::unique_lock lock(mutex_);
    return came_.wait_for(lock, std::chrono::seconds(10), [&] {
      const auto found = std::find_if(messages_.begin(), messages_.end(),
                                      [&](const std::string& each) { return each.rfind(beginning, 0) == 0; });
      if (found == messages_.end()) return false;
      messages_.erase(messages_.begin(), found + 1);
      return true;
    });
  }

 private:
  void read() {
    char message[512];
    for (ssize_t got; (got = ::recv(socket_.get(), message, sizeof message, 0)) > 0;) {
      const std::lock_guard lock(mutex_);
      messages_.emplace_back(message, static_cast<std::size_t>(got));
      came_.notify_all();
    }
  }

  std::string path_;
  Fd socket_;
  std::thread reader_;
  std::mutex mutex_;
  std::condition_variable came_;
  std::vector<std::string> messages_;  // under mutex_
};

std::uint32_t attached_xdp(const Interface& interface) { return interface_facts(interface.name).xdp_program; }

class DaemonTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { test::enter_own_network(); }

  static std::string make_base() {
    const std::string base = "/tmp/bmc-t-daemon-" + std::to_string(::getpid());
    ::mkdir(base.c_str(), 0700);
    return base;
  }

  ~DaemonTest() override {
    (void)remove_everything(pins_.path());
    std::filesystem::remove_all(base_);
  }

  std::vector<std::string> arguments(std::vector<std::string> further = {}) {
    std::vector<std::string> all = {BMC_COUNTING_DAEMON, "--iface", "left",      "--pin", pins_.path(),
                                    "--control",         control_,  "--metrics", "off"};
    all.insert(all.end(), further.begin(), further.end());
    return all;
  }

  // A daemon that has said READY.
  std::unique_ptr<Process> started(std::map<std::string, std::string> environment = {},
                                   const std::function<void()>& prepare = {},
                                   const std::vector<std::string>& further = {}) {
    environment["NOTIFY_SOCKET"] = notify_.path();
    auto daemon = std::make_unique<Process>(arguments(further), environment, prepare);
    if (notify_.hears("READY=1")) return daemon;
    daemon->end(SIGKILL);
    ADD_FAILURE() << daemon->text();
    return nullptr;
  }

  control::Response ask(const control::Request& request) {
    auto client = ControlClient::connect(control_);
    if (!client) {
      ADD_FAILURE() << client.error().what;
      return {};
    }
    auto response = client->ask(request);
    if (!response) ADD_FAILURE() << response.error().what;
    return response ? *response : control::Response();
  }

  control::StatusReply status() {
    control::Request request;
    request.mutable_status();
    return ask(request).status();
  }

  std::uint64_t counted() {
    control::Request request;
    request.mutable_stats();
    const auto response = ask(request);
    return response.stats().stats_size() == 0 ? 0 : std::stoull(response.stats().stats(0).value());
  }

  bool counts_up_to(std::uint64_t wanted) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (counted() != wanted)
      if (std::chrono::steady_clock::now() > limit) return false;
    return true;
  }

  test::PinDirectory pins_;
  std::string base_ = make_base();
  std::string control_ = base_ + "/control.sock";
  NotifySocket notify_{base_ + "/notify"};
};

TEST_F(DaemonTest, RunsTellsSystemdAndEndsInOrder) {
  test::VethPair veth("left", "right");
  auto daemon = started({{"WATCHDOG_USEC", "300000"}});
  ASSERT_TRUE(daemon);
  EXPECT_TRUE(notify_.hears("WATCHDOG=1"));
  EXPECT_TRUE(notify_.hears("WATCHDOG=1"));
  EXPECT_TRUE(notify_.hears("STATUS=counting"));
  const auto now = status();
  EXPECT_EQ(now.pid(), static_cast<std::uint32_t>(daemon->pid()));
  EXPECT_FALSE(now.version().empty());
  EXPECT_EQ(now.summary(), "counting");
  test::FrameSocket right(veth.right());
  for (int i = 0; i < 10; ++i) right.send();
  EXPECT_TRUE(counts_up_to(10));
  const auto begin = std::chrono::steady_clock::now();
  daemon->send(SIGTERM);
  EXPECT_TRUE(notify_.hears("STOPPING=1"));
  EXPECT_EQ(daemon->wait(), 0) << daemon->text();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(1));
  EXPECT_NE(daemon->text().find("application stopped"), std::string::npos) << daemon->text();
  // The programs stay for the next one; the socket does not.
  EXPECT_NE(attached_xdp(veth.left()), 0u);
  struct stat status = {};
  EXPECT_NE(::lstat(control_.c_str(), &status), 0);
}

TEST_F(DaemonTest, RestartAndKillKeepProgramsAndCounts) {
  test::VethPair veth("left", "right");
  test::FrameSocket right(veth.right()), left(veth.left());
  std::uint64_t sent = 0;
  std::uint32_t program = 0;
  for (const int signal : {SIGTERM, SIGKILL, SIGINT, SIGKILL}) {
    auto daemon = started();
    ASSERT_TRUE(daemon);
    const auto now = status();
    if (program != 0) {
      EXPECT_EQ(now.attachments(0).program_id(), program);
      EXPECT_NE(now.attachments(0).how().find("kept"), std::string::npos);
      EXPECT_EQ(now.summary(), "counting on");
    }
    program = now.attachments(0).program_id();
    right.send();
    EXPECT_TRUE(counts_up_to(++sent));
    daemon->end(signal);
    right.send();  // counted with nobody there
    ++sent;
  }
  EXPECT_EQ(left.received_now(), 0);
  auto last = started();
  ASSERT_TRUE(last);
  EXPECT_TRUE(counts_up_to(sent));
}

TEST_F(DaemonTest, AnswersForSeveralApplicationsAndRemovesWhatIsNoLongerWanted) {
  test::VethPair veth("left", "right");
  auto daemon = started({}, {}, {"--mode", "shadow"});
  ASSERT_TRUE(daemon);
  const auto both = status();
  EXPECT_EQ(both.summary(), "counting; greeting");
  EXPECT_EQ(both.attachments_size(), 1);
  EXPECT_EQ(both.fields_size(), 1);
  control::Request request;
  request.mutable_stats();
  EXPECT_EQ(ask(request).stats().stats_size(), 2) << "of the one that knows it";
  request.mutable_paxos();
  EXPECT_EQ(ask(request).paxos().members(0).address(), "hello");
  request.mutable_top();
  EXPECT_EQ(ask(request).code(), static_cast<std::uint32_t>(ENOTSUP));
  EXPECT_EQ(daemon->end(SIGTERM), 0);
  const std::string text = daemon->text();
  EXPECT_LT(text.find("greeting stopped"), text.find("application stopped")) << "last begun, first ended\n"
                                                                             << text;
  struct stat present = {};
  const std::string folder = pins_.path() + "/greeting";
  EXPECT_EQ(::stat(folder.c_str(), &present), 0);
  daemon = started();
  ASSERT_TRUE(daemon);
  EXPECT_NE(::stat(folder.c_str(), &present), 0);
  EXPECT_EQ(status().summary(), "counting on");
  EXPECT_EQ(ask(request).code(), static_cast<std::uint32_t>(ENOTSUP));
}

TEST_F(DaemonTest, DetachWithoutADaemon) {
  test::VethPair veth("left", "right");
  auto daemon = started();
  ASSERT_TRUE(daemon);
  Process refused(arguments({"--detach"}));
  EXPECT_EQ(WEXITSTATUS(refused.wait()), 1);
  EXPECT_NE(refused.text().find("bmcctl detach"), std::string::npos) << refused.text();
  EXPECT_NE(attached_xdp(veth.left()), 0u);
  daemon->end(SIGKILL);
  Process detach(arguments({"--detach"}));
  EXPECT_EQ(detach.wait(), 0) << detach.text();
  EXPECT_NE(detach.text().find("removed XDP program from left"), std::string::npos) << detach.text();
  EXPECT_EQ(attached_xdp(veth.left()), 0u);
  Process again(arguments({"--detach"}));
  EXPECT_EQ(again.wait(), 0);
  EXPECT_NE(again.text().find("nothing was attached"), std::string::npos);
}

TEST_F(DaemonTest, InterfaceThatComesBackIsAttachedAgain) {
  std::unique_ptr<Process> daemon;
  {
    test::VethPair veth("left", "right");
    daemon = started();
    ASSERT_TRUE(daemon);
  }
  test::VethPair veth("left", "right");
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (attached_xdp(veth.left()) == 0) ASSERT_LT(std::chrono::steady_clock::now(), limit);
  test::FrameSocket(veth.right()).send();
  EXPECT_TRUE(counts_up_to(1));
}

TEST_F(DaemonTest, KeepsOnlyItsCapabilities) {
  test::VethPair veth("left", "right");
  auto daemon = started();
  ASSERT_TRUE(daemon);
  std::ifstream file("/proc/" + std::to_string(daemon->pid()) + "/status");
  const std::uint64_t allowed = 1ull << CAP_BPF | 1ull << CAP_NET_ADMIN | 1ull << CAP_PERFMON;
  int checked = 0;
  for (std::string name, value; file >> name;) {
    if (name != "CapPrm:" && name != "CapEff:" && name != "CapBnd:" && name != "NoNewPrivs:") continue;
    file >> value;
    ++checked;
    if (name == "NoNewPrivs:") {
      EXPECT_EQ(value, "1");
    } else {
      EXPECT_EQ(std::stoull(value, nullptr, 16) & ~allowed, 0u) << name << value;
      EXPECT_NE(std::stoull(value, nullptr, 16), 0u) << name;
    }
  }
  EXPECT_EQ(checked, 4);
}

// All its threads: none wakes up in front of who receives packets.
TEST_F(DaemonTest, RunsInTheBackground) {
  test::VethPair veth("left", "right");
  auto daemon = started();
  ASSERT_TRUE(daemon);
  int threads = 0;
  for (const auto& thread :
       std::filesystem::directory_iterator("/proc/" + std::to_string(daemon->pid()) + "/task")) {
    EXPECT_EQ(::sched_getscheduler(std::stoi(thread.path().filename())), SCHED_BATCH);
    ++threads;
  }
  EXPECT_GE(threads, 1);
}

TEST_F(DaemonTest, LeavesAnotherPolicyAsItIs) {
  test::VethPair veth("left", "right");
  const auto daemon = started({}, [] {
    const sched_param none{};
    if (::sched_setscheduler(0, SCHED_IDLE, &none) != 0) std::abort();
  });
  ASSERT_TRUE(daemon);
  EXPECT_EQ(::sched_getscheduler(daemon->pid()), SCHED_IDLE);
}

// As deploy/systemd/bmcd.service starts it.
void keep_the_services_capabilities() {
  capng_clear(CAPNG_SELECT_BOTH);
  capng_updatev(CAPNG_ADD, static_cast<capng_type_t>(CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET),
                CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON, -1);
  if (capng_apply(CAPNG_SELECT_BOTH) != 0) std::abort();
}

TEST_F(DaemonTest, TheServicesCapabilitiesAreEnoughForAWholeLife) {
  test::VethPair veth("left", "right");
  test::FrameSocket right(veth.right());
  std::uint32_t program = 0;
  {
    auto first = started({}, keep_the_services_capabilities);
    ASSERT_TRUE(first);
    program = status().attachments(0).program_id();
    right.send();
    EXPECT_TRUE(counts_up_to(1));
    first->end(SIGKILL);
  }
  auto second = started({}, keep_the_services_capabilities);
  ASSERT_TRUE(second);
  EXPECT_EQ(this->status().attachments(0).program_id(), program);
  EXPECT_TRUE(counts_up_to(1));
  control::Request request;
  request.mutable_detach();
  const auto response = ask(request);
  EXPECT_EQ(response.detach().removed_size(), 3) << response.DebugString();
  EXPECT_EQ(response.detach().remaining(), "");
  EXPECT_EQ(second->wait(), 0) << second->text();
  EXPECT_EQ(attached_xdp(veth.left()), 0u);
  struct stat status = {};
  EXPECT_NE(::stat(pins_.path().c_str(), &status), 0);
}

// The negative twin.
TEST_F(DaemonTest, WithoutThemTheErrorNamesThem) {
  test::VethPair veth("left", "right");
  Process daemon(arguments(), {}, [] {
    capng_clear(CAPNG_SELECT_BOTH);
    if (capng_apply(CAPNG_SELECT_BOTH) != 0) std::abort();
  });
  EXPECT_EQ(WEXITSTATUS(daemon.wait()), 1);
  EXPECT_NE(daemon.text().find("CAP_BPF"), std::string::npos) << daemon.text();
}

TEST_F(DaemonTest, SecondDaemonIsRefused) {
  test::VethPair veth("left", "right");
  auto daemon = started();
  ASSERT_TRUE(daemon);
  Process second(arguments());
  EXPECT_EQ(WEXITSTATUS(second.wait()), 1);
  EXPECT_NE(second.text().find("another bmcd"), std::string::npos) << second.text();
  // And did not harm the first: its socket still answers.
  EXPECT_EQ(status().pid(), static_cast<std::uint32_t>(daemon->pid()));
}

TEST_F(DaemonTest, ErrorsEndItWithTheirStatus) {
  Process usage({BMC_COUNTING_DAEMON, "--ifacee", "left"});
  EXPECT_EQ(WEXITSTATUS(usage.wait()), 2);
  EXPECT_NE(usage.text().find("did you mean --iface?"), std::string::npos) << usage.text();
  Process missing(arguments());
  EXPECT_EQ(WEXITSTATUS(missing.wait()), 1);
  EXPECT_NE(missing.text().find("no interface left"), std::string::npos) << missing.text();
  Process good(arguments({"--check-config"}));
  EXPECT_EQ(good.wait(), 0);
}

TEST_F(DaemonTest, LinesForTheJournalCarryTheirPriority) {
  // As systemd tells a service that its stderr is the journal's.
  Process journal(arguments(), {}, [] {
    struct stat status = {};
    if (::fstat(STDERR_FILENO, &status) != 0) std::abort();
    const std::string stream = std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
    ::setenv("JOURNAL_STREAM", stream.c_str(), 1);
  });
  journal.wait();
  EXPECT_EQ(journal.text().rfind("<3>no interface left", 0), 0u) << journal.text();
  Process terminal(arguments(), {{"JOURNAL_STREAM", "1:2"}});
  terminal.wait();
  EXPECT_NE(terminal.text().find(" bmcd error: no interface left"), std::string::npos) << terminal.text();
}

TEST_F(DaemonTest, BmcctlSpeaksForIt) {
  Process nobody({BMC_BMCCTL, "--control", control_, "status"});
  EXPECT_EQ(WEXITSTATUS(nobody.wait()), 3);
  EXPECT_NE(nobody.text().find("bmcd is not running"), std::string::npos);
  Process usage({BMC_BMCCTL, "--control", control_, "invalidate"});
  EXPECT_EQ(WEXITSTATUS(usage.wait()), 2);

  test::VethPair veth("left", "right");
  auto daemon = started();
  ASSERT_TRUE(daemon);
  Process status({BMC_BMCCTL, "--control", control_, "status"});
  EXPECT_EQ(status.wait(), 0) << status.text();
  EXPECT_NE(status.text().find("mode serve"), std::string::npos) << status.text();
  Process stats({BMC_BMCCTL, "--control", control_, "stats"});
  EXPECT_EQ(stats.wait(), 0);
  EXPECT_EQ(stats.text(), "STAT xdp 0\nSTAT egress 0\nEND\n");
  Process unknown({BMC_BMCCTL, "--control", control_, "get", "k"});
  EXPECT_EQ(WEXITSTATUS(unknown.wait()), 1);
  EXPECT_NE(unknown.text().find("a counter knows only"), std::string::npos);
  Process probe({BMC_BMCCTL, "--control", control_, "probe", "--json"});
  EXPECT_EQ(probe.wait(), 0) << probe.text();
  EXPECT_NE(probe.text().find("\"subject\":\"left: driver\""), std::string::npos) << probe.text();
  // Its own program is no obstacle to it.
  EXPECT_EQ(probe.text().find("MISSING"), std::string::npos) << probe.text();
  Process detach({BMC_BMCCTL, "--control", control_, "detach"});
  EXPECT_EQ(detach.wait(), 0);
  EXPECT_NE(detach.text().find("removed XDP program from left"), std::string::npos) << detach.text();
  EXPECT_EQ(daemon->wait(), 0);
}

}  // namespace
}  // namespace bmc
