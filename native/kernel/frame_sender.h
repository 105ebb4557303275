#pragma once

#include <net/ethernet.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstddef>
#include <functional>
#include <span>

#include "send_tally.h"

namespace dropscope {

// Frames that a sender takes at once.
constexpr size_t kSendWindow = 256;

// Whether a frame of this length was refused for what it is, so that others may be sent.
constexpr bool is_about_frame(int error, size_t length) {
  return error == EMSGSIZE || (error == EINVAL && length < ETH_HLEN);
}

// Sends frames that it is given, from one thread.
class FrameSender {
 public:
  FrameSender() = default;
  virtual ~FrameSender() = default;
  FrameSender(const FrameSender&) = delete;
  FrameSender& operator=(const FrameSender&) = delete;

  struct Result {
    size_t done = 0;       // frames that it is done with
    int error = 0;         // the errno that the last of them was refused with; 0: none
    bool goes_on = false;  // whether that is because of the frame, so that others may be sent
  };

  // Sends up to kSendWindow frames in their order, until is_over says so. One that found a queue
  // full is left out, and not tried again; any other refusal ends it.
  virtual Result send(std::span<const iovec> frames, const std::function<bool()>& is_over) = 0;

  // After the last of them: counts what was still open.
  virtual void finish() {}

  const SendTally& tally() const { return tally_; }

 protected:
  SendTally tally_;
};

}  // namespace dropscope
