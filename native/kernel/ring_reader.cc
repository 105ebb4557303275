#include "ring_reader.h"

#include <linux/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "system_error.h"

namespace dropscope {
namespace {

using Position = std::atomic<unsigned long>;

Position* position(void* page) { return static_cast<Position*>(page); }

}  // namespace

RingReader::RingReader(int fd, size_t ring_bytes, size_t record_bytes)
    : ring_bytes_(ring_bytes),
      record_bytes_(record_bytes),
      step_(record_bytes + BPF_RINGBUF_HDR_SZ),
      page_bytes_(static_cast<size_t>(sysconf(_SC_PAGESIZE))) {
  // The consumer's position; the producer's; then the data, twice, so that no record is split.
  consumer_page_ = mmap(nullptr, page_bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (consumer_page_ == MAP_FAILED) throw SystemError("mmap");
  void* producer_page = mmap(nullptr, page_bytes_ + 2 * ring_bytes_, PROT_READ, MAP_SHARED, fd,
                             static_cast<off_t>(page_bytes_));
  if (producer_page == MAP_FAILED) {
    const SystemError error("mmap");
    munmap(consumer_page_, page_bytes_);
    throw error;
  }
  producer_page_ = static_cast<uint8_t*>(producer_page);
}

RingReader::~RingReader() {
  munmap(producer_page_, page_bytes_ + 2 * ring_bytes_);
  munmap(consumer_page_, page_bytes_);
}

size_t RingReader::waiting() const {
  const auto consumed = position(consumer_page_)->load(std::memory_order_relaxed);
  return (position(producer_page_)->load(std::memory_order_seq_cst) - consumed) / step_;
}

size_t RingReader::take(uint8_t* out, size_t limit) {
  const uint8_t* const data = producer_page_ + page_bytes_;
  auto consumed = position(consumer_page_)->load(std::memory_order_relaxed);
  const auto produced = position(producer_page_)->load(std::memory_order_acquire);
  size_t taken = 0;
  for (; taken < limit && consumed < produced; taken++) {
    const uint8_t* const header = data + (consumed & (ring_bytes_ - 1));
    const uint32_t length =
        __atomic_load_n(reinterpret_cast<const uint32_t*>(header), __ATOMIC_ACQUIRE);
    if (length & BPF_RINGBUF_BUSY_BIT) break;
    memcpy(out + taken * record_bytes_, header + BPF_RINGBUF_HDR_SZ, record_bytes_);
    consumed += step_;
  }
  position(consumer_page_)->store(consumed, std::memory_order_release);
  return taken;
}

}  // namespace dropscope
