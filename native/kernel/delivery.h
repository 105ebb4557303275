#pragma once

#include <cstdint>
#include <functional>
#include <mutex>

#include "link_table.h"
#include "network_namespace.h"

namespace dropscope {

// Whether an interface's own counter counts frames that were given to its driver.
class Delivery {
 public:
  // Counts from now on.
  Delivery(const NetworkNamespace& network_namespace, int ifindex);

  // tx_packets when it was made, and now; as it was last, when the link is gone.
  uint64_t before() const { return before_; }
  uint64_t read();

  enum class Verdict { kConfirmed, kRefuted, kCutShort };

  // Waits until it has risen by so many, or is_stopped says so, but not for long. To be asked by
  // each thread after its first frames; for those of the first it is found out.
  Verdict judge(uint64_t packets, const std::function<bool()>& is_stopped);

 private:
  uint64_t ask();

  std::mutex mutex_;
  LinkTable links_;
  int ifindex_;
  uint64_t latest_ = 0;
  uint64_t before_;
  std::once_flag asked_;
  Verdict verdict_ = Verdict::kCutShort;
};

}  // namespace dropscope
