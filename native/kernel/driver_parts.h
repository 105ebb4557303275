#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_map>
#include <utility>

#include "drop_record.h"
#include "link_table.h"

namespace dropscope {

// The values of a link's counters, by drop_counter.
using LinkCounters = std::array<uint64_t, COUNTERS>;

// A link's counters are the kernel's part and the driver's own (dev_get_stats()). This knows the
// driver's part of the links of a network namespace.
class DriverParts {
 public:
  // kernel_part: what the kernel itself has counted on a link, by ifindex; nullopt if there is no
  // such link.
  using KernelPart = std::function<std::optional<LinkCounters>(uint32_t ifindex)>;

  DriverParts(KernelPart kernel_part, NetworkNamespace network_namespace)
      : kernel_part_(std::move(kernel_part)), links_(std::move(network_namespace)) {}

  // Measures all links: it goes best while no drops race with it.
  void learn_all();

  // Measures one link. While drops race with it, or when it cannot be measured, because the link is
  // gone, for instance, what was known before stands, within what is possible.
  LinkCounters of(uint32_t ifindex);

  // What it was at learn_all(); of a later link, zeros.
  LinkCounters at_start(uint32_t ifindex) const;

 private:
  bool measure(uint32_t ifindex, LinkCounters& part);

  KernelPart kernel_part_;
  LinkTable links_;
  std::unordered_map<uint32_t, LinkCounters> parts_;
  std::unordered_map<uint32_t, LinkCounters> at_start_;
};

}  // namespace dropscope
