#include "link_monitor.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <optional>
#include <span>

#include "netlink_message.h"
#include "system_error.h"

namespace dropscope {
namespace {

// A notification about one link, with all its virtual functions.
constexpr size_t kReceiveBytes = size_t{64} * 1024;

// Which link a message says is gone. A port that leaves its bridge is an RTM_DELLINK too, of family
// AF_BRIDGE: that link stays.
std::optional<int> removed_link(const NetlinkMessage& message) {
  if (message.header.nlmsg_type != RTM_DELLINK) return {};
  const auto link = read_prefix<ifinfomsg>(message.payload);
  if (link.ifi_family != AF_UNSPEC) return {};
  return link.ifi_index;
}

}  // namespace

LinkMonitor::LinkMonitor(const NetworkNamespace& network_namespace)
    : fd_(network_namespace.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
                                   NETLINK_ROUTE)),
      buffer_(kReceiveBytes) {
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = RTMGRP_LINK;
  if (::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
    throw SystemError("bind");
  }
}

LinkMonitor::Changes LinkMonitor::read() {
  Changes changes;
  for (;;) {
    const ssize_t length = ::recv(fd_.get(), buffer_.data(), buffer_.size(), MSG_TRUNC);
    if (length < 0 && errno == EAGAIN) return changes;
    // netlink(7): "It is up to the application to detect when this happens (via the ENOBUFS error
    // returned by recvmsg(2)) and resynchronize."
    if (length < 0 && errno != ENOBUFS) throw SystemError("recv");
    if (length < 0 || static_cast<size_t>(length) > buffer_.size()) {
      changes.overrun = true;
      continue;
    }
    auto bytes = std::span<const uint8_t>(buffer_).first(static_cast<size_t>(length));
    while (const auto message = take_message(bytes)) {
      if (const auto ifindex = removed_link(*message)) changes.removed.push_back(*ifindex);
    }
  }
}

}  // namespace dropscope
