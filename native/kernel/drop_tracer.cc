#include "drop_tracer.h"

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <span>
#include <string>
#include <unordered_set>

#include "system_error.h"

namespace dropscope {
namespace {

// Of so many links the driver's part is remembered.
constexpr size_t kMostDriverParts = 16384;

// The number of possible CPUs: the last one in a list like "0-3,8-11", plus one.
uint32_t possible_cpus() {
  std::string list;
  std::getline(std::ifstream("/sys/devices/system/cpu/possible"), list);
  const auto last = list.find_last_of("-,");
  const auto number = last == std::string::npos ? list : list.substr(last + 1);
  if (number.empty()) throw SystemError("open", ENOENT);
  const auto cpus = static_cast<uint32_t>(std::stoul(number)) + 1;
  if (cpus > MAX_CPUS) throw SystemError("bpf", E2BIG);
  return cpus;
}

int bpf(bpf_cmd command, bpf_attr& attributes) {
  return static_cast<int>(syscall(SYS_bpf, command, &attributes, sizeof(attributes)));
}

// bpf(2), BPF_PROG_RUN. argument: what the program finds in its context.
void run_program(int program, uint64_t argument) {
  bpf_attr attributes{};
  attributes.test.prog_fd = static_cast<uint32_t>(program);
  attributes.test.ctx_in = reinterpret_cast<uint64_t>(&argument);
  attributes.test.ctx_size_in = sizeof(argument);
  if (bpf(BPF_PROG_RUN, attributes) < 0) throw SystemError("bpf");
}

void run_program_on(uint32_t cpu, int program, uint64_t argument) {
  bpf_attr attributes{};
  attributes.test.prog_fd = static_cast<uint32_t>(program);
  attributes.test.ctx_in = reinterpret_cast<uint64_t>(&argument);
  attributes.test.ctx_size_in = sizeof(argument);
  attributes.test.flags = BPF_F_TEST_RUN_ON_CPU;
  attributes.test.cpu = cpu;
  if (bpf(BPF_PROG_RUN, attributes) == 0) {
    if (attributes.test.retval != 0) throw SystemError("bpf", EAGAIN);
    return;
  }
  // The CPU is not online, so nothing there moves: any other may look.
  if (errno != ENXIO) throw SystemError("bpf");
  run_program(program, argument);
}

// How often the program was not run because it was running on that CPU already.
uint64_t recursion_misses(int program) {
  bpf_prog_info info{};
  bpf_attr attributes{};
  attributes.info.bpf_fd = static_cast<uint32_t>(program);
  attributes.info.info_len = sizeof(info);
  attributes.info.info = reinterpret_cast<uint64_t>(&info);
  if (bpf(BPF_OBJ_GET_INFO_BY_FD, attributes) < 0) throw SystemError("bpf");
  return info.recursion_misses;
}

void add_to_set(int map, const filter_key& key) {
  const uint8_t present = 1;
  bpf_attr attributes{};
  attributes.map_fd = static_cast<uint32_t>(map);
  attributes.key = reinterpret_cast<uint64_t>(&key);
  attributes.value = reinterpret_cast<uint64_t>(&present);
  if (bpf(BPF_MAP_UPDATE_ELEM, attributes) < 0) throw SystemError("bpf");
}

void check(int result) {
  if (result < 0) throw SystemError("bpf", -result);
}

}  // namespace

DropTracer::DropTracer(const DropTracerOptions& options)
    : config_(make_config(options)),
      skeleton_(load(options.ring_bytes)),
      ring_(handles_.ring_fd, options.ring_bytes, config_.record_bytes) {
  arm(options);
}

tracer_config DropTracer::make_config(const DropTracerOptions& options) {
  tracer_config config{};
  config.all_drops = options.all_drops;
  config.header_bytes = std::min<uint32_t>(options.header_bytes, MAX_HEADER_BYTES);
  config.record_bytes = (sizeof(drop_record) + config.header_bytes + 7) & ~7U;
  config.cpu_count = possible_cpus();
  for (const auto& filter : options.filters) config.filter_kinds |= 1U << filter.kind;
  return config;
}

drop_tracer_bpf* DropTracer::load(uint32_t ring_bytes) {
  // The loader would take 0 for the size that the program's source has.
  if (ring_bytes == 0) throw SystemError("bpf", EINVAL);
  drop_tracer_bpf* skeleton = nullptr;
  // Two thousand devices on each CPU, of which the longest unused are forgotten.
  check(tracer_skeleton_load(&config_, ring_bytes, 2048 * config_.cpu_count, &skeleton, &handles_));
  return skeleton;
}

void DropTracer::arm(const DropTracerOptions& options) {
  for (const auto& filter : options.filters) add_to_set(handles_.filters_fd, filter);
  run_program(handles_.find_home_fd, 0);
  // Attached first: a drop that comes before its CPU is primed is none of ours, one after it is.
  check(tracer_skeleton_attach(skeleton_.get()));
  for (uint32_t cpu = 0; cpu < config_.cpu_count; cpu++) {
    run_program_on(cpu, handles_.prime_cpu_fd, cpu);
  }
  // Learnt now, for it can be measured best while no drops race with it.
  for (const auto& link : links_.read_all()) driver_part(static_cast<uint32_t>(link.ifindex));
}

size_t DropTracer::drain(uint8_t* out, size_t limit) {
  // Links come and go; those that still drop are learnt anew.
  if (driver_parts_.size() > kMostDriverParts) driver_parts_.clear();
  const size_t count = ring_.take(out, limit);
  std::unordered_map<uint32_t, const Counters*> parts;
  for (size_t i = 0; i < count; i++) {
    auto* record = reinterpret_cast<drop_record*>(out + i * config_.record_bytes);
    if (record->counter == NO_COUNTER) continue;
    const auto [part, first] = parts.try_emplace(record->ifindex, nullptr);
    if (first) part->second = &driver_part(record->ifindex);
    record->counter_after += (*part->second)[record->counter];
  }
  return count;
}

// What the kernel itself has counted on a link; nothing if there is no such link any more.
std::optional<DropTracer::Counters> DropTracer::kernel_part(uint32_t ifindex) const {
  run_program(handles_.sum_counters_fd, ifindex);
  if (!handles_.state->found) return std::nullopt;
  Counters sums;
  std::copy_n(handles_.state->sums, sums.size(), sums.begin());
  return sums;
}

// A link's counters are the kernel's part and the driver's own (dev_get_stats()). The driver's is
// what netlink shows beyond the kernel's: exactly so between two equal readings of that, else,
// while drops race with the readings, within what they leave open. When the link is gone, the last
// known part stands.
const DropTracer::Counters& DropTracer::driver_part(uint32_t ifindex) {
  auto& part = driver_parts_[ifindex];
  for (int attempt = 0; attempt < 8; attempt++) {
    const auto before = kernel_part(ifindex);
    const auto link = links_.read(static_cast<int>(ifindex));
    const auto after = kernel_part(ifindex);
    if (!before || !link || !after) return part;
    const auto& total = link->counters;
    const Counters shown = {total.rx_dropped, total.tx_dropped, total.rx_nohandler,
                            total.rx_otherhost_dropped};
    for (size_t i = 0; i < part.size(); i++) {
      const auto least = shown[i] - std::min(shown[i], (*after)[i]);
      const auto most = shown[i] - std::min(shown[i], (*before)[i]);
      part[i] = std::clamp(part[i], least, std::max(least, most));
    }
    if (before == after) return part;
  }
  return part;
}

uint64_t DropTracer::lost() const {
  uint64_t lost = recursion_misses(handles_.on_kfree_skb_fd);
  for (const auto& cpu : std::span(handles_.state->cpus, config_.cpu_count)) {
    lost += __atomic_load_n(&cpu.lost, __ATOMIC_RELAXED);
  }
  return lost;
}

bool DropTracer::wake_on_next() {
  std::atomic_ref<uint32_t> reader_idle(handles_.state->reader_idle);
  // Asks first and looks then; the program shows its record first and looks then. Whichever comes
  // second sees the other.
  reader_idle.store(1, std::memory_order_seq_cst);
  if (ring_.waiting() == 0) return true;
  reader_idle.store(0, std::memory_order_seq_cst);
  return false;
}

void DropTracer::detach() { tracer_skeleton_detach(skeleton_.get()); }

}  // namespace dropscope
