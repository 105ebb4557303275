#include "live_receiver.h"

#include <net/ethernet.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include "system_error.h"

namespace dropscope {

LiveReceiver::LiveReceiver(NetworkNamespace network_namespace, int ifindex)
    : namespace_(std::move(network_namespace)),
      gate_(namespace_, ifindex),
      frames_(ifindex, LiveFrames::Direction::kReceive, 1, 0) {}

void LiveReceiver::receive(std::span<const uint8_t> frame) {
  const LinkGate::State link = gate_.look();
  if (link.error != 0) throw SystemError("bpf", link.error);
  if (frame.size() > std::min(link.longest, LiveFrames::kLongest)) {
    throw SystemError("bpf", EMSGSIZE);
  }
  if (frame.size() < ETH_HLEN) throw SystemError("bpf", EINVAL);
  const std::array<uint32_t, 1> lengths{static_cast<uint32_t>(frame.size())};
  frames_.set_frames(FrameSequence(std::vector<uint8_t>(frame.begin(), frame.end()), lengths, {}));
  namespace_.run([&] {
    const LiveFrames::Result run = frames_.run(0, 1);
    if (run.made > run.lost && run.error == 0) return;
    throw SystemError("bpf", run.error == 0 ? EAGAIN : run.error);
  });
}

}  // namespace dropscope
