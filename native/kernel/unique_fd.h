#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include "system_error.h"

namespace dropscope {

// Owns one file descriptor and closes it.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  ~UniqueFd() { reset(); }

  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

  // To be closed by whoever takes it.
  int release() { return std::exchange(fd_, -1); }

  void reset() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_ = -1;
};

// Another descriptor of what fd has open, and not one of the standard streams.
inline UniqueFd duplicate(int fd) {
  constexpr int kFirst = 3;
  UniqueFd copy(fcntl(fd, F_DUPFD_CLOEXEC, kFirst));
  if (!copy) throw SystemError("fcntl");
  return copy;
}

}  // namespace dropscope
