#include "sequence_sender.h"

#include <utility>

namespace dropscope {

WrittenFrames::WrittenFrames(const FrameSequence& frames, std::unique_ptr<FrameSender> sender)
    : frames_(frames),
      sender_(std::move(sender)),
      varied_(frames_.varies() ? kSendWindow * frames_.longest() : 0) {}

int WrittenFrames::send(uint64_t first, size_t count, const std::function<bool()>& is_over) {
  for (size_t i = 0; i < count; ++i) window_[i] = frame_at(i, first + i);
  return sender_->send(std::span(window_).first(count), is_over).error;
}

iovec WrittenFrames::frame_at(size_t place, uint64_t number) {
  if (frames_.varies()) {
    uint8_t* const into = varied_.data() + place * frames_.longest();
    return {.iov_base = into, .iov_len = frames_.write(number, into)};
  }
  const auto frame = frames_.template_of(number);
  // No sender writes to it.
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast)
  return {.iov_base = const_cast<uint8_t*>(frame.data()), .iov_len = frame.size()};
}

}  // namespace dropscope
