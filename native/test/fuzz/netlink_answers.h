#pragma once

#include <fcntl.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <cerrno>
#include <vector>

#include "input.h"

// Takes the place of the kernel at the sockets of a fuzz target. An input is a row of datagrams:
// two bytes with the length, then so many bytes. A length of 0 is ENOBUFS, one of 0xffff a datagram
// that is longer than any buffer, and behind the last datagram there is EAGAIN.

namespace dropscope {

inline Input answers(nullptr, 0);
inline uint32_t sequence = 0;  // of the last request

// From here on recv(2) gives what is in the input.
inline void answer_with(Input input) { answers = input; }

// Each message answers the last request: readers pass over what has another number.
inline void number_messages(std::span<uint8_t> datagram) {
  while (datagram.size() >= NLMSG_HDRLEN) {
    nlmsghdr header{};
    std::memcpy(&header, datagram.data(), sizeof header);
    header.nlmsg_seq = sequence;
    std::memcpy(datagram.data(), &header, sizeof header);
    if (header.nlmsg_len < NLMSG_HDRLEN || header.nlmsg_len > datagram.size()) return;
    datagram = datagram.subspan(std::min<size_t>(NLMSG_ALIGN(header.nlmsg_len), datagram.size()));
  }
}

}  // namespace dropscope

// These are linked instead of libc's, and of the sanitizer's before them.
extern "C" {

// Fast to open and to close.
int socket(int /*domain*/, int /*type*/, int /*protocol*/) {
  return ::open("/dev/null", O_RDWR | O_CLOEXEC);
}

int bind(int /*fd*/, const sockaddr* /*address*/, socklen_t /*length*/) { return 0; }

ssize_t send(int /*fd*/, const void* bytes, size_t length, int /*flags*/) {
  nlmsghdr header{};
  dropscope::require(length >= sizeof header);
  std::memcpy(&header, bytes, sizeof header);
  dropscope::require(header.nlmsg_len <= length);
  dropscope::sequence = header.nlmsg_seq;
  return static_cast<ssize_t>(length);
}

ssize_t recv(int /*fd*/, void* bytes, size_t room, int flags) {
  using dropscope::answers;
  if (answers.empty()) {
    errno = EAGAIN;
    return -1;
  }
  const auto length = answers.take<uint16_t>();
  if (length == 0) {
    errno = ENOBUFS;
    return -1;
  }
  if (length == UINT16_MAX) return (flags & MSG_TRUNC) != 0 ? static_cast<ssize_t>(room + 1) : 0;
  const auto taken = answers.take_bytes(std::min(size_t{length}, room));
  std::vector<uint8_t> datagram(taken.begin(), taken.end());
  dropscope::number_messages(datagram);
  if (!datagram.empty()) std::memcpy(bytes, datagram.data(), datagram.size());
  return static_cast<ssize_t>(datagram.size());
}
}
