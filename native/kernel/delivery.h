#pragma once

#include <cstdint>
#include <mutex>

#include "link_table.h"
#include "network_namespace.h"

namespace dropscope {

// What an interface's own counters say of frames that were given to it: for ways of sending that
// report nothing.
class Delivery {
 public:
  // Counts from now on.
  Delivery(const NetworkNamespace& network_namespace, int ifindex);

  struct Counted {
    uint64_t packets = 0;  // tx_packets
    uint64_t bytes = 0;    // tx_bytes
  };

  // Since it was made. As it was, when the link is gone.
  Counted read();

  // Waits until so many packets were sent, or none for a while. Returns what was.
  Counted settle(uint64_t packets);

  // Whether the first packets that were given, so many, were sent. To be asked by each thread after
  // those; they are counted for the one that asks first.
  bool is_trusted(uint64_t packets);

  uint64_t packets_before() const { return before_.packets; }

 private:
  Counted ask();

  std::mutex mutex_;
  LinkTable links_;
  int ifindex_;
  Counted before_;
  Counted latest_;
  std::once_flag trial_;
  bool trusted_ = false;
};

}  // namespace dropscope
