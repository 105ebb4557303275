#pragma once

#include <cerrno>
#include <stdexcept>
#include <string>

namespace dropscope {

// A system call that the kernel refused.
class SystemError : public std::runtime_error {
 public:
  // syscall: its name as in section 2 of the manual. number: an errno(3) value.
  SystemError(const char* syscall, int number)
      : std::runtime_error(std::string(syscall) + ": errno " + std::to_string(number)),
        syscall_(syscall),
        number_(number) {}

  // The last failure of this thread.
  explicit SystemError(const char* syscall) : SystemError(syscall, errno) {}

  const char* syscall() const { return syscall_; }
  int number() const { return number_; }

 private:
  const char* syscall_;
  int number_;
};

}  // namespace dropscope
