// SPDX-License-Identifier: Apache-2.0
// See xsk_socket.h.
#include "loadgen/xsk_socket.h"

#include <sys/resource.h>
#include <sys/socket.h>

#include <chrono>
#include <cstdlib>
#include <thread>

namespace bmc::loadgen {
namespace {

// Half of the frames are for receiving, half for sending; each ring holds its half.
constexpr std::uint32_t kRing = 4096;
constexpr std::uint32_t kFrames = 2 * kRing;
constexpr std::size_t kPage = 4096;
constexpr std::uint32_t kReceiveBatch = 64;
constexpr std::uint32_t kKicks = 64;  // in copy mode a call sends some 32 frames

constexpr int kBindTries = 100;
constexpr auto kBindPause = std::chrono::milliseconds(10);

}  // namespace

XskSocket::XskSocket()
    : memory_(static_cast<std::uint8_t*>(std::aligned_alloc(kPage, std::size_t{kFrames} * kFrameBytes)),
              std::free) {}

Result<std::unique_ptr<XskSocket>> XskSocket::open(const std::string& interface, std::uint32_t queue) {
  std::unique_ptr<XskSocket> made(new XskSocket);
  if (made->memory_ == nullptr) return Error{ENOMEM, "no memory for AF_XDP"};
  // Kernels before 5.11 charge the memory to this limit.
  const rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
  (void)::setrlimit(RLIMIT_MEMLOCK, &unlimited);
  xsk_umem_config memory = {};
  memory.fill_size = memory.comp_size = kRing;
  memory.frame_size = kFrameBytes;
  int failed = xsk_umem__create(&made->umem_, made->memory_.get(), std::uint64_t{kFrames} * kFrameBytes,
                                &made->fill_, &made->done_, &memory);
  if (failed != 0) return errno_error("cannot register memory for AF_XDP (CAP_NET_RAW?)", failed);
  xsk_socket_config config = {};
  config.rx_size = config.tx_size = kRing;
  config.libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD;
  // The kernel gives a queue back some time after its last socket was closed.
  for (int attempt = 0; attempt < kBindTries; ++attempt) {
    failed = xsk_socket__create(&made->socket_, interface.c_str(), queue, made->umem_, &made->in_,
                                &made->out_, &config);
    if (failed != -EBUSY) break;
    std::this_thread::sleep_for(kBindPause);
  }
  if (failed != 0)
    return errno_error("cannot open an AF_XDP socket on queue " + std::to_string(queue) + " of " + interface,
                       failed);
  for (std::uint64_t frame = 0; frame < kRing; ++frame) {
    made->lend_to_kernel(frame * kFrameBytes);
    made->free_.push_back((kRing + frame) * kFrameBytes);
  }
  return made;
}

XskSocket::~XskSocket() {
  if (socket_ != nullptr) xsk_socket__delete(socket_);
  if (umem_ != nullptr) xsk_umem__delete(umem_);
}

// The ring holds all frames that there are for receiving: there is always place.
void XskSocket::lend_to_kernel(std::uint64_t address) {
  std::uint32_t at = 0;
  if (xsk_ring_prod__reserve(&fill_, 1, &at) != 1) return;
  *xsk_ring_prod__fill_addr(&fill_, at) = address;
  xsk_ring_prod__submit(&fill_, 1);
}

void XskSocket::reclaim() {
  std::uint32_t at = 0;
  const std::uint32_t count = xsk_ring_cons__peek(&done_, kRing, &at);
  for (std::uint32_t each = 0; each < count; ++each)
    free_.push_back(*xsk_ring_cons__comp_addr(&done_, at + each));
  xsk_ring_cons__release(&done_, count);
}

std::uint8_t* XskSocket::take_frame() {
  if (free_.empty()) reclaim();
  if (free_.empty()) return nullptr;
  return memory_.get() + free_.back();
}

void XskSocket::send(std::uint32_t size) {
  std::uint32_t at = 0;
  // As many places as frames for sending.
  if (xsk_ring_prod__reserve(&out_, 1, &at) != 1) return;
  xdp_desc* frame = xsk_ring_prod__tx_desc(&out_, at);
  frame->addr = free_.back();
  frame->len = size;
  free_.pop_back();
  queued_++;
}

// In copy mode each call takes some of what is there.
Result<void> XskSocket::flush() {
  if (queued_ > 0) xsk_ring_prod__submit(&out_, queued_);
  queued_ = 0;
  for (std::uint32_t kick = 0; kick < kKicks; ++kick) {
    if (__atomic_load_n(out_.consumer, __ATOMIC_ACQUIRE) == *out_.producer) break;
    if (::sendto(fd(), nullptr, 0, MSG_DONTWAIT, nullptr, 0) < 0 && errno != EAGAIN && errno != EBUSY &&
        errno != ENOBUFS && errno != EINTR)
      return errno_error("sending frames over AF_XDP");
  }
  reclaim();
  return {};
}

void XskSocket::receive(const std::function<void(std::span<const std::uint8_t>)>& take) {
  std::uint32_t at = 0;
  for (;;) {
    const std::uint32_t count = xsk_ring_cons__peek(&in_, kReceiveBatch, &at);
    if (count == 0) return;
    for (std::uint32_t each = 0; each < count; ++each) {
      const xdp_desc* frame = xsk_ring_cons__rx_desc(&in_, at + each);
      take({memory_.get() + frame->addr, frame->len});
      lend_to_kernel(frame->addr - frame->addr % kFrameBytes);
    }
    xsk_ring_cons__release(&in_, count);
  }
}

}  // namespace bmc::loadgen
