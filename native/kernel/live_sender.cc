#include "live_sender.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace dropscope {
namespace {

// To begin and to end a run of more than one frame takes grace periods of RCU
// (bpf_prog_change_xdp() in net/core/dev.c), as long as a hundred thousand frames.
constexpr size_t kRun = 1 << 20;

// Frames that are sent before it is known whether any arrive: each by itself.
constexpr size_t kTrial = 64;

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
  const size_t step = count > kTrial ? count : 1;
  for (size_t at = 0; at < count; at += step) {
    if (const int error = make(first + at, step); error != 0) return error;
  }
  if (delivery_ && !delivery_->is_trusted(count)) return EOPNOTSUPP;
  block_ = kRun;
  return 0;
}

// Returns an errno, or 0.
int LiveSender::make(uint64_t first, uint64_t count) {
  const uint64_t before = live_.bytes();
  const auto [made, lost, error] = live_.run(first, count);
  const uint64_t good = made - lost;
  tally_.count_sent(good, live_.bytes() - before - bytes_of(first + good, lost));
  if (error != 0) tally_.refuse(error, std::max<uint64_t>(lost, 1));
  return error;
}

uint64_t LiveSender::bytes_of(uint64_t first, uint64_t count) const {
  uint64_t bytes = 0;
  for (uint64_t i = first; i < first + count; ++i) bytes += frames_.template_of(i).size();
  return bytes;
}

}  // namespace dropscope
