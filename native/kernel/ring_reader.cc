#include "ring_reader.h"

#include <linux/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "system_error.h"

namespace dropscope {

RingReader::RingReader(int fd, size_t ring_bytes, size_t record_bytes)
    : ring_bytes_(ring_bytes),
      record_bytes_(record_bytes),
      step_(record_bytes + BPF_RINGBUF_HDR_SZ),
      page_bytes_(static_cast<size_t>(sysconf(_SC_PAGESIZE))) {
  // The consumer's position; the producer's; then the data, twice, so that no record is split.
  void* consumed = mmap(nullptr, page_bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (consumed == MAP_FAILED) throw SystemError("mmap");
  void* produced = mmap(nullptr, page_bytes_ + 2 * ring_bytes_, PROT_READ, MAP_SHARED, fd,
                        static_cast<off_t>(page_bytes_));
  if (produced == MAP_FAILED) {
    const SystemError error("mmap");
    munmap(consumed, page_bytes_);
    throw error;
  }
  consumed_ = static_cast<unsigned long*>(consumed);
  produced_page_ = static_cast<uint8_t*>(produced);
}

RingReader::~RingReader() {
  munmap(produced_page_, page_bytes_ + 2 * ring_bytes_);
  munmap(consumed_, page_bytes_);
}

size_t RingReader::waiting() const {
  const auto* produced = reinterpret_cast<const unsigned long*>(produced_page_);
  // Not before the caller has asked for a wake-up: DropTracer::wake_on_next().
  return (__atomic_load_n(produced, __ATOMIC_SEQ_CST) - *consumed_) / step_;
}

size_t RingReader::take(uint8_t* out, size_t limit) {
  const uint8_t* const data = produced_page_ + page_bytes_;
  const auto* produced = reinterpret_cast<const unsigned long*>(produced_page_);
  const unsigned long end = __atomic_load_n(produced, __ATOMIC_ACQUIRE);
  unsigned long at = *consumed_;
  size_t taken = 0;
  for (; taken < limit && at < end; ++taken) {
    const uint8_t* const header = data + (at & (ring_bytes_ - 1));
    const auto* length = reinterpret_cast<const uint32_t*>(header);
    if ((__atomic_load_n(length, __ATOMIC_ACQUIRE) & BPF_RINGBUF_BUSY_BIT) != 0) break;
    memcpy(out + taken * record_bytes_, header + BPF_RINGBUF_HDR_SZ, record_bytes_);
    at += step_;
  }
  __atomic_store_n(consumed_, at, __ATOMIC_RELEASE);
  return taken;
}

}  // namespace dropscope
