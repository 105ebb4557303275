#include "delivery.h"

#include <chrono>
#include <thread>

#include "system_error.h"

namespace dropscope {
namespace {

using Clock = std::chrono::steady_clock;

// A driver counts what it has sent when the card says so.
constexpr std::chrono::milliseconds kPatience{200};
constexpr std::chrono::milliseconds kPause{1};

}  // namespace

Delivery::Delivery(const NetworkNamespace& network_namespace, int ifindex)
    : links_(network_namespace), ifindex_(ifindex), before_(ask()) {}

uint64_t Delivery::read() {
  const std::lock_guard lock(mutex_);
  return ask();
}

Delivery::Verdict Delivery::judge(uint64_t packets, const std::function<bool()>& is_stopped) {
  std::call_once(asked_, [&] {
    const auto give_up = Clock::now() + kPatience;
    while (read() - before_ < packets && Clock::now() < give_up && !is_stopped()) {
      std::this_thread::sleep_for(kPause);
    }
    if (read() - before_ >= packets) {
      verdict_ = Verdict::kConfirmed;
    } else if (!is_stopped()) {
      verdict_ = Verdict::kRefuted;
    }
  });
  return verdict_;
}

uint64_t Delivery::ask() {
  try {
    if (const auto link = links_.read(ifindex_)) latest_ = link->counters.tx_packets;
  } catch (const SystemError&) {
    // It stays as it was.
  }
  return latest_;
}

}  // namespace dropscope
