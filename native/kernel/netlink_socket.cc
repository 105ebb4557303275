#include "netlink_socket.h"

#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "system_error.h"

namespace dropscope {
namespace {

// netlink_dump() in net/netlink/af_netlink.c fills at most 32 KiB at a time; a dropped packet with
// what is said of it has less than 128 KiB.
constexpr size_t kReceiveBytes = size_t{128} * 1024;

}  // namespace

NetlinkSocket::NetlinkSocket(int protocol, const NetworkNamespace& network_namespace)
    : fd_(network_namespace.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol)),
      buffer_(kReceiveBytes) {
  // What is not bound has the port of the kernel itself, which multicasts to all but itself.
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  if (::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
    throw SystemError("bind");
  }
}

void NetlinkSocket::send(std::span<const uint8_t> messages) {
  if (::send(fd_.get(), messages.data(), messages.size(), 0) < 0) throw SystemError("send");
}

std::optional<std::span<const uint8_t>> NetlinkSocket::receive() {
  const ssize_t length = ::recv(fd_.get(), buffer_.data(), buffer_.size(), MSG_TRUNC);
  if (length < 0 && errno == EAGAIN) return {};
  if (length < 0) throw SystemError("recv");
  if (static_cast<size_t>(length) > buffer_.size()) throw SystemError("recv", EMSGSIZE);
  return std::span<const uint8_t>(buffer_).first(static_cast<size_t>(length));
}

uint32_t NetlinkSocket::lost() const {
  std::array<uint32_t, SK_MEMINFO_VARS> memory{};
  socklen_t length = sizeof memory;
  if (::getsockopt(fd_.get(), SOL_SOCKET, SO_MEMINFO, memory.data(), &length) < 0) {
    throw SystemError("getsockopt");
  }
  return memory[SK_MEMINFO_DROPS];
}

void NetlinkSocket::join(uint32_t group) {
  if (::setsockopt(fd_.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0) {
    throw SystemError("setsockopt");
  }
}

void NetlinkSocket::set_receive_buffer(int bytes) {
  // The first needs CAP_NET_ADMIN, the second is bounded by net.core.rmem_max.
  if (::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) == 0) return;
  if (::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes) < 0) {
    throw SystemError("setsockopt");
  }
}

}  // namespace dropscope
