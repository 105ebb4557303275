#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "talker_set.h"

namespace dropscope {

// What a talker had of a table: lib/drops/talker-record.ts knows these offsets.
struct TalkerRecord {
  struct talker talker;
  uint64_t missing;  // drops it may have had beyond its count
};
static_assert(sizeof(TalkerRecord) == 88, "as lib/drops/talker-record.ts has it");

// What was counted since the table was last taken.
struct TalkerCounts {
  std::vector<TalkerRecord> talkers;  // the loudest, loudest first
  uint64_t others = 0;                // drops of those who are not among them
  uint64_t most_missing = 0;          // that a talker who is not among them may have had
};

// Adds up the tables of several CPUs and empties them. tables: TALKER_SETS sets for each CPU. At
// most limit talkers are listed.
TalkerCounts merge_tables(std::span<talker_set* const> tables, size_t limit);

// The tables in which the program counts by talker: each CPU that drops has a slot there.
class TalkerTables {
 public:
  // How many sets the map has to have.
  static uint32_t sets(uint32_t slots);

  // Maps the map behind fd, which stays the caller's. swap_cpu lets a CPU go on in the other table;
  // false: it could not, for it was at work on this one all the time. slot_of: the slot of a CPU,
  // nullopt as long as it has none.
  using SwapCpu = std::function<bool(uint32_t cpu)>;
  using SlotOf = std::function<std::optional<uint32_t>(uint32_t cpu)>;
  TalkerTables(int fd, uint32_t cpu_count, uint32_t slots, SwapCpu swap_cpu, SlotOf slot_of);
  ~TalkerTables();
  TalkerTables(const TalkerTables&) = delete;
  TalkerTables& operator=(const TalkerTables&) = delete;

  // Lets each CPU go on in its other table, and empties this one. At most limit talkers. What a CPU
  // has counted that could not go on comes with the next call.
  TalkerCounts take(size_t limit);

 private:
  uint32_t cpu_count_;
  uint32_t slots_;
  SwapCpu swap_cpu_;
  SlotOf slot_of_;
  std::vector<uint32_t> written_;  // by CPU: the table that it writes
  talker_set* sets_;
};

}  // namespace dropscope
