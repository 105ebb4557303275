#include "flood.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <limits>
#include <utility>

#include "live_sender.h"
#include "pacing.h"
#include "start_thread.h"
#include "system_error.h"

namespace dropscope {
namespace {

// Paced, frames that fall due within this time are sent at once.
constexpr double kBurstSeconds = 100e-6;

bool is_live(Engine engine) {
  return engine == Engine::kLiveFrames || engine == Engine::kReceiveLiveFrames;
}

size_t burst_size(const FloodPlan& plan) {
  const double rate = plan.frames_per_second;
  if (is_live(plan.engine)) return rate == 0 ? std::numeric_limits<size_t>::max() : 1;
  if (rate == 0) return kSendWindow;
  const double burst = std::ceil(rate * kBurstSeconds);
  return static_cast<size_t>(std::clamp(burst, 1.0, static_cast<double>(kSendWindow)));
}

}  // namespace

Flood::Flood(FloodPlan plan)
    : plan_(std::move(plan)),
      burst_(burst_size(plan_)),
      ended_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!ended_fd_) throw SystemError("eventfd");
  if (plan_.engine == Engine::kLiveFrames) {
    delivery_ = std::make_shared<Delivery>(plan_.network_namespace, plan_.ifindex);
  }
  for (unsigned i = 0; i < plan_.threads; ++i) senders_.push_back(open_sender(i));
  threads_.reserve(plan_.threads);
  start_ns_ = now_ns();
  running_ = plan_.threads;
  if (plan_.duration_ns > 0) {
    for (const auto& sender : senders_) sender->stop_at(start_ns_ + plan_.duration_ns);
  }
  try {
    for (const auto& sender : senders_) {
      threads_.push_back(start_thread([this, &sender] { run(*sender); }));
    }
  } catch (const SystemError&) {
    join();
    throw;
  }
}

Flood::~Flood() { join(); }

void Flood::stop() {
  stopping_ = true;
  for (const auto& sender : senders_) sender->stop();
}

void Flood::join() {
  stop();
  for (std::thread& thread : threads_) thread.join();
}

std::unique_ptr<SequenceSender> Flood::open_sender(unsigned index) const {
  const auto& [network_namespace, ifindex, frames, engine, count, duration, rate, threads] = plan_;
  if (is_live(engine)) {
    return std::make_unique<LiveSender>(network_namespace, ifindex, frames, delivery_);
  }
  return std::make_unique<WrittenFrames>(
      frames, open_frame_sender(engine, network_namespace, ifindex, index));
}

void Flood::run(SequenceSender& sender) {
  wake_in_time();
  int failure = is_live(plan_.engine) ? plan_.network_namespace.enter() : 0;
  uint64_t first = 0;
  while (failure == 0) {
    const size_t count = take_block(std::min(burst_, sender.block()), first);
    if (count == 0 || !wait_until_due(first)) break;
    failure = sender.send(first, count, [this] { return is_over(); });
  }
  if (failure != 0) {
    failure_ = failure;
    stop();
  }
  sender.finish();
  if (--running_ > 0) return;
  end_ns_ = now_ns();
  eventfd_write(ended_fd_.get(), 1);
}

size_t Flood::take_block(size_t block, uint64_t& first) {
  if (is_over()) return 0;
  first = next_.fetch_add(block);
  if (plan_.count == 0) return block;
  return first < plan_.count ? std::min<uint64_t>(block, plan_.count - first) : 0;
}

bool Flood::is_over() const {
  return stopping_ || (plan_.duration_ns > 0 && now_ns() - start_ns_ >= plan_.duration_ns);
}

bool Flood::wait_until_due(uint64_t number) const {
  if (plan_.frames_per_second == 0) return true;
  const double wait_ns = 1e9 * static_cast<double>(number) / plan_.frames_per_second;
  return wait_until(start_ns_ + to_wait_ns(wait_ns), [this] { return is_over(); });
}

FloodProgress Flood::progress() const {
  FloodProgress progress;
  progress.failure = failure_;
  const uint64_t end = end_ns_;
  progress.duration_ns = (end == 0 ? now_ns() : end) - start_ns_;
  for (const auto& sender : senders_) sender->tally().add_to(progress.counts);
  if (delivery_) progress.verified = {.before = delivery_->before(), .after = delivery_->read()};
  return progress;
}

}  // namespace dropscope
