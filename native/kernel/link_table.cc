#include "link_table.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "interface_request.h"
#include "netlink_message.h"
#include "system_error.h"

namespace dropscope {
namespace {

// netlink_dump() in net/netlink/af_netlink.c fills at most 32 KiB at a time.
constexpr size_t kReceiveBytes = size_t{64} * 1024;

// How often an interrupted dump is read again.
constexpr int kDumpAttempts = 16;

// So many names are remembered.
constexpr size_t kMostIndexes = 4096;

// A dump names no link.
constexpr int kAllLinks = 0;

// Non-blocking: the kernel answers while send() runs, and goes on with a dump while recv() runs.
// What is not there at once will never come.
UniqueFd open_socket(const NetworkNamespace& network_namespace) {
  return network_namespace.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
                                  NETLINK_ROUTE);
}

}  // namespace

LinkTable::LinkTable(NetworkNamespace network_namespace, Request request)
    : namespace_(std::move(network_namespace)),
      fd_(open_socket(namespace_)),
      request_(request),
      buffer_(kReceiveBytes) {}

int LinkTable::index_of(const std::string& name) {
  if (name.empty() || !request_by_name(name)) return 0;
  // To ask whether it is still there is cheaper than to ask where it is.
  const auto known = indexes_.find(name);
  if (known != indexes_.end() && name_of(known->second) == name) return known->second;
  if (indexes_.size() >= kMostIndexes) indexes_.clear();
  const int ifindex = ask_index_of(name);
  if (ifindex != 0) indexes_[name] = ifindex;
  return ifindex;
}

// By RTM_GETLINK, which loads no module for a name that is not there.
int LinkTable::ask_index_of(const std::string& name) {
  struct {
    nlmsghdr header;
    ifinfomsg link;
    nlattr mask_header;
    uint32_t mask;
    nlattr name_header;
    char name[IFNAMSIZ];
  } request{};
  request.header.nlmsg_type = RTM_GETLINK;
  request.header.nlmsg_flags = NLM_F_REQUEST;
  request.header.nlmsg_seq = ++sequence_;
  request.mask_header = {.nla_len = NLA_HDRLEN + sizeof request.mask, .nla_type = IFLA_EXT_MASK};
  request.mask = RTEXT_FILTER_SKIP_STATS;
  request.name_header = {.nla_len = static_cast<uint16_t>(NLA_HDRLEN + name.size() + 1),
                         .nla_type = IFLA_IFNAME};
  name.copy(request.name, sizeof request.name - 1);
  // Up to the end of the name: the kernel complains in its log of what is behind the last
  // attribute.
  request.header.nlmsg_len = static_cast<uint32_t>(offsetof(decltype(request), name_header)) +
                             NLA_ALIGN(request.name_header.nla_len);
  if (::send(fd_.get(), &request, request.header.nlmsg_len, 0) < 0) throw SystemError("send");
  for (;;) {
    auto bytes = receive();
    while (const auto message = take_message(bytes)) {
      if (message->header.nlmsg_seq != sequence_) continue;
      if (message->header.nlmsg_type == RTM_NEWLINK) {
        return read_prefix<ifinfomsg>(message->payload).ifi_index;
      }
      const int error = error_of(*message);
      if (error == ENODEV) return 0;
      throw SystemError("recv", error);
    }
  }
}

std::string LinkTable::name_of(int ifindex) const {
  ifreq request{};
  request.ifr_ifindex = ifindex;
  if (::ioctl(fd_.get(), SIOCGIFNAME, &request) == 0) {
    return {request.ifr_name, ::strnlen(request.ifr_name, sizeof request.ifr_name)};
  }
  if (errno == ENODEV) return {};
  throw SystemError("ioctl");
}

std::array<uint8_t, 6> LinkTable::hardware_address(const std::string& name) const {
  auto request = request_by_name(name);
  if (!request) throw SystemError("ioctl", ENODEV);
  if (::ioctl(fd_.get(), SIOCGIFHWADDR, &*request) < 0) throw SystemError("ioctl");
  std::array<uint8_t, 6> address;
  std::memcpy(address.data(), request->ifr_hwaddr.sa_data, address.size());
  return address;
}

