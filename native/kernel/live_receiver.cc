#include "live_receiver.h"

#include <net/ethernet.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include "system_error.h"

namespace dropscope {

LiveReceiver::LiveReceiver(const NetworkNamespace& network_namespace, int ifindex)
    : gate_(network_namespace, ifindex), frames_(ifindex, LiveFrames::Direction::kReceive, 1, 0) {}

void LiveReceiver::receive(std::span<const uint8_t> frame) {
  const LinkGate::State link = gate_.look();
  if (link.error != 0) throw SystemError("bpf", link.error);
  if (frame.size() > std::min(link.longest, LiveFrames::kLongest)) {
    throw SystemError("bpf", EMSGSIZE);
  }
  if (frame.size() < ETH_HLEN) throw SystemError("bpf", EINVAL);
  const std::array<uint32_t, 1> lengths{static_cast<uint32_t>(frame.size())};
  frames_.set_frames(FrameSequence(std::vector<uint8_t>(frame.begin(), frame.end()), lengths, {}));
  LiveFrames::Result run;
  do run = frames_.run(0, 1);
  while (run.error == EINTR && run.made == 0);
  if (run.made > 0 && (run.error == 0 || run.error == EINTR)) return;
  throw SystemError("bpf", run.error == 0 ? EIO : run.error);
}

}  // namespace dropscope
