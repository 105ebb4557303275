#pragma once

#include <cstdint>
#include <span>

#include "link_gate.h"
#include "live_frames.h"
#include "network_namespace.h"

namespace dropscope {

// Has an interface receive frames, one at a time, as if they came from the wire. Failures are
// SystemErrors.
class LiveReceiver {
 public:
  // EPERM or EINVAL without CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON; EINVAL or E2BIG before Linux
  // 5.18.
  LiveReceiver(const NetworkNamespace& network_namespace, int ifindex);

  // The calling thread must be in the interface's network namespace. ENODEV: it is gone; ENETDOWN;
  // EMSGSIZE: longer than it, or this way, takes; EINVAL: less than a header.
  void receive(std::span<const uint8_t> frame);

 private:
  LinkGate gate_;
  LiveFrames frames_;
};

}  // namespace dropscope
