#include "driver_parts.h"

#include <algorithm>

#include "system_error.h"

namespace dropscope {
namespace {

// Of so many links the part is remembered.
constexpr size_t kMostParts = 16384;

// How often a measurement is tried again that drops have raced with.
constexpr int kAttempts = 8;

}  // namespace

void DriverParts::learn_all() {
  measure_all();
  at_start_ = parts_;
}

void DriverParts::measure_all() {
  const std::lock_guard measuring(measuring_);
  measure(all_links());
}

void DriverParts::measure_asked() {
  const std::lock_guard measuring(measuring_);
  std::vector<uint32_t> asked;
  {
    const std::lock_guard access(access_);
    asked.assign(asked_.begin(), asked_.end());
    asked_.clear();
  }
  measure(asked);
}

void DriverParts::ask(uint32_t ifindex) {
  const std::lock_guard access(access_);
  if (asked_.size() < kMostParts) asked_.insert(ifindex);
}

LinkCounters DriverParts::of(uint32_t ifindex) {
  const std::lock_guard access(access_);
  const auto part = parts_.find(ifindex);
  return part == parts_.end() ? LinkCounters{} : part->second;
}

std::optional<LinkCounters> DriverParts::at_start(uint32_t ifindex) const {
  const auto start = at_start_.find(ifindex);
  if (start == at_start_.end()) return {};
  return start->second;
}

std::vector<uint32_t> DriverParts::all_links() {
  std::vector<uint32_t> ifindexes;
  try {
    for (const auto& link : links_.read_all())
      ifindexes.push_back(static_cast<uint32_t>(link.ifindex));
  } catch (const SystemError&) {
    // Too many links come and go to list them. Each is measured again when it drops.
  }
  return ifindexes;
}

// While drops race with it, what was known before stands, within what is possible. The part of a
// link that is gone is forgotten: a later link may have its number.
void DriverParts::measure(const std::vector<uint32_t>& ifindexes) {
  for (const uint32_t ifindex : ifindexes) {
    std::optional<LinkCounters> part = of(ifindex);
    try {
      for (int attempt = 0; attempt < kAttempts && part && !try_measure(ifindex, part); ++attempt) {
      }
    } catch (const SystemError&) {
      continue;
    }
    const std::lock_guard access(access_);
    if (!part) {
      parts_.erase(ifindex);
    } else if (parts_.contains(ifindex) || parts_.size() < kMostParts) {
      parts_[ifindex] = *part;
    }
  }
}

// What netlink shows beyond the kernel's part: exactly so between two equal readings of that, else
// within what they leave open. False: they were not equal. Without a link, the part is nullopt.
bool DriverParts::try_measure(uint32_t ifindex, std::optional<LinkCounters>& part) {
  const auto before = kernel_part_(ifindex);
  const auto link = links_.read(static_cast<int>(ifindex));
  const auto after = kernel_part_(ifindex);
  if (!before || !link || !after) {
    part.reset();
    return true;
  }
  const auto& total = link->counters;
  const LinkCounters shown = {total.rx_dropped, total.tx_dropped, total.rx_nohandler,
                              total.rx_otherhost_dropped};
  for (size_t i = 0; i < part->size(); ++i) {
    const auto least = shown[i] - std::min(shown[i], (*after)[i]);
    const auto most = shown[i] - std::min(shown[i], (*before)[i]);
    (*part)[i] = std::clamp((*part)[i], least, std::max(least, most));
  }
  return before == after;
}

}  // namespace dropscope
