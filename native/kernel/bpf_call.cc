#include "bpf_call.h"

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "system_error.h"

namespace dropscope {
namespace {

// How often a call is tried that a signal interrupts. Each try may meet another signal.
constexpr int kAttempts = 64;

void call(bpf_cmd command, bpf_attr& attributes) {
  const bpf_attr asked = attributes;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    attributes = asked;
    if (syscall(SYS_bpf, command, &attributes, sizeof(attributes)) >= 0) return;
    if (errno != EAGAIN) break;
  }
  throw SystemError("bpf");
}

bpf_attr make_run(int program, const uint64_t& argument) {
  bpf_attr attributes{};
  attributes.test.prog_fd = static_cast<uint32_t>(program);
  attributes.test.ctx_in = reinterpret_cast<uint64_t>(&argument);
  attributes.test.ctx_size_in = sizeof(argument);
  return attributes;
}

}  // namespace

uint32_t run_program(int program, uint64_t argument) {
  bpf_attr attributes = make_run(program, argument);
  call(BPF_PROG_RUN, attributes);
  return attributes.test.retval;
}

uint32_t run_program_on(uint32_t cpu, int program, uint64_t argument) {
  bpf_attr attributes = make_run(program, argument);
  attributes.test.flags = BPF_F_TEST_RUN_ON_CPU;
  attributes.test.cpu = cpu;
  try {
    call(BPF_PROG_RUN, attributes);
  } catch (const SystemError& error) {
    if (error.number() != ENXIO) throw;  // Not: the CPU is not online.
    return run_program(program, argument);
  }
  return attributes.test.retval;
}

void set_entry(int map, const void* key, const void* value) {
  bpf_attr attributes{};
  attributes.map_fd = static_cast<uint32_t>(map);
  attributes.key = reinterpret_cast<uint64_t>(key);
  attributes.value = reinterpret_cast<uint64_t>(value);
  call(BPF_MAP_UPDATE_ELEM, attributes);
}

void for_each_entry(int map, size_t key_bytes, size_t value_bytes, const TakeEntry& take) {
  // More than any bucket of the hash holds, which come together or not at all (ENOSPC).
  constexpr uint32_t kBatch = 1024;
  std::vector<uint8_t> keys(kBatch * key_bytes);
  std::vector<uint8_t> values(kBatch * value_bytes);
  uint32_t position = 0;
  bpf_attr attributes{};
  for (bool more = true; more;) {
    attributes.batch.map_fd = static_cast<uint32_t>(map);
    attributes.batch.out_batch = reinterpret_cast<uint64_t>(&position);
    attributes.batch.keys = reinterpret_cast<uint64_t>(keys.data());
    attributes.batch.values = reinterpret_cast<uint64_t>(values.data());
    attributes.batch.count = kBatch;
    try {
      call(BPF_MAP_LOOKUP_BATCH, attributes);
    } catch (const SystemError& error) {
      if (error.number() != ENOENT) throw;  // Not: this was the last batch.
      more = false;
    }
    for (uint32_t i = 0; i < attributes.batch.count; ++i) {
      take(keys.data() + i * key_bytes, values.data() + i * value_bytes);
    }
    attributes.batch.in_batch = reinterpret_cast<uint64_t>(&position);
  }
}

uint64_t recursion_misses(int program) {
  bpf_prog_info info{};
  bpf_attr attributes{};
  attributes.info.bpf_fd = static_cast<uint32_t>(program);
  attributes.info.info_len = sizeof(info);
  attributes.info.info = reinterpret_cast<uint64_t>(&info);
  call(BPF_OBJ_GET_INFO_BY_FD, attributes);
  return info.recursion_misses;
}

}  // namespace dropscope
