#include "../kernel/ring_reader.h"

#include <linux/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "../kernel/unique_fd.h"
#include "check.h"

namespace dropscope {
namespace {

constexpr size_t kRecordBytes = 88;
constexpr size_t kStep = kRecordBytes + BPF_RINGBUF_HDR_SZ;

// What the kernel writes to, as a file in memory: the two positions, each on a page, and the data,
// twice (kernel/bpf/ringbuf.c).
class FakeRing {
 public:
  FakeRing()
      : page_bytes_(static_cast<size_t>(::sysconf(_SC_PAGESIZE))),
        fd_(::memfd_create("ring", MFD_CLOEXEC)),
        size_(2 * page_bytes_ + 2 * page_bytes_) {
    check(::ftruncate(fd_.get(), static_cast<off_t>(size_)) == 0, "the file has its size");
    void* memory = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), 0);
    check(memory != MAP_FAILED, "the file can be mapped");
    memory_ = static_cast<uint8_t*>(memory);
  }
  ~FakeRing() { ::munmap(memory_, size_); }
  FakeRing(const FakeRing&) = delete;
  FakeRing& operator=(const FakeRing&) = delete;

  int descriptor() const { return fd_.get(); }
  size_t ring_bytes() const { return page_bytes_; }
  size_t room() const { return (ring_bytes() - (produced_ - position(0))) / kStep; }

  // Returns where the record lies, for finish().
  unsigned long begin(uint8_t content) {
    const unsigned long at = produced_;
    write_length(at, static_cast<uint32_t>(kRecordBytes) | BPF_RINGBUF_BUSY_BIT);
    for (size_t i = 0; i < kRecordBytes; ++i) write(at + BPF_RINGBUF_HDR_SZ + i, content);
    produced_ += kStep;
    std::memcpy(memory_ + page_bytes_, &produced_, sizeof produced_);
    return at;
  }
  void finish(unsigned long at) { write_length(at, kRecordBytes); }

 private:
  unsigned long position(size_t page) const {
    unsigned long value = 0;
    std::memcpy(&value, memory_ + page * page_bytes_, sizeof value);
    return value;
  }

  void write(unsigned long at, uint8_t byte) {
    uint8_t* const data = memory_ + 2 * page_bytes_;
    data[at % ring_bytes()] = byte;
    data[at % ring_bytes() + ring_bytes()] = byte;
  }

  void write_length(unsigned long at, uint32_t length) {
    for (size_t i = 0; i < sizeof length; ++i) {
      write(at + i, static_cast<uint8_t>(length >> (8 * i)));
    }
  }

  size_t page_bytes_;
  UniqueFd fd_;
  size_t size_;
  uint8_t* memory_ = nullptr;
  unsigned long produced_ = 0;
};

void waits_for_records_that_are_being_written() {
  FakeRing ring;
  RingReader reader(ring.descriptor(), ring.ring_bytes(), kRecordBytes);
  std::array<uint8_t, 4 * kRecordBytes> out{};
  check(reader.waiting() == 0 && reader.take(out.data(), 4) == 0, "an empty ring has no records");
  ring.finish(ring.begin(1));
  const auto busy = ring.begin(2);
  ring.finish(ring.begin(3));
  check(reader.waiting() == 3, "all of them wait");
  check(reader.take(out.data(), 4) == 1, "the second is not finished");
  check(out[0] == 1 && out[kRecordBytes - 1] == 1 && out[kRecordBytes] == 0, "only the first came");
  ring.finish(busy);
  check(reader.take(out.data(), 1) == 1 && out[0] == 2, "no more than asked for");
  check(reader.take(out.data(), 4) == 1 && out[0] == 3, "then the rest");
  check(reader.waiting() == 0, "nothing is left");
}

void reads_records_across_the_end_of_the_ring() {
  FakeRing ring;
  RingReader reader(ring.descriptor(), ring.ring_bytes(), kRecordBytes);
  std::array<uint8_t, 8 * kRecordBytes> out{};
  uint8_t written = 0;
  uint8_t read = 0;
  for (int round = 0; round < 1000; ++round) {
    while (ring.room() > 0 && static_cast<uint8_t>(written - read) < 13) {
      ring.finish(ring.begin(written++));
    }
    const size_t count = reader.take(out.data(), 8);
    check(count == 8, "as many as asked for");
    for (size_t i = 0; i < count; ++i, ++read) {
      check(out[i * kRecordBytes] == read, "in the order of writing");
      check(out[(i + 1) * kRecordBytes - 1] == read, "whole");
    }
  }
}

}  // namespace
}  // namespace dropscope

int main() {
  dropscope::waits_for_records_that_are_being_written();
  dropscope::reads_records_across_the_end_of_the_ring();
  return dropscope::outcome();
}
