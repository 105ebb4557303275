#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "frame_sequence.h"
#include "network_namespace.h"
#include "unique_fd.h"

namespace dropscope {

struct FloodPlan {
  NetworkNamespace network_namespace;
  int ifindex = 0;
  FrameSequence frames;
  uint64_t count = 0;            // of frames; 0: no limit
  uint64_t duration_ns = 0;      // 0: no limit
  double frames_per_second = 0;  // 0: as many as it takes
  unsigned threads = 1;
};

// Above all errno(3) values: EHWPOISON is the last that Linux has.
constexpr size_t kErrnoLimit = 134;

struct FloodProgress {
  uint64_t sent = 0;
  uint64_t bytes = 0;  // of the frames that were sent
  uint64_t duration_ns = 0;
  std::array<uint64_t, kErrnoLimit> refused{};  // frames, by errno
  int failure = 0;                              // the errno that ended it; 0: none did
};

// Sends frames from threads of its own. A frame that found a queue full (ENOBUFS) is left out, and
// not tried again; any other refusal ends the flood.
class Flood {
 public:
  // Frames that one sendmmsg(2) takes.
  static constexpr size_t kWindow = 256;

  // Begins. SystemError when there is no socket to be had, and then nothing was sent; or no thread.
  explicit Flood(FloodPlan plan);

  // Stops, and waits for the threads: for 50 ms at most.
  ~Flood();
  Flood(const Flood&) = delete;
  Flood& operator=(const Flood&) = delete;

  // An eventfd(2) that is readable once it has ended.
  int descriptor() const { return ended_fd_.get(); }

  void stop() { stopping_ = true; }

  FloodProgress progress() const;

 private:
  class Sender;

  void run(Sender& sender);
  void join();
  // Takes the frames to send next: how many, 0 where none are left; first: the number of the first.
  size_t take_block(uint64_t& first);
  // False: it is to stop.
  bool wait_until_due(uint64_t number) const;
  bool is_over() const;

  const FloodPlan plan_;
  const size_t block_;  // frames that are sent at once
  uint64_t start_ns_ = 0;
  UniqueFd ended_fd_;
  std::atomic<bool> stopping_ = false;
  std::atomic<uint64_t> next_ = 0;  // the number of the first frame that nobody sends yet
  std::atomic<int> failure_ = 0;
  std::atomic<unsigned> running_ = 0;
  std::atomic<uint64_t> end_ns_ = 0;
  std::vector<std::unique_ptr<Sender>> senders_;
  std::vector<std::thread> threads_;
};

}  // namespace dropscope
