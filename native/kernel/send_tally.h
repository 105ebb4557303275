#pragma once

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace dropscope {

// Above all numbers that the kernel returns for errors. Those from 512 on (include/linux/errno.h)
// are meant for the kernel only, but some of its drivers return 524, ENOTSUPP, to programs.
// ENOGRACE, 531, is the last.
constexpr size_t kErrnoLimit = 532;

// What came of frames, as far as it is known.
struct SendCounts {
  uint64_t sent = 0;
  uint64_t bytes = 0;                           // of the frames that were sent
  std::array<uint64_t, kErrnoLimit> refused{};  // frames, by errno
};

// What one thread counts, and others may read meanwhile.
class SendTally {
 public:
  void count_sent(uint64_t frames, uint64_t bytes) {
    sent_ += frames;
    bytes_ += bytes;
  }

  void refuse(int error, uint64_t frames) {
    const auto number = static_cast<size_t>(error);
    const bool is_known = number > 0 && number < kErrnoLimit;
    if (frames > 0) refused_[is_known ? number : EIO] += frames;
  }

  void add_to(SendCounts& counts) const {
    counts.sent += sent_;
    counts.bytes += bytes_;
    for (size_t i = 0; i < kErrnoLimit; ++i) counts.refused[i] += refused_[i];
  }

 private:
  std::atomic<uint64_t> sent_ = 0;
  std::atomic<uint64_t> bytes_ = 0;
  std::array<std::atomic<uint64_t>, kErrnoLimit> refused_{};
};

}  // namespace dropscope
