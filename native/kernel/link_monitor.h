#pragma once

#include <cstdint>
#include <vector>

#include "unique_fd.h"

namespace dropscope {

// Hears of links that leave the network namespace in which it was made. Failures are SystemErrors.
class LinkMonitor {
 public:
  struct Changes {
    std::vector<int> removed;  // ifindexes, in the order in which they went
    bool overrun = false;      // the kernel had no room for some notifications
  };

  LinkMonitor();

  // What happened since the last call. Does not wait.
  Changes read();

  // Readable when there is something to read.
  int descriptor() const { return fd_.get(); }

 private:
  UniqueFd fd_;
  std::vector<uint8_t> buffer_;
};

}  // namespace dropscope
