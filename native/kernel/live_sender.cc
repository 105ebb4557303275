#include "live_sender.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <utility>

namespace dropscope {
namespace {

// To begin and to end a run of more than one frame takes grace periods of RCU
// (bpf_prog_change_xdp() in net/core/dev.c), as long as a hundred thousand frames.
constexpr size_t kRun = 1 << 19;

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
      block_(kTrial),
      trusted_(delivery_ == nullptr) {
  live_.set_frames(frames);
}

void LiveSender::stop() {
  stopped_ = true;
  live_.stop();
}

int LiveSender::send(uint64_t first, size_t count, const std::function<bool()>& is_over) {
  const LinkGate::State link = gate_.look();
  const int refusal = link.error == 0 && frames_.longest() > link.longest ? EMSGSIZE : link.error;
  if (refusal != 0) return refuse_link(refusal);
  const size_t step = count > kTrial ? count : 1;
  int error = 0;
  for (size_t at = 0; at < count && error == 0 && !is_over(); at += step) {
    error = make(first + at, step);
  }
  block_ = kRun;
  return trusted_ ? error : end_trial(error);
}

// Returns the errno that is to end it, or 0.
int LiveSender::end_trial(int error) {
  trusted_ = true;
  const bool asks = error == 0 && trial_sent_ > 0;
  const auto is_stopped = [this] { return stopped_.load(); };
  if (!asks || delivery_->judge(trial_sent_, is_stopped) != Delivery::Verdict::kRefuted) {
    tally_.count_sent(trial_sent_, trial_bytes_);
    return error;
  }
  // The driver took them, but nobody counted them.
  tally_.refuse(EOPNOTSUPP, trial_sent_);
  return EOPNOTSUPP;
}

// Returns the errno that is to end it, or 0.
int LiveSender::make(uint64_t first, uint64_t count) {
  for (uint64_t made = 0; made < count && !live_.stopped();) {
    const uint64_t before = live_.bytes();
    const LiveFrames::Result run = live_.run(first + made, count - made);
    if (const int error = count_run(run, first + made, live_.bytes() - before); error != 0) {
      return error;
    }
    // The program would make none ever after.
    if (run.made == 0 && run.error == 0 && !live_.stopped()) return refuse_link(EIO);
    made += run.made;
  }
  return 0;
}

int LiveSender::count_run(const LiveFrames::Result& run, uint64_t first, uint64_t bytes) {
  if (delivery_) {
    const int refusal = count_sent(run.made, bytes);
    if (refusal != 0) return refusal;
  } else {
    const uint64_t good = run.made - run.lost;
    tally_.count_sent(good, bytes - bytes_of(first + good, run.lost));
  }
  if (run.error == 0 || run.error == EINTR) return 0;
  tally_.refuse(run.error, std::max<uint64_t>(run.lost, 1));
  return run.error;
}

// Counts what the driver did with frames that were made. Which of them it refused it does not tell:
// where they differ in length, `bytes` is shared out among them.
int LiveSender::count_sent(uint64_t made, uint64_t bytes) {
  SendCounts counts = live_.take_counts();
  const double share = made == 0 ? 0 : static_cast<double>(counts.sent) / static_cast<double>(made);
  const auto sent_bytes = static_cast<uint64_t>(std::llround(static_cast<double>(bytes) * share));
  if (trusted_) {
    tally_.count_sent(counts.sent, sent_bytes);
  } else {
    trial_sent_ += counts.sent;
    trial_bytes_ += sent_bytes;
  }
  int failure = 0;
  for (size_t i = 0; i < kErrnoLimit; ++i) {
    if (counts.refused[i] == 0) continue;
    const int error = meaning_of(static_cast<int>(i));
    tally_.refuse(error, counts.refused[i]);
    if (error != ENOBUFS) failure = error;
  }
  return failure;
}

// Of the errno with which XDP refuses to redirect a frame, or a driver to send it.
int LiveSender::meaning_of(int error) const {
  if (error != ENXIO && error != EOPNOTSUPP && error != EINVAL) return error;
  if (const int link = gate_.look().error; link != 0) return link;
  // It sends nothing of XDP's: a veth device whose peer does not take it.
  return error == ENXIO ? EOPNOTSUPP : error;
}

int LiveSender::refuse_link(int error) {
  tally_.refuse(error, 1);
  return error;
}

uint64_t LiveSender::bytes_of(uint64_t first, uint64_t count) const {
  uint64_t bytes = 0;
  for (uint64_t i = first; i < first + count; ++i) bytes += frames_.template_of(i).size();
  return bytes;
}

}  // namespace dropscope
