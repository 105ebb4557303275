#pragma once

#include <cstdint>
#include <vector>

#include "network_namespace.h"
#include "unique_fd.h"

namespace dropscope {

// Hears of every change of the links of a network namespace, and tells which of them left it.
// Failures are SystemErrors.
class LinkMonitor {
 public:
  struct Changes {
    std::vector<int> removed;  // ifindexes, in the order in which they went
    bool overrun = false;      // the kernel had no room for some notifications
  };

  explicit LinkMonitor(const NetworkNamespace& network_namespace = {});

  // What happened since the last call. Does not wait.
  Changes read();

  // Readable after any change, until read().
  int descriptor() const { return fd_.get(); }

 private:
  UniqueFd fd_;
  std::vector<uint8_t> buffer_;
};

}  // namespace dropscope
