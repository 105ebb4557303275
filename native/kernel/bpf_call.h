#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

namespace dropscope {

// bpf(2), as far as it is used here. Failures are SystemErrors.

// Runs a program that finds the argument in its context: BPF_PROG_RUN. Returns what it returns.
uint32_t run_program(int program, uint64_t argument);

// The same on a CPU; if that is not online, so that nothing there moves, on any other.
uint32_t run_program_on(uint32_t cpu, int program, uint64_t argument);

// Adds an entry to a map, or replaces it: BPF_MAP_UPDATE_ELEM.
void set_entry(int map, const void* key, const void* value);

// Calls `take(key, value)` with each entry of a map: BPF_MAP_LOOKUP_BATCH. What is added or
// removed meanwhile may be left out.
using TakeEntry = std::function<void(const uint8_t* key, const uint8_t* value)>;
void for_each_entry(int map, size_t key_bytes, size_t value_bytes, const TakeEntry& take);

// How often the program was not run because it was running on that CPU already: counted since
// Linux 6.1 for programs on tracepoints.
uint64_t recursion_misses(int program);

}  // namespace dropscope
