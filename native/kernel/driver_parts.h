#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "drop_record.h"
#include "link_table.h"

namespace dropscope {

// The values of a link's counters, by drop_counter.
using LinkCounters = std::array<uint64_t, COUNTERS>;

// A link's counters are the kernel's part and the driver's own (dev_get_stats()). This knows the
// driver's part of the links of a network namespace, as it was when it was last measured. To
// measure it takes as long as somebody else changes links (rtnl_lock()), so that is done on another
// thread than where drops are read.
class DriverParts {
 public:
  // kernel_part: what the kernel itself has counted on a link, by ifindex; nullopt if there is no
  // such link.
  using KernelPart = std::function<std::optional<LinkCounters>(uint32_t ifindex)>;

  DriverParts(KernelPart kernel_part, NetworkNamespace network_namespace)
      : kernel_part_(std::move(kernel_part)), links_(std::move(network_namespace)) {}

  // Measures all links, and remembers that as their start.
  void learn_all();

  // Measures all links again.
  void measure_all();

  // Measures those that ask() was called for since the last time.
  void measure_asked();

  // Has a link measured next time.
  void ask(uint32_t ifindex);

  // What was measured last; zeros if nothing was. Any thread may call it at any time.
  LinkCounters of(uint32_t ifindex);

  // What it was at learn_all(); nullopt if it was not measured then.
  std::optional<LinkCounters> at_start(uint32_t ifindex) const;

 private:
  std::vector<uint32_t> all_links();
  void measure(const std::vector<uint32_t>& ifindexes);
  bool try_measure(uint32_t ifindex, std::optional<LinkCounters>& part);

  std::mutex measuring_;  // Guards these two; held while the kernel is asked.
  KernelPart kernel_part_;
  LinkTable links_;

  std::mutex access_;  // Guards these two; held for moments.
  std::unordered_map<uint32_t, LinkCounters> parts_;
  std::unordered_set<uint32_t> asked_;

  std::unordered_map<uint32_t, LinkCounters> at_start_;
};

}  // namespace dropscope
