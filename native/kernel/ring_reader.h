#pragma once

#include <cstddef>
#include <cstdint>

namespace dropscope {

// Reads the records of a BPF ring buffer (kernel/bpf/ringbuf.c) that are all of one size.
class RingReader {
 public:
  // Maps the ring behind fd: ring_bytes of data. The descriptor stays the caller's.
  RingReader(int fd, size_t ring_bytes, size_t record_bytes);
  ~RingReader();
  RingReader(const RingReader&) = delete;
  RingReader& operator=(const RingReader&) = delete;

  // How many records wait, those included that are still being written.
  size_t waiting() const;

  // Copies up to limit finished records to out, one behind the other, and frees their room.
  // Returns how many.
  size_t take(uint8_t* out, size_t limit);

 private:
  size_t ring_bytes_;
  size_t record_bytes_;
  size_t step_;  // from one record to the next, in the ring
  size_t page_bytes_;
  unsigned long* consumed_;  // a page of its own
  uint8_t* produced_page_;   // the producer's position; on the next page the data begin
};

}  // namespace dropscope
