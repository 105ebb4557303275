#pragma once

#include <cerrno>
#include <memory>
#include <stdexcept>
#include <string>

namespace dropscope {

// A system call that the kernel refused.
class SystemError : public std::runtime_error {
 public:
  // syscall: its name as in section 2 of the manual. number: an errno(3) value. log: what the
  // kernel's BPF verifier said, if it said anything.
  SystemError(const char* syscall, int number, const char* log = "")
      : std::runtime_error(std::string(syscall) + ": errno " + std::to_string(number)),
        syscall_(syscall),
        number_(number),
        log_(std::make_shared<const std::string>(log)) {}

  // The last failure of this thread.
  explicit SystemError(const char* syscall) : SystemError(syscall, errno) {}

  const char* syscall() const { return syscall_; }
  int number() const { return number_; }
  const std::string& log() const { return *log_; }

 private:
  const char* syscall_;
  int number_;
  std::shared_ptr<const std::string> log_;  // An exception must be copied without fail.
};

}  // namespace dropscope
