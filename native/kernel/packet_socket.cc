#include "packet_socket.h"

#include <linux/if_packet.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <utility>

#include "system_error.h"

namespace dropscope {
namespace {

// Protocol 0: the kernel takes skb->protocol from the frame (packet_parse_headers in
// net/packet/af_packet.c).
sockaddr_ll address_of(int ifindex) {
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_ifindex = ifindex;
  return address;
}

}  // namespace

// packet(7): "If protocol is set to zero, no packets are received." So the socket is no tap: an
// open tap takes each frame and thereby hides the very drops that we are to cause.
PacketSocket::PacketSocket(NetworkNamespace network_namespace)
    : namespace_(std::move(network_namespace)),
      fd_(namespace_.socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {}

// Bound, and not with an address for each frame: looking up its interface makes sending 5 % slower.
void PacketSocket::bind(int ifindex) {
  const sockaddr_ll address = address_of(ifindex);
  unchanged_ = false;
  if (::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
    throw SystemError("bind");
  }
  unchanged_ = changes_.has_value();
}

void PacketSocket::send(std::span<const uint8_t> frame) {
  if (::send(fd_.get(), frame.data(), frame.size(), 0) < 0) throw SystemError("send");
}

// Changes are taken note of here alone. So one that comes while the caller finds out where to send
// is noticed at the next call.
bool PacketSocket::send_if_unchanged(std::span<const uint8_t> frame) {
  if (!changes_) {
    changes_.emplace(namespace_);
    return false;
  }
  // It has changed, too, when there is no answer.
  unchanged_ = std::exchange(unchanged_, false) && !changes_->any();
  if (!unchanged_) return false;
  try {
    send(frame);
    return true;
  } catch (const SystemError& error) {
    // The kernel has unbound it from an interface that is just going, and has not told yet.
    if (error.number() != ENXIO) throw;
    return false;
  }
}

size_t PacketSocket::send_all(std::span<const std::span<const uint8_t>> frames) {
  std::array<iovec, kWindow> parts;
  std::array<mmsghdr, kWindow> messages;
  const size_t count = std::min(frames.size(), kWindow);
  if (count == 0) return 0;
  for (size_t i = 0; i < count; ++i) {
    // sendmmsg(2) does not write through iov_base.
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast)
    parts[i] = {.iov_base = const_cast<uint8_t*>(frames[i].data()), .iov_len = frames[i].size()};
    messages[i] = {};
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  const int sent = ::sendmmsg(fd_.get(), messages.data(), static_cast<unsigned>(count), 0);
  if (sent >= 0) return static_cast<size_t>(sent);
  if (errno == EAGAIN) return 0;
  throw SystemError("sendmmsg");
}

}  // namespace dropscope
