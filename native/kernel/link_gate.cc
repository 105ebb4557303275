#include "link_gate.h"

#include <net/ethernet.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>

namespace dropscope {

LinkGate::LinkGate(const NetworkNamespace& network_namespace, int ifindex)
    : fd_(network_namespace.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)), ifindex_(ifindex) {}

LinkGate::State LinkGate::look() const {
  // It is asked by name, which another one may get meanwhile: a few times in a row, it is no name.
  for (int i = 0; i < 10; ++i) {
    ifreq name{};
    name.ifr_ifindex = ifindex_;
    if (ioctl(fd_.get(), SIOCGIFNAME, &name) < 0) return {.error = ENODEV};
    ifreq flags = name;
    ifreq mtu = name;
    ifreq index = name;
    if (ioctl(fd_.get(), SIOCGIFFLAGS, &flags) < 0 || ioctl(fd_.get(), SIOCGIFMTU, &mtu) < 0 ||
        ioctl(fd_.get(), SIOCGIFINDEX, &index) < 0 || index.ifr_ifindex != ifindex_) {
      continue;
    }
    const bool up = (flags.ifr_flags & IFF_UP) != 0;
    constexpr size_t kHeader = ETH_HLEN + 4;
    return {.error = up ? 0 : ENETDOWN, .longest = static_cast<size_t>(mtu.ifr_mtu) + kHeader};
  }
  return {.error = ENODEV};
}

}  // namespace dropscope
