#include "pacing.h"

#include <sys/prctl.h>

#include <algorithm>
#include <ctime>

namespace dropscope {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint64_t kPatienceNs = 50'000'000;

void sleep_until(uint64_t time_ns) {
  const timespec time{.tv_sec = static_cast<time_t>(time_ns / kSecond),
                      .tv_nsec = static_cast<long>(time_ns % kSecond)};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr);
}

}  // namespace

uint64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * kSecond + static_cast<uint64_t>(now.tv_nsec);
}

uint64_t to_wait_ns(double ns) { return ns > 0 ? static_cast<uint64_t>(std::min(ns, 1e19)) : 0; }

void wake_in_time() { prctl(PR_SET_TIMERSLACK, 1); }

bool wait_until(uint64_t time_ns, const std::function<bool()>& is_over) {
  for (uint64_t now = now_ns(); now < time_ns; now = now_ns()) {
    if (is_over()) return false;
    sleep_until(std::min(time_ns, now + kPatienceNs));
  }
  return !is_over();
}

}  // namespace dropscope
