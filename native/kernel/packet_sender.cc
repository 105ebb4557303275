#include "packet_sender.h"

#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/ethernet.h>
#include <poll.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

#include "system_error.h"

namespace dropscope {
namespace {

// How long it waits for room at most before it looks whether it is over.
constexpr int kPatienceMs = 50;

// Of protocol 0, as PacketSocket's.
UniqueFd open_socket(const NetworkNamespace& network_namespace, int ifindex) {
  constexpr int type = SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK;
  UniqueFd fd = network_namespace.socket(AF_PACKET, type, 0);
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_ifindex = ifindex;
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
    throw SystemError("bind");
  }
  // As much as net.core.wmem_max lets it have; what that is, send_buffer() tells.
  const int most = std::numeric_limits<int>::max() / 2;
  if (setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUF, &most, sizeof most) < 0) {
    throw SystemError("setsockopt");
  }
  return fd;
}

size_t send_buffer(const UniqueFd& fd) {
  int bytes = 0;
  socklen_t size = sizeof bytes;
  if (getsockopt(fd.get(), SOL_SOCKET, SO_SNDBUF, &bytes, &size) < 0) {
    throw SystemError("getsockopt");
  }
  return static_cast<size_t>(bytes);
}

// What a frame may take of the send buffer, at most: skb->truesize. Its memory is rounded up to a
// power of two, and has room for headers and struct skb_shared_info.
constexpr size_t charge_of(size_t frame_bytes) { return 2 * (frame_bytes + 1024) + 512; }

}  // namespace

PacketSender::PacketSender(const NetworkNamespace& network_namespace, int ifindex)
    : gate_(network_namespace, ifindex),
      fd_(open_socket(network_namespace, ifindex)),
      send_buffer_(send_buffer(fd_)) {
  for (mmsghdr& message : messages_) message.msg_hdr.msg_iovlen = 1;
}

FrameSender::Result PacketSender::send(std::span<const iovec> frames,
                                       const std::function<bool()>& is_over) {
  size_t longest = 0;
  for (size_t i = 0; i < frames.size(); ++i) {
    // sendmmsg(2) does not write through msg_iov.
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast)
    messages_[i].msg_hdr.msg_iov = const_cast<iovec*>(&frames[i]);
    longest = std::max(longest, frames[i].iov_len);
  }
  size_t at = 0;
  while (at < frames.size() && !is_over()) {
    const size_t most = std::max<size_t>(room(longest), 1);
    const size_t window = std::min(window_from(frames, at), most);
    const int taken = sendmmsg(fd_.get(), &messages_[at], static_cast<unsigned>(window), 0);
    if (taken > 0) {
      count_sent(frames.subspan(at, static_cast<size_t>(taken)));
      at += static_cast<size_t>(taken);
      if (static_cast<size_t>(taken) < window) set_aside(frames[at++].iov_len);
    } else if (errno == ENOBUFS) {
      tally_.refuse(ENOBUFS, 1);
      ++at;
    } else if (errno == EAGAIN) {
      wait_for_room();
    } else if (errno != EINTR) {
      const int error = errno;
      const size_t length = frames[at].iov_len;
      const bool about_frame = is_about_frame(error, length);
      // That says nothing of those set aside, which were not longer.
      if (about_frame && (error == EINVAL || length > unexplained_length_)) explain(ENOBUFS);
      tally_.refuse(error, 1 + std::exchange(unexplained_, 0));
      return {.done = at + 1, .error = error, .goes_on = about_frame};
    }
  }
  return {.done = at};
}

// So many frames find room in the send buffer for sure.
size_t PacketSender::room(size_t longest) const {
  int waiting = 0;
  if (ioctl(fd_.get(), SIOCOUTQ, &waiting) < 0) return 0;
  const auto used = static_cast<size_t>(waiting);
  return used < send_buffer_ ? (send_buffer_ - used) / charge_of(longest) : 0;
}

void PacketSender::wait_for_room() const {
  pollfd wanted{.fd = fd_.get(), .events = POLLOUT, .revents = 0};
  poll(&wanted, 1, kPatienceMs);
}

// A frame longer than those that were taken may be too long, and one without a whole header is too
// short: it is the first of its window, for of the first the errno is told.
size_t PacketSender::window_from(std::span<const iovec> frames, size_t at) const {
  size_t end = at + 1;
  const size_t longest = std::max(longest_taken_, frames[at].iov_len);
  const auto passes = [&](size_t length) { return length <= longest && length >= ETH_HLEN; };
  while (end < frames.size() && passes(frames[end].iov_len)) ++end;
  return end - at;
}

// sendmmsg(2) stopped at a frame and does not say why. There was room for it, so it was refused; to
// send it again, to learn the errno, would move the counters twice. That of the next one tells.
void PacketSender::set_aside(size_t length) {
  ++unexplained_;
  unexplained_length_ = std::max(unexplained_length_, length);
  longest_taken_ = 0;
}

// No other frame tells: as the link is now, or a full queue.
void PacketSender::finish() {
  if (unexplained_ == 0) return;
  const LinkGate::State link = gate_.look();
  const bool too_long = link.error == 0 && unexplained_length_ > link.longest;
  explain(too_long ? EMSGSIZE : link.error == 0 ? ENOBUFS : link.error);
}

void PacketSender::explain(int error) {
  tally_.refuse(error, std::exchange(unexplained_, 0));
  unexplained_length_ = 0;
}

void PacketSender::count_sent(std::span<const iovec> frames) {
  uint64_t bytes = 0;
  for (const iovec& frame : frames) {
    bytes += frame.iov_len;
    longest_taken_ = std::max(longest_taken_, frame.iov_len);
  }
  tally_.count_sent(frames.size(), bytes);
  // What has passed, and was not for the length of the frames, is a full queue.
  if (longest_taken_ >= unexplained_length_) explain(ENOBUFS);
}

}  // namespace dropscope
