#include "drop_tracer.h"

#include <algorithm>
#include <fstream>
#include <span>
#include <stdexcept>
#include <string>
#include <unordered_map>

#include "bpf_call.h"
#include "system_error.h"

namespace dropscope {
namespace {

// So many devices are known on each CPU; of more, those that dropped longest ago are forgotten.
constexpr uint32_t kDevices = 2048;

// How often a CPU is primed again that drops have disturbed.
constexpr int kPrimeAttempts = 1000;

// The number of possible CPUs: the last one in a list like "0-3,8-11", plus one.
uint32_t possible_cpus() {
  std::ifstream file("/sys/devices/system/cpu/possible");
  std::string list;
  if (!std::getline(file, list)) throw SystemError("open");
  const auto last = list.find_last_of("-,");
  const auto number = last == std::string::npos ? list : list.substr(last + 1);
  const uint32_t cpus = static_cast<uint32_t>(std::stoul(number)) + 1;
  if (cpus > MAX_CPUS) throw std::runtime_error("dropscope can trace at most 1024 CPUs");
  return cpus;
}

tracer_config make_config(const DropTracerOptions& options) {
  tracer_config config{};
  config.all_drops = options.all_drops;
  config.header_bytes = std::min<uint32_t>(options.header_bytes, MAX_HEADER_BYTES);
  config.record_bytes = (sizeof(drop_record) + config.header_bytes + 7) & ~7U;
  config.cpu_count = possible_cpus();
  for (const auto& filter : options.filters) config.filter_kinds |= 1U << filter.kind;
  return config;
}

void check(int result) {
  if (result < 0) throw SystemError("bpf", -result);
}

}  // namespace

DropTracer::DropTracer(const DropTracerOptions& options)
    : config_(make_config(options)),
      skeleton_(load(options.ring_bytes)),
      ring_(handles_.ring_fd, options.ring_bytes, config_.record_bytes),
      driver_parts_([this](uint32_t ifindex) { return kernel_part(ifindex); }) {
  arm(options.filters);
}

drop_tracer_bpf* DropTracer::load(uint32_t ring_bytes) {
  // The loader would take 0 for the size that the program's source has.
  if (ring_bytes == 0) throw SystemError("bpf", EINVAL);
  drop_tracer_bpf* skeleton = nullptr;
  const uint32_t last_seen_entries = kDevices * config_.cpu_count;
  check(tracer_skeleton_load(&config_, ring_bytes, last_seen_entries, &skeleton, &handles_));
  return skeleton;
}

void DropTracer::arm(const std::vector<filter_key>& filters) {
  for (const auto& filter : filters) add_key(handles_.filters_fd, &filter);
  run_program(handles_.find_home_fd, 0);
  // Attached first: a drop that comes before its CPU is primed is none of ours, one after it is.
  check(tracer_skeleton_attach(skeleton_.get()));
  for (uint32_t cpu = 0; cpu < config_.cpu_count; ++cpu) prime(cpu);
  driver_parts_.learn_all();
  misses_before_ = recursion_misses(handles_.on_kfree_skb_fd);
}

void DropTracer::prime(uint32_t cpu) const {
  for (int attempt = 0; attempt < kPrimeAttempts; ++attempt) {
    if (run_program_on(cpu, handles_.prime_cpu_fd, cpu) == 0) return;
  }
  throw std::runtime_error("So many frames are dropped that their counters could not be read");
}

size_t DropTracer::drain(uint8_t* out, size_t limit) {
  const size_t count = ring_.take(out, limit);
  std::unordered_map<uint32_t, LinkCounters> parts;
  for (size_t i = 0; i < count; ++i) {
    auto* record = reinterpret_cast<drop_record*>(out + i * config_.record_bytes);
    if (record->counter >= COUNTERS) continue;
    const auto [part, first] = parts.try_emplace(record->ifindex);
    if (first) part->second = driver_parts_.of(record->ifindex);
    record->counter_after += part->second[record->counter];
  }
  return count;
}

// What the kernel itself has counted on a link; nullopt if there is no such link any more.
std::optional<LinkCounters> DropTracer::kernel_part(uint32_t ifindex) const {
  run_program(handles_.sum_counters_fd, ifindex);
  if (handles_.state->found == 0) return {};
  LinkCounters sums;
  std::copy_n(handles_.state->sums, sums.size(), sums.begin());
  return sums;
}

uint64_t DropTracer::lost() const {
  uint64_t lost = recursion_misses(handles_.on_kfree_skb_fd) - misses_before_;
  for (const auto& cpu : std::span(handles_.state->cpus, config_.cpu_count)) {
    lost += __atomic_load_n(&cpu.lost, __ATOMIC_RELAXED);
  }
  return lost;
}

bool DropTracer::wake_on_next() {
  // Asks first and looks then; the program shows its record first and looks then. Whichever comes
  // second sees the other.
  __atomic_store_n(&handles_.state->reader_idle, 1, __ATOMIC_SEQ_CST);
  if (ring_.waiting() == 0) return true;
  __atomic_store_n(&handles_.state->reader_idle, 0, __ATOMIC_SEQ_CST);
  return false;
}

void DropTracer::detach() { tracer_skeleton_detach(skeleton_.get()); }

}  // namespace dropscope
