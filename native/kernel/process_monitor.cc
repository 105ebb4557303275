#include "process_monitor.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "system_error.h"

namespace dropscope {

// pidfd_open(2), in Linux since 5.3: "The close-on-exec flag is set on the file descriptor." A C
// library has a function for it since glibc 2.36.
ProcessMonitor::ProcessMonitor(pid_t pid)
    : fd_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))) {
  if (!fd_) throw SystemError("pidfd_open");
}

bool ProcessMonitor::ended() const {
  pollfd process{.fd = fd_.get(), .events = POLLIN, .revents = 0};
  // Without a time to wait, a signal makes it fail as well.
  while (::poll(&process, 1, 0) < 0) {
    if (errno != EINTR) throw SystemError("poll");
  }
  return process.revents != 0;
}

}  // namespace dropscope
