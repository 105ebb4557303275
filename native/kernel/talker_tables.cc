#include "talker_tables.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "system_error.h"

namespace dropscope {
namespace {

bool is_same(const talker_key& a, const talker_key& b) {
  return std::memcmp(&a, &b, sizeof a) == 0;
}

bool is_louder(const TalkerRecord& a, const TalkerRecord& b) {
  return a.talker.count > b.talker.count;
}

void add(talker& sum, const talker& part) {
  sum.count += part.count;
  sum.first_ns = std::min(sum.first_ns, part.first_ns);
  sum.last_ns = std::max(sum.last_ns, part.last_ns);
}

// Leaves the loudest, sorted.
void keep_loudest(TalkerCounts& counts, size_t limit) {
  auto& talkers = counts.talkers;
  if (talkers.size() > limit) {
    const auto rest = talkers.begin() + static_cast<ptrdiff_t>(limit);
    std::nth_element(talkers.begin(), rest, talkers.end(), is_louder);
    for (auto quiet = rest; quiet != talkers.end(); ++quiet) {
      const uint64_t most = quiet->talker.count + quiet->missing;
      counts.others += quiet->talker.count;
      counts.most_missing = std::max(counts.most_missing, most);
    }
    talkers.erase(rest, talkers.end());
  }
  std::sort(talkers.begin(), talkers.end(), is_louder);
}

}  // namespace

uint32_t TalkerTables::sets(uint32_t cpu_count) { return TALKER_TABLES * cpu_count * TALKER_SETS; }

TalkerTables::TalkerTables(int fd, uint32_t cpu_count, SwapCpu swap_cpu)
    : cpu_count_(cpu_count),
      swap_cpu_(std::move(swap_cpu)),
      written_(cpu_count),
      taken_(cpu_count) {
  void* memory = mmap(nullptr, sets(cpu_count) * sizeof(talker_set), PROT_READ | PROT_WRITE,
                      MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) throw SystemError("mmap");
  sets_ = static_cast<talker_set*>(memory);
}

TalkerTables::~TalkerTables() { munmap(sets_, sets(cpu_count_) * sizeof(talker_set)); }

TalkerCounts TalkerTables::take(size_t limit) {
  for (uint32_t cpu = 0; cpu < cpu_count_; ++cpu) {
    taken_[cpu] = {};
    if (swap_cpu_(cpu)) taken_[cpu] = std::exchange(written_[cpu], 1 - written_[cpu]);
  }
  TalkerCounts counts;
  for (uint32_t set = 0; set < TALKER_SETS; ++set) take_set(set, counts);
  keep_loudest(counts, limit);
  return counts;
}

// One and the same talker has its place in this set on every CPU. Where it has none, what
// overflowed there may have been its own.
void TalkerTables::take_set(uint32_t set, TalkerCounts& counts) {
  const size_t first = counts.talkers.size();
  uint64_t overflow = 0;
  for (uint32_t cpu = 0; cpu < cpu_count_; ++cpu) {
    if (!taken_[cpu]) continue;
    talker_set& own = sets_[TALKER_SET_INDEX(*taken_[cpu], cpu, cpu_count_, set)];
    if (own.tags[0] == 0) continue;
    for (int way = 0; way < TALKER_WAYS && own.tags[way] != 0; ++way) {
      const talker& part = own.talkers[way];
      const auto known = std::find_if(
          counts.talkers.begin() + static_cast<ptrdiff_t>(first), counts.talkers.end(),
          [&](const TalkerRecord& record) { return is_same(record.talker.key, part.key); });
      if (known == counts.talkers.end()) {
        // `missing`: for now, what overflowed where it has a place.
        counts.talkers.push_back({part, own.overflow});
      } else {
        add(known->talker, part);
        known->missing += own.overflow;
      }
    }
    overflow += own.overflow;
    std::memset(&own, 0, sizeof own);
  }
  for (size_t i = first; i < counts.talkers.size(); ++i) {
    counts.talkers[i].missing = overflow - counts.talkers[i].missing;
  }
  counts.others += overflow;
  counts.most_missing = std::max(counts.most_missing, overflow);
}

}  // namespace dropscope
