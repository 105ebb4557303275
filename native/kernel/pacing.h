#pragma once

#include <cstdint>

namespace dropscope {

// CLOCK_MONOTONIC
uint64_t now_ns();

// Lets this thread wake when it is due, and not the 50 us later that are usual.
void wake_in_time();

void sleep_until(uint64_t time_ns);

}  // namespace dropscope
