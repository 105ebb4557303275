#pragma once

#include <cstdint>
#include <functional>

namespace dropscope {

// CLOCK_MONOTONIC
uint64_t now_ns();

// A time to wait: centuries are for ever, and what is no number is now.
uint64_t to_wait_ns(double ns);

// Lets this thread wake when it is due, and not the 50 us later that are usual.
void wake_in_time();

// Waits, and asks each 50 ms at least whether it is over. False: it is.
bool wait_until(uint64_t time_ns, const std::function<bool()>& is_over);

}  // namespace dropscope
