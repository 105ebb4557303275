#pragma once

#include <linux/netlink.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

namespace dropscope {

// Reading of what a netlink socket received: netlink(7). Nothing here trusts a length in it.

struct NetlinkMessage {
  nlmsghdr header;
  std::span<const uint8_t> payload;
};

struct NetlinkAttribute {
  uint16_t type;
  std::span<const uint8_t> value;
};

// The first bytes as a T. Structures of the kernel grow at their end: what this one does not have
// stays zero, what it has beyond T is left out.
template <typename T>
T read_prefix(std::span<const uint8_t> bytes) {
  T value{};
  // An empty span may be a null pointer, which memcpy() must not be given.
  if (!bytes.empty()) std::memcpy(&value, bytes.data(), std::min(bytes.size(), sizeof value));
  return value;
}

// Everything after the first count bytes, which may be all there is.
inline std::span<const uint8_t> skip(std::span<const uint8_t> bytes, size_t count) {
  return bytes.subspan(std::min(bytes.size(), count));
}

// Takes the first message off bytes; nullopt when no whole message is left.
inline std::optional<NetlinkMessage> take_message(std::span<const uint8_t>& bytes) {
  const auto header = read_prefix<nlmsghdr>(bytes);
  const size_t length = header.nlmsg_len;
  if (bytes.size() < NLMSG_HDRLEN || length < NLMSG_HDRLEN || length > bytes.size()) return {};
  const auto payload = bytes.first(length).subspan(NLMSG_HDRLEN);
  bytes = skip(bytes, NLMSG_ALIGN(length));
  return NetlinkMessage{header, payload};
}

// Takes the first attribute off bytes; nullopt when no whole attribute is left.
inline std::optional<NetlinkAttribute> take_attribute(std::span<const uint8_t>& bytes) {
  const auto header = read_prefix<nlattr>(bytes);
  const size_t length = header.nla_len;
  if (bytes.size() < NLA_HDRLEN || length < NLA_HDRLEN || length > bytes.size()) return {};
  const auto value = bytes.first(length).subspan(NLA_HDRLEN);
  bytes = skip(bytes, NLA_ALIGN(length));
  return NetlinkAttribute{static_cast<uint16_t>(header.nla_type & NLA_TYPE_MASK), value};
}

// The error of an NLMSG_ERROR, or of the NLMSG_DONE that ends a dump: an errno(3) value, 0 for
// success. EPROTO: what the message has is not the negative of one.
inline int error_of(const NetlinkMessage& message) {
  constexpr int32_t kMaxErrno = 4095;  // MAX_ERRNO in linux/err.h
  const auto code = read_prefix<int32_t>(message.payload);
  if (code > 0 || code < -kMaxErrno) return EPROTO;
  return -code;
}

}  // namespace dropscope
