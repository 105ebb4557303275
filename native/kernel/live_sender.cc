#include "live_sender.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace dropscope {
namespace {

// Frames that are sent before it is known whether any arrive.
constexpr size_t kTrial = 64;

// To begin and end a run takes some grace periods of RCU (bpf_prog_change_xdp() in net/core/dev.c),
// as long as a hundred thousand frames; but not for one frame.
constexpr size_t kRun = 1 << 20;

}  // namespace

LiveSender::LiveSender(const NetworkNamespace& network_namespace, int ifindex,
                       const FrameSequence& frames, std::shared_ptr<Delivery> delivery)
    : frames_(frames),
      gate_(network_namespace, ifindex),
      live_(ifindex, delivery ? LiveFrames::Direction::kTransmit : LiveFrames::Direction::kReceive,
            frames.templates().size(), frames.values().size()),
      delivery_(std::move(delivery)),
      block_(kTrial) {
  live_.set_frames(frames);
}

int LiveSender::send(uint64_t first, size_t count, const std::function<bool()>&) {
  const LinkGate::State link = gate_.look();
  const int refusal = link.error == 0 && frames_.longest() > link.longest ? EMSGSIZE : link.error;
  if (refusal != 0) {
    tally_.refuse(refusal, 1);
    return refusal;
  }
  const uint64_t before = live_.bytes();
  const LiveFrames::Result run = live_.run(first, count);
  const uint64_t bytes = live_.bytes() - before - bytes_of(first + run.made - run.lost, run.lost);
  tally_.count_sent(run.made - run.lost, bytes);
  tally_.refuse(run.error, run.lost);
  if (run.error != 0) {
    if (run.lost == 0) tally_.refuse(run.error, 1);
    return run.error;
  }
  if (delivery_ && !delivery_->is_trusted(count)) return EOPNOTSUPP;
  block_ = kRun;
  return 0;
}

uint64_t LiveSender::bytes_of(uint64_t first, uint64_t count) const {
  uint64_t bytes = 0;
  for (uint64_t i = first; i < first + count; ++i) bytes += frames_.template_of(i).size();
  return bytes;
}

}  // namespace dropscope
