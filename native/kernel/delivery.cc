#include "delivery.h"

#include <chrono>
#include <thread>

#include "system_error.h"

namespace dropscope {
namespace {

// A driver counts what it has sent when the card says so, and some once in a while only.
constexpr std::chrono::milliseconds kQuiet{100};
constexpr std::chrono::milliseconds kPause{1};

}  // namespace

Delivery::Delivery(const NetworkNamespace& network_namespace, int ifindex)
    : links_(network_namespace), ifindex_(ifindex), before_(ask()) {
  latest_ = before_;
}

Delivery::Counted Delivery::read() {
  const std::lock_guard lock(mutex_);
  latest_ = ask();
  return {.packets = latest_.packets - before_.packets, .bytes = latest_.bytes - before_.bytes};
}

Delivery::Counted Delivery::settle(uint64_t packets) {
  Counted counted = read();
  auto moved = std::chrono::steady_clock::now();
  while (counted.packets < packets && std::chrono::steady_clock::now() - moved < kQuiet) {
    std::this_thread::sleep_for(kPause);
    const Counted next = read();
    if (next.packets != counted.packets) moved = std::chrono::steady_clock::now();
    counted = next;
  }
  return counted;
}

bool Delivery::is_trusted(uint64_t packets) {
  std::call_once(trial_, [&] { trusted_ = settle(packets).packets >= packets; });
  return trusted_;
}

Delivery::Counted Delivery::ask() {
  try {
    const auto link = links_.read(ifindex_);
    if (!link) return latest_;
    return {.packets = link->counters.tx_packets, .bytes = link->counters.tx_bytes};
  } catch (const SystemError&) {
    return latest_;
  }
}

}  // namespace dropscope
