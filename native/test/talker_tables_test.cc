#include "../kernel/talker_tables.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <vector>

#include "check.h"

namespace dropscope {
namespace {

// The tables of so many CPUs, as the program fills them.
class Tables {
 public:
  explicit Tables(uint32_t cpus) : memory_(size_t{cpus} * TALKER_SETS) {
    for (uint32_t cpu = 0; cpu < cpus; ++cpu)
      tables_.push_back(&memory_[size_t{cpu} * TALKER_SETS]);
  }

  // Counts so many drops of a talker that is known by a number.
  void count(uint32_t cpu, uint32_t talker_number, uint64_t drops) {
    talker_set& set = tables_[cpu][talker_number % TALKER_SETS];
    const auto tag = static_cast<uint32_t>((talker_number * 0x9e3779b97f4a7c15ULL) >> 32) | 1;
    for (int way = 0; way < TALKER_WAYS; ++way) {
      talker& talker = set.talkers[way];
      if (set.tags[way] == 0) {
        set.tags[way] = tag;
        talker = {};
        talker.key.words[0] = talker_number;
        talker.count = drops;
        talker.first_ns = talker.last_ns = cpu + 1;
        return;
      }
      if (set.tags[way] != tag || talker.key.words[0] != talker_number) continue;
      talker.count += drops;
      return;
    }
    set.overflow += drops;
  }

  TalkerCounts merge(size_t limit) { return merge_tables(tables_, limit); }

 private:
  std::vector<talker_set> memory_;
  std::vector<talker_set*> tables_;
};

uint64_t sum_of(const TalkerCounts& counts) {
  uint64_t sum = counts.others;
  for (const auto& record : counts.talkers) sum += record.talker.count;
  return sum;
}

void adds_up_the_same_talker_of_all_cpus() {
  Tables tables(3);
  for (uint32_t cpu = 0; cpu < 3; ++cpu) tables.count(cpu, 7, 10);
  tables.count(1, 8, 5);
  const auto counts = tables.merge(10);
  check(counts.talkers.size() == 2 && counts.others == 0, "two talkers");
  check(counts.talkers[0].talker.count == 30, "the loudest first, with the drops of all CPUs");
  check(counts.talkers[0].talker.first_ns == 1 && counts.talkers[0].talker.last_ns == 3,
        "from its first drop to its last");
  check(counts.talkers[1].talker.count == 5 && counts.talkers[1].missing == 0, "then the other");
  check(tables.merge(10).talkers.empty(), "they are empty afterwards");
}

void says_what_a_talker_may_have_beyond_its_count() {
  Tables tables(2);
  // All in one set: the last has no place on the first CPU.
  for (uint32_t way = 0; way <= TALKER_WAYS; ++way) tables.count(0, way * uint32_t{TALKER_SETS}, 2);
  tables.count(1, TALKER_WAYS * TALKER_SETS, 1);
  const auto counts = tables.merge(100);
  check(counts.talkers.size() == TALKER_WAYS + 1 && counts.others == 2, "all are listed");
  for (const auto& record : counts.talkers) {
    const bool overflowed = record.talker.key.words[0] == uint64_t{TALKER_WAYS} * TALKER_SETS;
    check(record.missing == (overflowed ? 2 : 0), "only the last may have more");
  }
  check(counts.most_missing == 2, "so much may be of a talker that is not listed");
}

void keeps_the_loudest() {
  Tables tables(4);
  uint64_t all = 0;
  for (uint32_t number = 0; number < 2000; ++number) {
    tables.count(number % 4, number, number + 1);
    all += number + 1;
  }
  const auto counts = tables.merge(10);
  check(counts.talkers.size() == 10 && sum_of(counts) == all, "no drop is forgotten");
  for (size_t i = 0; i < counts.talkers.size(); ++i) {
    check(counts.talkers[i].talker.count == 2000 - i, "the ten loudest, in their order");
  }
  check(counts.most_missing == 1990, "the eleventh is not listed");
  tables.count(0, 1, 3);
  const auto none = tables.merge(0);
  check(none.talkers.empty() && none.others == 3 && none.most_missing == 3, "no list at all");
}

// Prints how long the work of a large machine takes.
void merges_tables_of_128_cpus() {
  constexpr uint32_t kCpus = 128;
  constexpr uint32_t kTalkers{TALKER_SETS * TALKER_WAYS};
  std::array<double, 5> ms{};
  for (auto& time : ms) {
    Tables tables(kCpus);
    for (uint32_t cpu = 0; cpu < kCpus; ++cpu) {
      for (uint32_t i = 0; i < kTalkers; ++i) tables.count(cpu, cpu * kTalkers + i, 1 + i % 9);
    }
    const auto before = std::clock();
    const auto counts = tables.merge(2048);
    time = 1000.0 * static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC;
    check(counts.talkers.size() == 2048, "as many as asked for");
    check(counts.talkers.front().talker.count == 9, "the loudest are first");
  }
  std::sort(ms.begin(), ms.end());
  static_cast<void>(std::printf("128 CPUs, all talkers different: %.1f ms of CPU\n", ms[2]));
}

}  // namespace
}  // namespace dropscope

int main() {
  dropscope::adds_up_the_same_talker_of_all_cpus();
  dropscope::says_what_a_talker_may_have_beyond_its_count();
  dropscope::keeps_the_loudest();
  dropscope::merges_tables_of_128_cpus();
  return dropscope::outcome();
}
