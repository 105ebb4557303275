#pragma once

#include <net/if.h>

#include <optional>
#include <string>

namespace dropscope {

// A request of netdevice(7) about the interface of this name. nullopt for what can be no
// interface's name, of which the kernel would read only the beginning: it ends a name at NUL, and
// at the colon of an alias (dev_ioctl() in net/core/dev_ioctl.c).
//
// Only for interfaces that are known to be there: for a name that is not, SIOCGIFINDEX and others
// run modprobe and wait for it (dev_load() in the same file).
inline std::optional<ifreq> request_by_name(const std::string& name) {
  ifreq request{};
  if (name.size() >= sizeof request.ifr_name) return {};
  for (const char letter : name) {
    if (letter == ':' || letter == '\0') return {};
  }
  name.copy(request.ifr_name, name.size());
  return request;
}

}  // namespace dropscope
