// SPDX-License-Identifier: Apache-2.0
// A replica in small: an unprivileged process that joins bmcd, arms its gate as a backup and says on stdout
// what happens. Run by host_test; it needs no library of ours beyond the gate.
//
//   paxos-joiner SOCKET UID GID OWN_IP PORT LEADER_IP
#include <arpa/inet.h>
#include <grp.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>

#include "apps/paxos/abi/broadcast_abi.h"
#include "apps/paxos/fastpath/tests/fixture.h"
#include "apps/paxos/host/tests/join_client.h"
#include "netns-tests/lib/clock.h"

namespace {

using namespace bmc::paxos;
using host::test::JoinClient;

void say(const std::string& line) {
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

// For good, and with it every capability.
bool become(const char* uid, const char* gid) {
  return ::setgroups(0, nullptr) == 0 && ::setgid(static_cast<gid_t>(std::atoi(gid))) == 0 &&
         ::setuid(static_cast<uid_t>(std::atoi(uid))) == 0;
}

bool may_use_bpf() {
  bpf_attr next = {};
  return ::syscall(SYS_bpf, BPF_MAP_GET_NEXT_ID, &next, sizeof next) == 0 || errno != EPERM;
}

// To the leader and to nobody else; needs the mark that bmcd made and the group that it wrote.
void broadcast(int socket, int reports, const std::string& own_ip) {
  ip_mreqn where = {};
  inet_pton(AF_INET, own_ip.c_str(), &where.imr_address);
  sockaddr_in to = {};
  to.sin_family = AF_INET;
  to.sin_port = htons(4711);
  to.sin_addr.s_addr = htonl(BROADCAST_ADDRESS_V4 | 1u << 1);
  ::setsockopt(socket, IPPROTO_IP, IP_MULTICAST_IF, &where, sizeof where);
  const std::string text = "this is for all";
  const bool sent =
      ::sendto(socket, text.data(), text.size(), 0, reinterpret_cast<sockaddr*>(&to), sizeof to) > 0;
  const bool writable = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, reports, 0) != MAP_FAILED;
  const void* memory = ::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, reports, 0);
  if (memory == MAP_FAILED) return say("the reports cannot be mapped");
  std::uint64_t delivered = 0;
  for (int i = 0; i < int{BROADCAST_GROUPS_MAX}; i++) {
    const std::uint64_t word = static_cast<const broadcast_report*>(memory)[i].word;
    delivered += broadcast_report_token(word) == 4711 && broadcast_report_undelivered(word) == 0;
  }
  say(std::string("broadcast") + (sent ? " sent" : " refused") + (writable ? " writable" : "") +
      " delivered " + std::to_string(delivered));
}

class Replica {
 public:
  Replica(paxos_group& memory, const paxos_address& leader) : memory_(memory) {
    world_.cells = &memory.cells;
    world_.slots = memory.slot;
    world_.slot_count = PAXOS_SLOTS;
    BackupTerm term = test::backup_term();
    term.leader_address = leader;
    gate_.discard();
    show_alive();
    gate_.arm(term);
    say("armed");
  }

  // Until the connection ends and this process freezes by itself.
  void run(JoinClient& bmcd) {
    for (bool was_armed = true;; was_armed = gate_.is_armed()) {
      pollfd entry{bmcd.get(), POLLIN, 0};
      if (::poll(&entry, 1, 5) == 1) {
        const auto answer = bmcd.receive();
        if (!answer) return end();
        say("offloads " + std::to_string(answer->reply.offloads));
      }
      show_alive();
      for (const std::string& message : gate_.take()) say("took " + message.substr(PAXOS_HEADER_BYTES));
      if (was_armed && !gate_.is_armed()) say("frozen");
    }
  }

 private:
  void end() {
    say(std::string("bmcd has ended, ") + (gate_.is_armed() ? "armed" : "frozen"));
    gate_.freeze();
    for (;;) ::pause();
  }
  void show_alive() { gate_.show_alive(static_cast<std::uint64_t>(bmc::lab::now_ns())); }

  paxos_group& memory_;
  fast_world world_{};
  BackupGate gate_{world_};
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) return 2;
  const std::string own_ip = argv[4], leader_ip = argv[6];
  auto port = static_cast<std::uint16_t>(std::atoi(argv[5]));
  if (!become(argv[2], argv[3])) return 2;
  if (may_use_bpf()) say("this process may use bpf()");
  const bmc::Fd socket = host::test::udp_socket(own_ip, port);
  const paxos_address leader = host::test::address_of(leader_ip, port);
  JoinClient bmcd(argv[1]);
  bmcd.send(host::test::request_of({host::test::address_of(own_ip, port), leader, leader}), {socket.get()});
  const auto answer = bmcd.receive();
  if (!answer) return say("no answer"), 1;
  if (answer->reply.error != 0) {
    say("refused " + std::to_string(answer->reply.error) + ": " + answer->text());
    return 1;
  }
  say("granted offloads " + std::to_string(answer->reply.offloads) + " descriptors " +
      std::to_string(answer->descriptors.size()));
  if (answer->descriptors.size() == 3) broadcast(socket.get(), answer->descriptors[2].get(), own_ip);
  void* memory = ::mmap(nullptr, sizeof(paxos_group), PROT_READ | PROT_WRITE, MAP_SHARED,
                        answer->descriptors[0].get(), 0);
  if (memory == MAP_FAILED) return say("the group cannot be mapped"), 1;
  Replica(*static_cast<paxos_group*>(memory), leader).run(bmcd);
}
