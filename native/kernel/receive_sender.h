#pragma once

#include "frame_sender.h"
#include "live_receiver.h"
#include "network_namespace.h"

namespace dropscope {

// Has an interface receive frames, each by itself. The thread that sends must be in its network
// namespace.
class ReceiveSender final : public FrameSender {
 public:
  ReceiveSender(const NetworkNamespace& network_namespace, int ifindex)
      : receiver_(network_namespace, ifindex) {}

  Result send(std::span<const iovec> frames, const std::function<bool()>& is_over) override;

 private:
  LiveReceiver receiver_;
};

}  // namespace dropscope
