#include "engine.h"

#include <cerrno>

#include "packet_sender.h"
#include "receive_sender.h"
#include "system_error.h"
#include "xdp_sender.h"

namespace dropscope {

std::unique_ptr<FrameSender> open_frame_sender(Engine engine,
                                               const NetworkNamespace& network_namespace,
                                               int ifindex, uint32_t queue) {
  switch (engine) {
    case Engine::kSendmmsg:
      return std::make_unique<PacketSender>(network_namespace, ifindex);
    case Engine::kAfXdp:
      return std::make_unique<XdpSender>(network_namespace, ifindex, queue);
    case Engine::kReceiveLiveFrames:
      return std::make_unique<ReceiveSender>(network_namespace, ifindex);
    default:
      throw SystemError("bpf", EOPNOTSUPP);
  }
}

}  // namespace dropscope
