#include "network_namespace.h"

#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <exception>

#include "start_thread.h"
#include "system_error.h"

namespace dropscope {

NetworkNamespace::NetworkNamespace(const std::string& path) {
  // O_NONBLOCK: a FIFO, which is no namespace either, would wait for its other end.
  fd_ = std::make_shared<UniqueFd>(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!*fd_) throw SystemError("open");
  const int type = ::ioctl(fd_->get(), NS_GET_NSTYPE);
  if (type < 0) throw SystemError("ioctl");
  // setns(2): EINVAL for "a namespace whose type does not match", so that this thread stays.
  if (type != CLONE_NEWNET && ::setns(fd_->get(), CLONE_NEWNET) < 0) throw SystemError("setns");
}

void NetworkNamespace::run(const std::function<void()>& work) const {
  if (!fd_) {
    work();
    return;
  }
  std::exception_ptr failure;
  start_thread([&] {
    try {
      if (const int error = enter(); error != 0) throw SystemError("setns", error);
      work();
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) std::rethrow_exception(failure);
}

int NetworkNamespace::enter() const {
  return fd_ && ::setns(fd_->get(), CLONE_NEWNET) < 0 ? errno : 0;
}

UniqueFd NetworkNamespace::socket(int domain, int type, int protocol) const {
  UniqueFd fd;
  run([&] {
    fd = UniqueFd(::socket(domain, type, protocol));
    if (!fd) throw SystemError("socket");
  });
  return fd;
}

}  // namespace dropscope
