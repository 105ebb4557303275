#pragma once

#include <sys/mman.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <utility>

#include "system_error.h"

namespace dropscope {

// Memory that is mapped, until it goes.
class Mapping {
 public:
  Mapping() = default;
  // mmap(2), to read and to write. fd -1: memory of its own.
  Mapping(size_t bytes, int flags, int fd = -1, off_t offset = 0) : bytes_(bytes) {
    void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, fd, offset);
    if (memory == MAP_FAILED) throw SystemError("mmap");
    data_ = static_cast<uint8_t*>(memory);
  }
  ~Mapping() {
    if (data_ != nullptr) munmap(data_, bytes_);
  }

  Mapping(Mapping&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(other.bytes_) {}
  Mapping& operator=(Mapping&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  uint8_t* data() const { return data_; }

 private:
  uint8_t* data_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace dropscope
