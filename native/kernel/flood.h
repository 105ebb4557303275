#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "delivery.h"
#include "engine.h"
#include "frame_sequence.h"
#include "network_namespace.h"
#include "send_tally.h"
#include "sequence_sender.h"
#include "unique_fd.h"

namespace dropscope {

struct FloodPlan {
  NetworkNamespace network_namespace;
  int ifindex = 0;
  FrameSequence frames;
  Engine engine = Engine::kSendmmsg;
  uint64_t count = 0;            // of frames; 0: no limit
  uint64_t duration_ns = 0;      // 0: no limit
  double frames_per_second = 0;  // 0: as many as it takes
  unsigned threads = 1;
};

struct FloodProgress {
  SendCounts counts;
  uint64_t duration_ns = 0;
  int failure = 0;  // the errno that ended it; 0: none did
  // tx_packets before it, and now, of kLiveFrames.
  struct Verified {
    uint64_t before = 0;
    uint64_t after = 0;
  };
  std::optional<Verified> verified;
};

// Sends frames from threads of its own. A frame that found a queue full is left out, and not tried
// again; any other refusal ends the flood.
class Flood {
 public:
  // Begins. SystemError when its engine cannot be had, and then nothing was sent; or no thread.
  explicit Flood(FloodPlan plan);

  // Stops, and waits for the threads: some 100 ms at most.
  ~Flood();
  Flood(const Flood&) = delete;
  Flood& operator=(const Flood&) = delete;

  // An eventfd(2) that is readable once it has ended.
  int descriptor() const { return ended_fd_.get(); }

  void stop();

  FloodProgress progress() const;

 private:
  std::unique_ptr<SequenceSender> open_sender(unsigned index) const;
  void run(SequenceSender& sender);
  void join();
  // Takes the frames to send next: how many, 0 where none are left; first: the number of the first.
  size_t take_block(size_t block, uint64_t& first);
  // False: it is to stop.
  bool wait_until_due(uint64_t number) const;
  bool is_over() const;

  const FloodPlan plan_;
  const size_t burst_;  // frames that are sent at once, at most
  std::shared_ptr<Delivery> delivery_;
  uint64_t start_ns_ = 0;
  UniqueFd ended_fd_;
  std::atomic<bool> stopping_ = false;
  std::atomic<uint64_t> next_ = 0;  // the number of the first frame that nobody sends yet
  std::atomic<int> failure_ = 0;
  std::atomic<unsigned> running_ = 0;
  std::atomic<uint64_t> end_ns_ = 0;
  std::vector<std::unique_ptr<SequenceSender>> senders_;
  std::vector<std::thread> threads_;
};

}  // namespace dropscope
