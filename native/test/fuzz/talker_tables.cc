#include "../../kernel/talker_tables.h"

#include <array>
#include <memory>

#include "input.h"

namespace dropscope {
namespace {

constexpr size_t kCpus = 3;

using Table = std::array<talker_set, TALKER_SETS>;

// Fills some sets of each CPU, and merges: every drop that was counted is in a talker or in
// `others`.
void merge_all(Input input) {
  static const auto tables = std::make_unique<std::array<Table, kCpus>>();
  const size_t limit = input.take<uint8_t>();
  uint64_t counted = 0;
  for (Table& table : *tables) {
    talker_set& set = table[input.take<uint8_t>() % 2];
    const uint32_t ways = input.take<uint8_t>() % (TALKER_WAYS + 1);
    for (uint32_t way = 0; way < ways; ++way) {
      // Few different talkers, so that CPUs have some in common; each once on a CPU. Some different
      // ones have the same tag.
      const uint64_t other = input.take<uint8_t>() % 2;
      set.talkers[way] = {};
      set.talkers[way].key.words[0] = way;
      set.talkers[way].key.words[1] = other;
      set.talkers[way].count = input.take<uint32_t>();
      set.talkers[way].first_ns = input.take<uint64_t>();
      set.talkers[way].last_ns = input.take<uint64_t>();
      set.tags[way] = 1 + way / 2 * 16;
      counted += set.talkers[way].count;
    }
    // The program counts what overflows only where no place is free.
    if (ways == TALKER_WAYS) set.overflow = input.take<uint32_t>();
    counted += set.overflow;
  }
  const std::array<talker_set*, kCpus> all = {(*tables)[0].data(), (*tables)[1].data(),
                                              (*tables)[2].data()};
  const TalkerCounts counts = merge_tables(all, limit);
  require(counts.talkers.size() <= limit);
  uint64_t told = counts.others;
  uint64_t last = UINT64_MAX;
  for (const TalkerRecord& record : counts.talkers) {
    told += record.talker.count;
    require(record.talker.count <= last);
    last = record.talker.count;
  }
  require(told == counted);
  const TalkerCounts again = merge_tables(all, limit);
  require(again.talkers.empty() && again.others == 0);
}

}  // namespace
}  // namespace dropscope

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  dropscope::merge_all({data, size});
  return 0;
}
