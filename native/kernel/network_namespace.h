#pragma once

#include <functional>
#include <memory>
#include <string>

#include "unique_fd.h"

namespace dropscope {

// A network namespace, which stays as long as this does. Failures are SystemErrors.
class NetworkNamespace {
 public:
  // The one of the calling thread.
  NetworkNamespace() = default;

  // The one behind a file such as /proc/PID/ns/net or /run/netns/NAME. EINVAL of setns, or an
  // error of ioctl: the file is no network namespace.
  explicit NetworkNamespace(const std::string& path);

  // Calls work in it, on a thread of its own: setns(2) moves no other thread. Throws what it
  // throws.
  void run(const std::function<void()>& work) const;

  // Moves the calling thread to it, for ever. Returns an errno, or 0.
  int enter() const;

  // socket(2), in it.
  UniqueFd socket(int domain, int type, int protocol) const;

 private:
  std::shared_ptr<UniqueFd> fd_;  // null: the calling thread's
};

}  // namespace dropscope
