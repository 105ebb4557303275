#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "frame_sequence.h"
#include "live_frames_skeleton.h"
#include "mapping.h"
#include "send_tally.h"

namespace dropscope {

// Frames that a BPF program makes in the kernel, to be sent or received as if a driver's XDP
// program had done it: BPF_F_TEST_XDP_LIVE_FRAMES, since Linux 5.18. Failures are SystemErrors.
class LiveFrames {
 public:
  // Bytes of a frame, at most: a page, less what the kernel keeps in it.
  static constexpr size_t kLongest = 3400;

  enum class Direction { kTransmit, kReceive };

  // Room for so many templates and values of lists. EPERM without CAP_BPF and CAP_NET_ADMIN, EINVAL
  // without CAP_PERFMON, which the loader of a light skeleton takes.
  LiveFrames(int ifindex, Direction direction, size_t templates, size_t values);

  // E2BIG: there is no room for as many, or for one as long.
  void set_frames(const FrameSequence& frames);

  struct Result {
    uint64_t made = 0;  // frames, those lost included
    uint64_t lost = 0;  // of the last ones, for `error`
    int error = 0;      // what the kernel stopped at; EINTR: there may be more
  };

  // Makes the frames from this number on, in the interface's network namespace, which the calling
  // thread must be in.
  Result run(uint64_t first, uint64_t count);

  // Of kTransmit: frames that the driver took since the last call, and those that were refused, by
  // errno; ENOBUFS is a full queue.
  SendCounts take_counts() const;

  // Of all frames that were made.
  uint64_t bytes() const;

  // Makes no more: now, from another thread, or from this time on.
  void stop() const;
  void stop_at(uint64_t time_ns) const;
  bool stopped() const;

 private:
  struct Destroy {
    void operator()(live_frames_bpf* skeleton) const { live_frames_skeleton_destroy(skeleton); }
  };

  int ifindex_;
  Direction direction_;
  size_t templates_;
  size_t values_;
  std::unique_ptr<live_frames_bpf, Destroy> skeleton_;
  live_frames_handles handles_{};
  Mapping template_map_;
  Mapping value_map_;
};

}  // namespace dropscope
