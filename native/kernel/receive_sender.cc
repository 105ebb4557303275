#include "receive_sender.h"

#include "system_error.h"

namespace dropscope {

FrameSender::Result ReceiveSender::send(std::span<const iovec> frames,
                                        const std::function<bool()>& is_over) {
  size_t done = 0;
  while (done < frames.size() && !is_over()) {
    const iovec& frame = frames[done++];
    try {
      receiver_.receive({static_cast<const uint8_t*>(frame.iov_base), frame.iov_len});
      tally_.count_sent(1, frame.iov_len);
    } catch (const SystemError& error) {
      tally_.refuse(error.number(), 1);
      const bool about_frame = is_about_frame(error.number(), frame.iov_len);
      return {.done = done, .error = error.number(), .goes_on = about_frame};
    }
  }
  return {.done = done};
}

}  // namespace dropscope
