#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "frame_sender.h"
#include "frame_sequence.h"
#include "send_tally.h"

namespace dropscope {

// Sends frames of a sequence by their numbers, from one thread.
class SequenceSender {
 public:
  SequenceSender() = default;
  virtual ~SequenceSender() = default;
  SequenceSender(const SequenceSender&) = delete;
  SequenceSender& operator=(const SequenceSender&) = delete;

  // Frames that it is best given at once. It changes.
  virtual size_t block() const = 0;

  // Sends them, until is_over says so or it is stopped. Returns the errno that is to end it, or 0.
  virtual int send(uint64_t first, size_t count, const std::function<bool()>& is_over) = 0;

  // From another thread, for those that do not ask is_over; the same from this time on.
  virtual void stop() {}
  virtual void stop_at(uint64_t) {}

  // When no more is sent.
  virtual void finish() {}

  virtual const SendTally& tally() const = 0;
};

// Writes the frames, and gives them to a sender.
class WrittenFrames final : public SequenceSender {
 public:
  WrittenFrames(const FrameSequence& frames, std::unique_ptr<FrameSender> sender);

  size_t block() const override { return kSendWindow; }
  int send(uint64_t first, size_t count, const std::function<bool()>& is_over) override;
  void finish() override { sender_->finish(); }
  const SendTally& tally() const override { return sender_->tally(); }

 private:
  iovec frame_at(size_t place, uint64_t number);

  const FrameSequence& frames_;
  std::unique_ptr<FrameSender> sender_;
  std::vector<uint8_t> varied_;  // room for frames that vary
  std::array<iovec, kSendWindow> window_{};
};

}  // namespace dropscope
