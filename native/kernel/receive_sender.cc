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
      return {.done = done, .error = error.number()};
    }
  }
  return {.done = done};
}

}  // namespace dropscope
