#pragma once

#include <atomic>
#include <memory>

#include "delivery.h"
#include "link_gate.h"
#include "live_frames.h"
#include "sequence_sender.h"

namespace dropscope {

// Sends live frames, or has them received.
class LiveSender final : public SequenceSender {
 public:
  // delivery: null when they are to be received.
  LiveSender(const NetworkNamespace& network_namespace, int ifindex, const FrameSequence& frames,
             std::shared_ptr<Delivery> delivery);

  size_t block() const override { return block_; }
  // EOPNOTSUPP: the driver sends none, or the interface's counter does not count the first of them.
  int send(uint64_t first, size_t count, const std::function<bool()>& is_over) override;
  void stop() override;
  void stop_at(uint64_t time_ns) override { live_.stop_at(time_ns); }
  const SendTally& tally() const override { return tally_; }

 private:
  int end_trial(int error);
  int make(uint64_t first, uint64_t count);
  int count_run(const LiveFrames::Result& run, uint64_t first, uint64_t bytes);
  int count_sent(uint64_t made, uint64_t bytes);
  int meaning_of(int error) const;
  int refuse_link(int error);
  uint64_t bytes_of(uint64_t first, uint64_t count) const;

  const FrameSequence& frames_;
  LinkGate gate_;
  LiveFrames live_;
  std::shared_ptr<Delivery> delivery_;
  size_t block_;
  std::atomic<bool> stopped_ = false;  // from outside, and not for its time is over
  uint64_t trial_sent_ = 0;            // not in the tally before the trial ends
  uint64_t trial_bytes_ = 0;
  bool trusted_;  // there is no trial, or it has ended
  SendTally tally_;
};

}  // namespace dropscope
