#pragma once

#include <sys/types.h>

#include "unique_fd.h"

namespace dropscope {

// Notices the end of a process. Failures are SystemErrors.
class ProcessMonitor {
 public:
  // ESRCH: there is no such process. EINVAL: the number is that of another thread of a process.
  explicit ProcessMonitor(pid_t pid);

  // Whether the process has ended. Does not wait.
  bool ended() const;

  // Readable from the end of the process on.
  int descriptor() const { return fd_.get(); }

 private:
  UniqueFd fd_;
};

}  // namespace dropscope
