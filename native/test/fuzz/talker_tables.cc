#include "../../kernel/talker_tables.h"

#include <sys/mman.h>
#include <unistd.h>

#include "../../kernel/unique_fd.h"
#include "input.h"

namespace dropscope {
namespace {

constexpr uint32_t kCpus = 3;

// A map as the program has it, in a file in memory.
class Map {
 public:
  Map() : fd_(::memfd_create("talkers", MFD_CLOEXEC)) {
    const size_t bytes = TalkerTables::sets(kCpus) * sizeof(talker_set);
    require(::ftruncate(fd_.get(), static_cast<off_t>(bytes)) == 0);
    void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), 0);
    require(memory != MAP_FAILED);
    sets_ = static_cast<talker_set*>(memory);
  }

  int descriptor() const { return fd_.get(); }
  talker_set& set(uint32_t table, uint32_t cpu, uint32_t number) {
    return sets_[TALKER_SET_INDEX(table, cpu, kCpus, number)];
  }

 private:
  UniqueFd fd_;
  talker_set* sets_ = nullptr;
};

// Fills one set of each CPU, and takes: every drop that was counted is in a talker or in `others`.
void take_all(Input input) {
  static Map map;
  static bool may_swap = true;
  static TalkerTables tables(map.descriptor(), kCpus, [](uint32_t) { return may_swap; });
  static uint32_t table = 0;
  const size_t limit = input.take<uint8_t>();
  const uint32_t number = input.take<uint8_t>();
  uint64_t counted = 0;
  for (uint32_t cpu = 0; cpu < kCpus; ++cpu) {
    talker_set& set = map.set(table, cpu, number);
    const uint32_t ways = input.take<uint8_t>() % (TALKER_WAYS + 1);
    for (uint32_t way = 0; way < ways; ++way) {
      set.tags[way] = 1 + input.take<uint8_t>();
      // Few different ones, so that CPUs have some in common; each once on a CPU.
      set.talkers[way].key.words[0] = way;
      set.talkers[way].key.words[1] = input.take<uint8_t>() % 2;
      set.talkers[way].count = input.take<uint32_t>();
      set.talkers[way].first_ns = input.take<uint64_t>();
      set.talkers[way].last_ns = input.take<uint64_t>();
      counted += set.talkers[way].count;
    }
    // The program counts what overflows only where no place is free.
    if (ways == TALKER_WAYS) set.overflow = input.take<uint32_t>();
    counted += ways == 0 ? 0 : set.overflow;
  }
  const TalkerCounts counts = tables.take(limit);
  table = 1 - table;
  require(counts.talkers.size() <= limit);
  uint64_t told = counts.others;
  uint64_t last = UINT64_MAX;
  for (const TalkerRecord& record : counts.talkers) {
    told += record.talker.count;
    require(record.talker.count <= last);
    last = record.talker.count;
  }
  require(told == counted);
  require(tables.take(limit).talkers.empty());
  table = 1 - table;
}

}  // namespace
}  // namespace dropscope

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  dropscope::take_all({data, size});
  return 0;
}
