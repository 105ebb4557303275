#include "talker_tables.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
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

// What several CPUs have counted of one talker.
struct Merged {
  const talker* first;  // as the first of them knows it
  uint64_t count;
  uint64_t first_ns;
  uint64_t last_ns;
  uint64_t missing;
  uint32_t tag;

  void add(const talker& part) {
    count += part.count;
    first_ns = std::min<uint64_t>(first_ns, part.first_ns);
    last_ns = std::max<uint64_t>(last_ns, part.last_ns);
  }

  TalkerRecord record() const {
    TalkerRecord record{*first, missing};
    record.talker.count = count;
    record.talker.first_ns = first_ns;
    record.talker.last_ns = last_ns;
    return record;
  }
};

// Keeps the loudest talkers of all that are given to it. It sorts out the quiet ones whenever it
// has twice as many as it may keep, so its work is proportional to what is given.
class Loudest {
 public:
  explicit Loudest(size_t limit) : limit_(limit) {}

  void give(const Merged& merged) {
    if (merged.count <= least_ || limit_ == 0) {
      leave_out(merged.count, merged.missing);
      return;
    }
    counts_.talkers.push_back(merged.record());
    if (counts_.talkers.size() >= 2 * limit_ + kSlack) cut();
  }

  // Drops of talkers that had no place in a set.
  void give_overflow(uint64_t overflow) {
    counts_.others += overflow;
    counts_.most_missing = std::max(counts_.most_missing, overflow);
  }

  TalkerCounts take() {
    cut();
    std::sort(counts_.talkers.begin(), counts_.talkers.end(), is_louder);
    return std::move(counts_);
  }

 private:
  static constexpr size_t kSlack = 64;

  void cut() {
    auto& talkers = counts_.talkers;
    if (talkers.size() <= limit_) return;
    const auto rest = talkers.begin() + static_cast<ptrdiff_t>(limit_);
    std::nth_element(talkers.begin(), rest, talkers.end(), is_louder);
    least_ = std::max<uint64_t>(least_, rest->talker.count);
    for (auto quiet = rest; quiet != talkers.end(); ++quiet) {
      leave_out(quiet->talker.count, quiet->missing);
    }
    talkers.erase(rest, talkers.end());
  }

  void leave_out(uint64_t count, uint64_t missing) {
    counts_.others += count;
    counts_.most_missing = std::max(counts_.most_missing, count + missing);
  }

  size_t limit_;
  uint64_t least_ = 0;  // So many drops or fewer are not among the loudest any more.
  TalkerCounts counts_;
};

// Adds up one set of all CPUs. One and the same talker has its place in this set on every CPU.
// Where it has none, what overflowed there may have been its own.
class SetMerger {
 public:
  // most: how many talkers the sets can have together.
  explicit SetMerger(size_t most) : buckets_(bucket_count(most)) { talkers_.reserve(most); }

  void add_set(talker_set& set) {
    if (set.tags[0] == 0) return;
    for (int way = 0; way < TALKER_WAYS && set.tags[way] != 0; ++way) {
      add_talker(set.tags[way], set.talkers[way], set.overflow);
    }
    overflow_ += set.overflow;
    // What is behind a tag of zero counts for nothing.
    std::memset(set.tags, 0, sizeof set.tags);
    set.overflow = 0;
  }

  void finish(Loudest& loudest) {
    for (Merged& merged : talkers_) {
      // Until here: what overflowed where it has a place.
      merged.missing = overflow_ - merged.missing;
      loudest.give(merged);
      // All of its chain may go: the talkers before it in the chain are in talkers_, too.
      for (size_t at = bucket_of(merged.tag); buckets_[at] != 0; at = next(at)) buckets_[at] = 0;
    }
    loudest.give_overflow(overflow_);
    talkers_.clear();
    overflow_ = 0;
  }

 private:
  // A power of two, at most half full.
  static size_t bucket_count(size_t most) {
    size_t count = 16;
    while (count < 2 * most) count *= 2;
    return count;
  }

  size_t mask() const { return buckets_.size() - 1; }

  // The lowest bit of every tag is set.
  size_t bucket_of(uint32_t tag) const { return (tag >> 1) & mask(); }

  size_t next(size_t at) const { return (at + 1) & mask(); }

  void add_talker(uint32_t tag, const talker& part, uint64_t overflow) {
    size_t at = bucket_of(tag);
    for (; buckets_[at] != 0; at = next(at)) {
      Merged& known = talkers_[buckets_[at] - 1];
      if (known.tag != tag || !is_same(known.first->key, part.key)) continue;
      known.add(part);
      known.missing += overflow;
      return;
    }
    talkers_.push_back({&part, part.count, part.first_ns, part.last_ns, overflow, tag});
    buckets_[at] = static_cast<uint32_t>(talkers_.size());
  }

  std::vector<uint32_t> buckets_;  // by tag: a talker's index plus one; 0: none
  std::vector<Merged> talkers_;
  uint64_t overflow_ = 0;
};

}  // namespace

TalkerCounts merge_tables(std::span<talker_set* const> tables, size_t limit) {
  Loudest loudest(limit);
  SetMerger merger(tables.size() * TALKER_WAYS);
  for (uint32_t set = 0; set < TALKER_SETS; ++set) {
    for (talker_set* table : tables) merger.add_set(table[set]);
    merger.finish(loudest);
  }
  return loudest.take();
}

uint32_t TalkerTables::sets(uint32_t slots) { return TALKER_TABLES * slots * TALKER_SETS; }

TalkerTables::TalkerTables(int fd, uint32_t cpu_count, uint32_t slots, SwapCpu swap_cpu,
                           SlotOf slot_of)
    : cpu_count_(cpu_count),
      slots_(slots),
      swap_cpu_(std::move(swap_cpu)),
      slot_of_(std::move(slot_of)),
      written_(cpu_count) {
  void* memory =
      mmap(nullptr, sets(slots) * sizeof(talker_set), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) throw SystemError("mmap");
  sets_ = static_cast<talker_set*>(memory);
}

TalkerTables::~TalkerTables() { munmap(sets_, sets(slots_) * sizeof(talker_set)); }

TalkerCounts TalkerTables::take(size_t limit) {
  std::vector<talker_set*> tables;
  for (uint32_t cpu = 0; cpu < cpu_count_; ++cpu) {
    const auto slot = slot_of_(cpu);
    if (!slot || !swap_cpu_(cpu)) continue;
    const uint32_t table = std::exchange(written_[cpu], 1 - written_[cpu]);
    tables.push_back(&sets_[TALKER_SET_INDEX(table, *slot, slots_, 0)]);
  }
  return merge_tables(tables, limit);
}

}  // namespace dropscope
