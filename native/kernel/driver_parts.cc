#include "driver_parts.h"

#include <algorithm>

#include "system_error.h"

namespace dropscope {
namespace {

// Of so many links the part is remembered. They come and go; those that still drop are learnt anew.
constexpr size_t kMostParts = 16384;

// How often a measurement is tried again that drops have raced with.
constexpr int kAttempts = 8;

}  // namespace

void DriverParts::learn_all() {
  try {
    for (const auto& link : links_.read_all()) of(static_cast<uint32_t>(link.ifindex));
  } catch (const SystemError&) {
    // Too many links come and go to list them. Each is measured again when it drops.
  }
  at_start_ = parts_;
}

LinkCounters DriverParts::at_start(uint32_t ifindex) const {
  const auto start = at_start_.find(ifindex);
  return start == at_start_.end() ? LinkCounters{} : start->second;
}

LinkCounters DriverParts::of(uint32_t ifindex) {
  if (parts_.size() > kMostParts) parts_.clear();
  LinkCounters& part = parts_[ifindex];
  try {
    for (int attempt = 0; attempt < kAttempts && !measure(ifindex, part);) ++attempt;
  } catch (const SystemError&) {
    // The records that this is for are out of the ring already: better told with what is known.
  }
  return part;
}

// What netlink shows beyond the kernel's part: exactly so between two equal readings of that, else
// within what they leave open. False: they were not equal.
bool DriverParts::measure(uint32_t ifindex, LinkCounters& part) {
  const auto before = kernel_part_(ifindex);
  const auto link = links_.read(static_cast<int>(ifindex));
  const auto after = kernel_part_(ifindex);
  if (!before || !link || !after) return true;
  const auto& total = link->counters;
  const LinkCounters shown = {total.rx_dropped, total.tx_dropped, total.rx_nohandler,
                              total.rx_otherhost_dropped};
  for (size_t i = 0; i < part.size(); ++i) {
    const auto least = shown[i] - std::min(shown[i], (*after)[i]);
    const auto most = shown[i] - std::min(shown[i], (*before)[i]);
    part[i] = std::clamp(part[i], least, std::max(least, most));
  }
  return before == after;
}

}  // namespace dropscope