std::optional<LinkStats> LinkTable::read(int ifindex) {
  if (ifindex <= 0) return {};
  const Answer answer = ask(ifindex);
  if (answer.error == ENODEV) return {};
  if (answer.error != 0) throw SystemError("recv", answer.error);
  if (answer.links.empty()) return {};
  return answer.links.front();
}

std::vector<LinkStats> LinkTable::read_all() {
  for (int attempt = 0; attempt < kDumpAttempts; ++attempt) {
    Answer answer = ask(kAllLinks);
    if (answer.error != 0) throw SystemError("recv", answer.error);
    if (!answer.interrupted) return std::move(answer.links);
  }
  throw SystemError("recv", EINTR);
}

std::optional<uint64_t> LinkTable::namespace_cookie() const {
  constexpr int netns_cookie = 71;  // SO_NETNS_COOKIE of asm-generic/socket.h
  uint64_t cookie = 0;
  socklen_t length = sizeof cookie;
  if (::getsockopt(fd_.get(), SOL_SOCKET, netns_cookie, &cookie, &length) == 0) return cookie;
  if (errno == ENOPROTOOPT) return {};
  throw SystemError("getsockopt");
}

LinkTable::Answer LinkTable::ask(int ifindex) {
  Answer answer = exchange(ifindex);
  const bool unknown = answer.error == EOPNOTSUPP || answer.error == EINVAL;
  if (!unknown || request_ == Request::kLink) return answer;
  request_ = Request::kLink;
  return exchange(ifindex);
}

// One request and its whole answer.
LinkTable::Answer LinkTable::exchange(int ifindex) {
  send_request(ifindex);
  Answer answer;
  for (;;) {
    auto bytes = receive();
    while (const auto message = take_message(bytes)) {
      if (message->header.nlmsg_seq != sequence_) continue;
      // linux/netlink.h: "Dump was inconsistent due to sequence change".
      if (message->header.nlmsg_flags & NLM_F_DUMP_INTR) answer.interrupted = true;
      const auto type = message->header.nlmsg_type;
      if (type == NLMSG_ERROR || type == NLMSG_DONE) {
        answer.error = error_of(*message);
        return answer;
      }
      if (const auto link = parse_link_stats(*message)) answer.links.push_back(*link);
      if (ifindex != kAllLinks) return answer;
    }
  }
}

void LinkTable::send_request(int ifindex) {
  struct {
    nlmsghdr header;
    union {
      ifinfomsg link;  // The longer one first: that is what {} clears.
      if_stats_msg stats;
    };
  } request{};
  request.header.nlmsg_seq = ++sequence_;
  request.header.nlmsg_flags = NLM_F_REQUEST;
  if (ifindex == kAllLinks) request.header.nlmsg_flags |= NLM_F_DUMP;
  if (request_ == Request::kStats) {
    request.header.nlmsg_type = RTM_GETSTATS;
    request.header.nlmsg_len = NLMSG_LENGTH(sizeof request.stats);
    request.stats.ifindex = static_cast<uint32_t>(ifindex);
    request.stats.filter_mask = IFLA_STATS_FILTER_BIT(IFLA_STATS_LINK_64);
  } else {
    request.header.nlmsg_type = RTM_GETLINK;
    request.header.nlmsg_len = NLMSG_LENGTH(sizeof request.link);
    request.link.ifi_index = ifindex;
  }
  if (::send(fd_.get(), &request, request.header.nlmsg_len, 0) < 0) throw SystemError("send");
}

// The next datagram of the answer.
std::span<const uint8_t> LinkTable::receive() {
  // recv(2): with MSG_TRUNC, "return the real length of the packet or datagram, even when it was
  // longer than the passed buffer".
  const ssize_t length = ::recv(fd_.get(), buffer_.data(), buffer_.size(), MSG_TRUNC);
  if (length >= 0 && static_cast<size_t>(length) <= buffer_.size()) {
    return std::span(buffer_).first(static_cast<size_t>(length));
  }
  const int number = length < 0 ? errno : EMSGSIZE;
  // A dump that was not read to its end makes the socket refuse the next one.
  fd_ = open_socket(namespace_);
  throw SystemError("recv", number);
}

}  // namespace dropscope
