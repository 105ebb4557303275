#include "xdp_sender.h"

#include <net/ethernet.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <limits>
#include <thread>

#include "system_error.h"

namespace dropscope {
namespace {

using Clock = std::chrono::steady_clock;

// While a queue of the driver or the send buffer is full.
constexpr std::chrono::microseconds kPause{50};
constexpr std::chrono::seconds kPatience{5};

void set_option(int fd, int option, const void* value, socklen_t size) {
  if (setsockopt(fd, SOL_XDP, option, value, size) < 0) throw SystemError("setsockopt");
}

xdp_mmap_offsets ring_offsets(int fd) {
  xdp_mmap_offsets offsets{};
  socklen_t size = sizeof offsets;
  if (getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &size) < 0) {
    throw SystemError("getsockopt");
  }
  return offsets;
}

void register_memory(int fd, const Mapping& memory, size_t bytes) {
  xdp_umem_reg umem{};
  umem.addr = reinterpret_cast<uint64_t>(memory.data());
  umem.len = bytes;
  umem.chunk_size = XdpSender::kLongest;
  set_option(fd, XDP_UMEM_REG, &umem, sizeof umem);
}

}  // namespace

XdpSender::Ring::Ring(int fd, int size_option, uint64_t page, const xdp_ring_offset& offsets,
                      size_t item) {
  const uint32_t entries = kRingEntries;
  set_option(fd, size_option, &entries, sizeof entries);
  mapping_ = Mapping(offsets.desc + kRingEntries * item, MAP_SHARED | MAP_POPULATE, fd,
                     static_cast<off_t>(page));
  producer_ = reinterpret_cast<uint32_t*>(mapping_.data() + offsets.producer);
  consumer_ = reinterpret_cast<uint32_t*>(mapping_.data() + offsets.consumer);
  items_ = mapping_.data() + offsets.desc;
}

XdpSender::XdpSender(const NetworkNamespace& network_namespace, int ifindex, uint32_t queue)
    : gate_(network_namespace, ifindex),
      fd_(network_namespace.socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0)),
      memory_(kChunks * kLongest, MAP_PRIVATE | MAP_ANONYMOUS) {
  const int fd = fd_.get();
  register_memory(fd, memory_, kChunks * kLongest);
  const xdp_mmap_offsets offsets = ring_offsets(fd);
  fill_ = Ring(fd, XDP_UMEM_FILL_RING, XDP_UMEM_PGOFF_FILL_RING, offsets.fr, sizeof(uint64_t));
  completed_ = Ring(fd, XDP_UMEM_COMPLETION_RING, XDP_UMEM_PGOFF_COMPLETION_RING, offsets.cr,
                    sizeof(uint64_t));
  waiting_ = Ring(fd, XDP_TX_RING, XDP_PGOFF_TX_RING, offsets.tx, sizeof(xdp_desc));
  for (size_t i = 0; i < kChunks; ++i) free_.push_back(i * kLongest);
  const int most = std::numeric_limits<int>::max() / 2;
  if (setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &most, sizeof most) < 0) {
    throw SystemError("setsockopt");
  }
  sockaddr_xdp address{};
  address.sxdp_family = AF_XDP;
  address.sxdp_flags = XDP_COPY;
  address.sxdp_ifindex = static_cast<uint32_t>(ifindex);
  address.sxdp_queue_id = queue;
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
    throw SystemError("bind");
  }
}

FrameSender::Result XdpSender::send(std::span<const iovec> frames,
                                    const std::function<bool()>& is_over) {
  const LinkGate::State link = gate_.look();
  const size_t longest = std::min(link.longest, kLongest);
  const auto bad = std::ranges::find_if(frames, [&](const iovec& frame) {
    return link.error != 0 || frame.iov_len > longest || frame.iov_len < ETH_HLEN;
  });
  const auto good = frames.first(bad - frames.begin());
  size_t done = 0;
  while (done < good.size() && !is_over()) {
    const size_t put_now = put(good.subspan(done));
    if (put_now == 0) {
      reclaim();
      if (free_.empty()) std::this_thread::sleep_for(kPause);
      continue;
    }
    const auto pushed = good.subspan(done, put_now);
    const int error = push(pushed, is_over);
    done += put_now;
    if (error != 0) return {.done = done, .error = error};
  }
  if (done == frames.size() || done < good.size()) return {.done = done};
  const int error = link.error != 0 ? link.error : bad->iov_len < ETH_HLEN ? EINVAL : EMSGSIZE;
  tally_.refuse(error, 1);
  return {.done = done + 1, .error = error, .goes_on = link.error == 0};
}

// Takes the chunks back that the kernel is done with.
void XdpSender::reclaim() {
  uint32_t at = completed_.consumed();
  for (const uint32_t end = completed_.produced(); at != end; ++at) {
    free_.push_back(completed_.at<uint64_t>(at));
  }
  completed_.consume(at);
}

// Writes frames to where the kernel looks for them; returns how many there was room for.
size_t XdpSender::put(std::span<const iovec> frames) {
  // Those that were used last are still in a processor's cache.
  reclaim();
  const size_t count = std::min(free_.size(), frames.size());
  uint32_t at = waiting_.produced();
  for (const iovec& frame : frames.first(count)) {
    const uint64_t chunk = free_.back();
    free_.pop_back();
    std::memcpy(memory_.data() + chunk, frame.iov_base, frame.iov_len);
    waiting_.at<xdp_desc>(at++) = {
        .addr = chunk, .len = static_cast<uint32_t>(frame.iov_len), .options = 0};
  }
  waiting_.produce(at);
  return count;
}

// Has the kernel send what was put there. Returns the errno that is to end it, or 0.
int XdpSender::push(std::span<const iovec> frames, const std::function<bool()>& is_over) {
  const auto count = static_cast<int32_t>(frames.size());
  const uint32_t start = waiting_.produced() - static_cast<uint32_t>(count);
  int32_t done = 0;
  uint64_t refused = 0;
  uint64_t refused_bytes = 0;
  int error = 0;
  auto moved_at = Clock::now();
  while (done < count && error == 0 && !is_over()) {
    const uint32_t completed = completed_.produced();
    const bool failed = sendto(fd_.get(), nullptr, 0, MSG_DONTWAIT, nullptr, 0) < 0;
    const int kicked = failed ? errno : 0;
    // How many it says that it took: some kernels tell that late, even of those before these.
    const auto taken = static_cast<int32_t>(waiting_.consumed() - start);
    const int32_t before = done;
    if (kicked == EBUSY) {
      // One was dropped on its way. If it was the first, it is not told of.
      done = std::clamp(taken, done + 1, count);
      ++refused;
      refused_bytes += frames[static_cast<size_t>(done) - 1].iov_len;
    } else if (kicked == 0 || kicked == EAGAIN || kicked == EINTR) {
      done = std::max(done, taken);
    } else {
      error = kicked;
    }
    if (done != before || completed_.produced() != completed) {
      moved_at = Clock::now();
    } else if (error == 0) {
      // Its queue may be gone.
      if (Clock::now() - moved_at > kPatience) error = ENXIO;
      std::this_thread::sleep_for(kPause);
    }
    if (error != 0 || kicked == EAGAIN) reclaim();
  }
  uint64_t bytes = 0;
  for (const iovec& frame : frames.first(static_cast<size_t>(done))) bytes += frame.iov_len;
  tally_.count_sent(static_cast<uint64_t>(done) - refused, bytes - refused_bytes);
  tally_.refuse(EBUSY, refused);
  tally_.refuse(error, error == 0 ? 0 : 1);
  return error;
}

}  // namespace dropscope
