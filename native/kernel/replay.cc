#include "replay.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "pacing.h"
#include "start_thread.h"
#include "system_error.h"

namespace dropscope {

Replay::Replay(ReplayPlan plan)
    : plan_(std::move(plan)),
      sender_(open_frame_sender(plan_.engine, plan_.network_namespace, plan_.ifindex, 0)),
      changed_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!changed_fd_) throw SystemError("eventfd");
  thread_ = start_thread([this] { run(); });
}

Replay::~Replay() {
  stop();
  thread_.join();
}

void Replay::acknowledge() const {
  eventfd_t count = 0;
  eventfd_read(changed_fd_.get(), &count);
}

void Replay::push(const ReplayFrames& frames) {
  const size_t count = frames.lengths.size();
  if (frames.offsets.size() != count || frames.times_ns.size() != count) {
    throw std::out_of_range("Lists of different lengths");
  }
  for (size_t i = 0; i < count; ++i) {
    const uint64_t end = uint64_t{frames.offsets[i]} + frames.lengths[i];
    if (end > frames.bytes.size()) throw std::out_of_range("A frame beyond its buffer");
  }
  Block block = spare_block();
  block.bytes.assign(frames.bytes.begin(), frames.bytes.end());
  block.offsets.assign(frames.offsets.begin(), frames.offsets.end());
  block.lengths.assign(frames.lengths.begin(), frames.lengths.end());
  block.times_ns.assign(frames.times_ns.begin(), frames.times_ns.end());
  {
    const std::lock_guard lock(mutex_);
    blocks_.push_back(std::move(block));
  }
  came_.notify_one();
}

Replay::Block Replay::spare_block() {
  const std::lock_guard lock(mutex_);
  if (spare_.empty()) return {};
  Block block = std::move(spare_.back());
  spare_.pop_back();
  return block;
}

void Replay::finish() {
  {
    const std::lock_guard lock(mutex_);
    complete_ = true;
  }
  came_.notify_one();
}

void Replay::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  came_.notify_one();
}

void Replay::run() {
  wake_in_time();
  int failure = plan_.network_namespace.enter();
  while (failure == 0) {
    auto block = next_block();
    if (!block) break;
    eventfd_write(changed_fd_.get(), 1);
    failure = send(*block);
    frames_ += block->lengths.size();
    const std::lock_guard lock(mutex_);
    spare_.push_back(std::move(*block));
  }
  sender_->finish();
  failure_ = failure;
  end_ns_ = now_ns();
  eventfd_write(changed_fd_.get(), 1);
}

std::optional<Replay::Block> Replay::next_block() {
  std::unique_lock lock(mutex_);
  came_.wait(lock, [this] { return stopping_ || complete_ || !blocks_.empty(); });
  if (stopping_ || blocks_.empty()) return {};
  Block block = std::move(blocks_.front());
  blocks_.pop_front();
  return block;
}

// Returns the errno that is to end it, or 0.
int Replay::send(Block& block) {
  std::array<iovec, kSendWindow> window{};
  const auto is_over = [this] { return stopping_.load(); };
  for (size_t at = 0; at < block.lengths.size() && !stopping_;) {
    const size_t count = wait_until_due(block, at);
    for (size_t i = 0; i < count; ++i) {
      uint8_t* const frame = block.bytes.data() + block.offsets[at + i];
      rewrite(frame, block.lengths[at + i]);
      window[i] = {.iov_base = frame, .iov_len = block.lengths[at + i]};
    }
    const auto [done, error, goes_on] = sender_->send(std::span(window).first(count), is_over);
    if (error != 0 && !goes_on) return error;
    at += done;
  }
  return 0;
}

size_t Replay::wait_until_due(const Block& block, size_t from) {
  const size_t most = std::min(block.lengths.size() - from, kSendWindow);
  uint64_t now = now_ns();
  if (start_ns_ == 0) start_ns_ = now;
  if (plan_.speed == 0 && plan_.frames_per_second == 0) return most;
  if (!wait_until(due_ns(block, from), [this] { return stopping_.load(); })) return 0;
  now = now_ns();
  size_t count = 1;
  while (count < most && due_ns(block, from + count) <= now) ++count;
  return count;
}

uint64_t Replay::due_ns(const Block& block, size_t index) const {
  const double wait_ns = plan_.frames_per_second > 0
                             ? 1e9 * static_cast<double>(frames_ + index) / plan_.frames_per_second
                             : block.times_ns[index] / plan_.speed;
  return start_ns_ + to_wait_ns(wait_ns);
}

void Replay::rewrite(uint8_t* frame, size_t length) const {
  constexpr size_t kAddress = sizeof(MacAddress);
  if (length < 2 * kAddress) return;
  if (plan_.destination) std::memcpy(frame, plan_.destination->data(), kAddress);
  if (plan_.source) std::memcpy(frame + kAddress, plan_.source->data(), kAddress);
}

ReplayProgress Replay::progress() const {
  ReplayProgress progress;
  sender_->tally().add_to(progress.counts);
  progress.failure = failure_;
  const uint64_t end = end_ns_;
  const uint64_t start = start_ns_;
  progress.ended = end != 0;
  progress.duration_ns = start == 0 ? 0 : (progress.ended ? end : now_ns()) - start;
  const std::lock_guard lock(mutex_);
  progress.waiting = blocks_.size();
  return progress;
}

}  // namespace dropscope
