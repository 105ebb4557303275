#include "bpf_call.h"

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "system_error.h"

namespace dropscope {
namespace {

void call(bpf_cmd command, bpf_attr& attributes) {
  if (syscall(SYS_bpf, command, &attributes, sizeof(attributes)) < 0) throw SystemError("bpf");
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

void add_key(int map, const void* key) {
  const uint8_t value = 1;
  bpf_attr attributes{};
  attributes.map_fd = static_cast<uint32_t>(map);
  attributes.key = reinterpret_cast<uint64_t>(key);
  attributes.value = reinterpret_cast<uint64_t>(&value);
  call(BPF_MAP_UPDATE_ELEM, attributes);
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
