#include "pacing.h"

#include <sys/prctl.h>

#include <ctime>

namespace dropscope {

constexpr uint64_t kSecond = 1'000'000'000;

uint64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * kSecond + static_cast<uint64_t>(now.tv_nsec);
}

void wake_in_time() { prctl(PR_SET_TIMERSLACK, 1); }

void sleep_until(uint64_t time_ns) {
  const timespec time{.tv_sec = static_cast<time_t>(time_ns / kSecond),
                      .tv_nsec = static_cast<long>(time_ns % kSecond)};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr);
}

}  // namespace dropscope
