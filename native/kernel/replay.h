#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "engine.h"
#include "frame_sender.h"
#include "network_namespace.h"
#include "send_tally.h"
#include "unique_fd.h"

namespace dropscope {

using MacAddress = std::array<uint8_t, 6>;

struct ReplayPlan {
  NetworkNamespace network_namespace;
  int ifindex = 0;
  Engine engine = Engine::kSendmmsg;
  double speed = 0;              // of the times in the file; 0: as fast as it goes
  double frames_per_second = 0;  // if not 0, instead of those times
  std::optional<MacAddress> source;
  std::optional<MacAddress> destination;
};

// Frames of a file: where they lie in its bytes, and when they are due.
struct ReplayFrames {
  std::span<const uint8_t> bytes;
  std::span<const uint32_t> offsets;
  std::span<const uint32_t> lengths;
  std::span<const double> times_ns;  // since the first frame of all
};

struct ReplayProgress {
  SendCounts counts;
  uint64_t duration_ns = 0;
  int failure = 0;  // the errno that ended it; 0: none did
  bool ended = false;
  size_t waiting = 0;  // blocks
};

// Sends what it is given from a thread of its own. A frame that found a queue full, or that the
// link does not take for its length, is left out; any other refusal ends it.
class Replay {
 public:
  // SystemError when its engine cannot be had, or no thread.
  explicit Replay(ReplayPlan plan);

  // Stops, and waits for the thread: for 100 ms at most.
  ~Replay();
  Replay(const Replay&) = delete;
  Replay& operator=(const Replay&) = delete;

  // An eventfd(2) that is readable once it has taken up another block, or has ended.
  int descriptor() const { return changed_fd_.get(); }
  // Makes it unreadable again.
  void acknowledge() const;

  // Copies them. Throws std::out_of_range for a frame that reaches beyond the bytes.
  void push(const ReplayFrames& frames);
  // No more will come.
  void finish();
  void stop();

  ReplayProgress progress() const;

 private:
  // A copy of frames.
  struct Block {
    std::vector<uint8_t> bytes;
    std::vector<uint32_t> offsets;
    std::vector<uint32_t> lengths;
    std::vector<double> times_ns;
  };

  void run();
  std::optional<Block> next_block();
  int send(Block& block);
  // How many frames of a block are due, from one on; waits for the first. 0: it is to stop.
  size_t wait_until_due(const Block& block, size_t from);
  uint64_t due_ns(const Block& block, size_t index) const;
  Block spare_block();
  void rewrite(uint8_t* frame, size_t length) const;

  const ReplayPlan plan_;
  std::unique_ptr<FrameSender> sender_;
  UniqueFd changed_fd_;
  mutable std::mutex mutex_;
  std::condition_variable came_;
  std::deque<Block> blocks_;
  std::vector<Block> spare_;  // whose memory is used again
  bool complete_ = false;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> failure_ = 0;
  std::atomic<uint64_t> start_ns_ = 0;  // when the first frame was due; 0: none has come
  std::atomic<uint64_t> end_ns_ = 0;
  uint64_t frames_ = 0;  // of the blocks before
  std::thread thread_;
};

}  // namespace dropscope
