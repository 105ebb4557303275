#include "../../kernel/ring_reader.h"

#include <linux/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <deque>

#include "../../kernel/unique_fd.h"
#include "input.h"

namespace dropscope {
namespace {

constexpr size_t kRecordBytes = 80;
constexpr size_t kStep = kRecordBytes + BPF_RINGBUF_HDR_SZ;
constexpr size_t kMost = 64;

// What the kernel writes to: the two positions, each on a page, and the data, twice.
class Ring {
 public:
  Ring()
      : page_(static_cast<size_t>(::sysconf(_SC_PAGESIZE))),
        fd_(::memfd_create("ring", MFD_CLOEXEC)) {
    require(::ftruncate(fd_.get(), static_cast<off_t>(4 * page_)) == 0);
    void* memory = ::mmap(nullptr, 4 * page_, PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), 0);
    require(memory != MAP_FAILED);
    memory_ = static_cast<uint8_t*>(memory);
  }

  int descriptor() const { return fd_.get(); }
  size_t bytes() const { return page_; }

  void set_positions(unsigned long consumed, unsigned long produced) {
    std::memcpy(memory_, &consumed, sizeof consumed);
    std::memcpy(memory_ + page_, &produced, sizeof produced);
  }

  unsigned long consumed() const {
    unsigned long value = 0;
    std::memcpy(&value, memory_, sizeof value);
    return value;
  }

  void write(unsigned long at, const void* bytes, size_t count) {
    for (size_t i = 0; i < count; ++i) {
      const uint8_t byte = static_cast<const uint8_t*>(bytes)[i];
      memory_[2 * page_ + (at + i) % page_] = byte;
      memory_[3 * page_ + (at + i) % page_] = byte;
    }
  }

 private:
  size_t page_;
  UniqueFd fd_;
  uint8_t* memory_ = nullptr;
};

Ring& ring() {
  static Ring one;
  return one;
}

// Holds what comes out against what was put in, while records are begun, finished in any order, and
// taken.
void follow_the_kernel(Input& input) {
  struct Record {
    unsigned long at;
    uint8_t content;
    bool finished;
  };
  std::deque<Record> waiting;
  std::array<uint8_t, kMost * kRecordBytes> out{};
  // A ring has been in use for any time.
  unsigned long produced = input.take<uint32_t>() * kStep;
  ring().set_positions(produced, produced);
  RingReader reader(ring().descriptor(), ring().bytes(), kRecordBytes);
  while (!input.empty()) {
    const auto what = input.take<uint8_t>();
    const auto value = input.take<uint8_t>();
    if (what % 3 == 0 && (waiting.size() + 1) * kStep <= ring().bytes()) {
      const uint32_t header[2] = {kRecordBytes | BPF_RINGBUF_BUSY_BIT, 0};
      std::array<uint8_t, kRecordBytes> record{};
      record.fill(value);
      ring().write(produced, header, sizeof header);
      ring().write(produced + sizeof header, record.data(), record.size());
      waiting.push_back({produced, value, false});
      produced += kStep;
      ring().set_positions(ring().consumed(), produced);
    } else if (what % 3 == 1 && !waiting.empty()) {
      Record& record = waiting[value % waiting.size()];
      const uint32_t length = kRecordBytes;
      ring().write(record.at, &length, sizeof length);
      record.finished = true;
    } else {
      const size_t limit = value % (kMost + 1);
      require(reader.waiting() == waiting.size());
      const size_t count = reader.take(out.data(), limit);
      require(count <= limit);
      for (size_t i = 0; i < count; ++i) {
        require(!waiting.empty() && waiting.front().finished);
        require(out[i * kRecordBytes] == waiting.front().content);
        require(out[(i + 1) * kRecordBytes - 1] == waiting.front().content);
        waiting.pop_front();
      }
      require(count == limit || waiting.empty() || !waiting.front().finished);
    }
  }
}

// Reads a ring of any content at any positions that are multiples of 8: within its memory, and no
// more than was asked for.
void read_anything(Input& input) {
  std::array<uint8_t, kMost * kRecordBytes> out{};
  const auto consumed = input.take<uint64_t>() & ~7UL;
  const auto ahead = input.take<uint16_t>() & ~7UL;
  const auto limit = input.take<uint8_t>() % (kMost + 1);
  ring().set_positions(consumed, consumed + ahead);
  const auto content = input.take_bytes(ring().bytes());
  ring().write(0, content.data(), content.size());
  RingReader reader(ring().descriptor(), ring().bytes(), kRecordBytes);
  require(reader.waiting() <= ahead / kStep);
  require(reader.take(out.data(), limit) <= limit);
}

}  // namespace
}  // namespace dropscope

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  dropscope::Input input(data, size);
  if (input.take<uint8_t>() % 2 == 0)
    dropscope::follow_the_kernel(input);
  else
    dropscope::read_anything(input);
  return 0;
}
