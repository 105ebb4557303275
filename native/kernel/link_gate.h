#pragma once

#include <cstddef>

#include "network_namespace.h"
#include "unique_fd.h"

namespace dropscope {

// Whether a link would take a frame. To be asked where the kernel does not say.
class LinkGate {
 public:
  LinkGate(const NetworkNamespace& network_namespace, int ifindex);

  struct State {
    int error = 0;       // ENODEV: it is gone; ENETDOWN
    size_t longest = 0;  // bytes of a frame, at most, with a VLAN tag: as xdp_ok_fwd_dev() has it
  };

  // netdevice(7)
  State look() const;

 private:
  UniqueFd fd_;
  int ifindex_;
};

}  // namespace dropscope
