#pragma once

#include <net/if.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <optional>
#include <string>

#include "system_error.h"

namespace dropscope {

// A request of netdevice(7) about the interface of this name. nullopt for what can be no
// interface's name, of which the kernel would read only the beginning: it ends a name at NUL, and
// at the colon of an alias (dev_ioctl() in net/core/dev_ioctl.c).
inline std::optional<ifreq> request_by_name(const std::string& name) {
  ifreq request{};
  if (name.size() >= sizeof request.ifr_name) return {};
  for (const char letter : name) {
    if (letter == ':' || letter == '\0') return {};
  }
  name.copy(request.ifr_name, name.size());
  return request;
}

// 0 when there is no such interface. fd: any socket, for these requests work on all of them.
inline int interface_index(int fd, const std::string& name) {
  auto request = request_by_name(name);
  if (!request) return 0;
  if (::ioctl(fd, SIOCGIFINDEX, &*request) == 0) return request->ifr_ifindex;
  if (errno == ENODEV) return 0;
  throw SystemError("ioctl");
}

}  // namespace dropscope
