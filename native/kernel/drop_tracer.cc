#include "drop_tracer.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <map>
#include <numeric>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <utility>

#include "bpf_call.h"
#include "counting_places.h"
#include "signals_blocked.h"
#include "system_error.h"

namespace dropscope {
namespace {

// So many devices are known on each CPU that is online; of more, those that dropped longest ago are
// forgotten.
constexpr uint32_t kDevices = 2048;

// As many (device, CPU) pairs are known at most: some 20 MiB.
constexpr uint32_t kMostDevices = 65536;

// As many links are known over all CPUs.
constexpr uint32_t kLevels = 8192;

// CPUs may come online. So many more than those that are online now can count by talker.
constexpr uint32_t kSpareSlots = 4;

// How often a program is run again that drops have disturbed.
constexpr int kAttempts = 1000;

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

uint32_t online_cpus() {
  return static_cast<uint32_t>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
}

tracer_config make_config(const DropTracerOptions& options) {
  tracer_config config{};
  config.all_drops = options.all_drops;
  config.header_bytes = std::min<uint32_t>(options.header_bytes, MAX_HEADER_BYTES);
  config.record_bytes = (sizeof(drop_record) + config.header_bytes + 7) & ~7U;
  config.cpu_count = possible_cpus();
  config.talker_slots = std::min(config.cpu_count, online_cpus() + kSpareSlots);
  config.all_namespaces = options.all_namespaces;
  config.summary = options.summary;
  config.seed = std::random_device()();
  for (const auto& filter : options.filters) {
    ++config.filter_counts[filter.kind];
    config.filter_values[filter.kind] = filter.value;
  }
  return config;
}

template <typename T>
T read_as(const uint8_t* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

// What one CPU has.
void add(DropAccount& account, const device_state& state) {
  for (size_t i = 0; i < COUNTERS; ++i) {
    account.start[i] += state.start[i];
    account.told[i] += state.told[i];
    account.filtered[i] += state.filtered[i];
    account.lost[i] += state.lost[i];
  }
  account.freed_first[RX_DROPPED] += state.freed_first[RX_DROPPED];
  account.freed_first[TX_DROPPED] += state.freed_first[TX_DROPPED];
  account.refused_by_peer += state.refused_by_peer;
}

// Times that wrap around.
bool is_later(uint32_t a, uint32_t b) { return static_cast<int32_t>(a - b) > 0; }

// Counters only rise.
bool is_newer(const device_state& a, const device_state& b) {
  return std::accumulate(std::begin(a.value), std::end(a.value), uint64_t{0}) >
         std::accumulate(std::begin(b.value), std::end(b.value), uint64_t{0});
}

// log: what the verifier said.
void check(int result, const char* log = "") {
  if (result < 0) throw SystemError("bpf", -result, log);
}

}  // namespace

DropTracer::DropTracer(const DropTracerOptions& options)
    : config_(make_config(options)),
      skeleton_(load(options)),
      ring_(handles_.ring_fd, options.ring_bytes, config_.record_bytes),
      driver_parts_([this](uint32_t ifindex) { return kernel_part(ifindex); },
                    options.network_namespace) {
  if (options.summary) {
    talkers_.emplace(
        handles_.talker_sets_fd, config_.cpu_count, config_.talker_slots,
        [this](uint32_t cpu) { return run_until_done(cpu, handles_.swap_tables_fd); },
        [this](uint32_t cpu) { return talker_slot(cpu); });
  }
  arm(options);
}

drop_tracer_bpf* DropTracer::load(const DropTracerOptions& options) {
  // The loader would take 0 for the size that the program's source has.
  if (options.ring_bytes == 0) throw SystemError("bpf", EINVAL);
  const uint32_t devices = std::min(kDevices * online_cpus(), kMostDevices);
  drop_tracer_bpf* skeleton = nullptr;
  const tracer_sizes sizes = {
      .ring_bytes = options.ring_bytes,
      .devices = devices,
      .foreign_devices = options.all_namespaces ? devices : 1,
      .recent_devices = RECENT_DEVICES * config_.cpu_count,
      .levels = kLevels,
      .foreign_levels = options.all_namespaces ? kLevels : 1,
      .talker_sets = options.summary ? TalkerTables::sets(config_.talker_slots) : 1,
  };
  verifier_log log;
  // A signal would interrupt the verifier.
  const SignalsBlocked blocked;
  check(tracer_skeleton_load(&config_, &sizes, &skeleton, &handles_, &log), log.text);
  return skeleton;
}

void DropTracer::arm(const DropTracerOptions& options) {
  const uint8_t is_there = 1;
  for (const auto& filter : options.filters) set_entry(handles_.filters_fd, &filter, &is_there);
  for (const auto& [name, place] : counting_functions()) {
    const uint32_t value = place;
    set_entry(handles_.place_names_fd, &name, &value);
  }
  options.network_namespace.run([&] { run_program(handles_.find_home_fd, 0); });
  // Attached first: until it is armed, a drop only notes what it leaves, which prime() then
  // respects.
  check(tracer_skeleton_attach(skeleton_.get()));
  prime();
  misses_before_ = recursion_misses(handles_.on_kfree_skb_fd);
  __atomic_store_n(&handles_.state->armed, 1, __ATOMIC_SEQ_CST);
  driver_parts_.learn_all();
}

void DropTracer::prime() const {
  tracer_state& state = *handles_.state;
  for (int attempt = 0; attempt < kAttempts;) {
    const uint32_t result = run_program(handles_.prime_devices_fd, 0);
    if (result == PRIME_DISTURBED) ++attempt;
    if (result != PRIME_DONE) continue;
    if (std::exchange(state.primed_new, 0) == 0) return;
    state.primed_namespaces = 0;
    state.primed_devices = 0;
    ++attempt;
  }
  throw std::runtime_error("So many links come and go that their counters could not be read");
}

bool DropTracer::run_until_done(uint32_t cpu, int program) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (run_program_on(cpu, program, cpu) == 0) return true;
  }
  return false;
}

size_t DropTracer::drain(uint8_t* out, size_t limit) {
  const size_t count = ring_.take(out, limit);
  std::unordered_map<uint32_t, LinkCounters> parts;
  for (size_t i = 0; i < count; ++i) {
    auto* record = reinterpret_cast<drop_record*>(out + i * config_.record_bytes);
    // Of the links of other namespaces only the kernel's part is known.
    if (record->counter >= COUNTERS || record->netns != handles_.state->home_inode) continue;
    const auto [part, first] = parts.try_emplace(record->ifindex);
    if (first) {
      driver_parts_.ask(record->ifindex);
      part->second = driver_parts_.of(record->ifindex);
    }
    record->counter_after += part->second[record->counter];
  }
  return count;
}

void DropTracer::measure(bool all_links) {
  if (all_links) {
    driver_parts_.measure_all();
  } else {
    driver_parts_.measure_asked();
  }
}

// What the kernel itself has counted on a link; nullopt if there is no such link any more.
std::optional<LinkCounters> DropTracer::kernel_part(uint32_t ifindex) const {
  run_program(handles_.sum_counters_fd, ifindex);
  if (handles_.state->found == 0) return {};
  LinkCounters sums;
  std::copy_n(handles_.state->sums, sums.size(), sums.begin());
  return sums;
}

TalkerCounts DropTracer::take_talkers(size_t limit) {
  return talkers_ ? talkers_->take(limit) : TalkerCounts{};
}

// By the device's node, and the CPU. A state moves between the maps: the second may have an old one
// of what the first had when it was read, but never the other way round.
std::map<std::pair<uint64_t, uint32_t>, device_state> DropTracer::device_states() const {
  std::map<std::pair<uint64_t, uint32_t>, device_state> states;
  for_each_entry(handles_.recent_devices_fd, sizeof(uint32_t), sizeof(recent_device),
                 [&](const uint8_t* key, const uint8_t* value) {
                   const auto recent = read_as<recent_device>(value);
                   const uint32_t cpu = read_as<uint32_t>(key) / RECENT_DEVICES;
                   if (recent.node != recent.coming) return;
                   if (recent.node != 0) states[{recent.node, cpu}] = recent.state;
                 });
  for (const int map : {handles_.devices_fd, handles_.foreign_devices_fd}) {
    for_each_entry(map, sizeof(device_key), sizeof(device_state),
                   [&](const uint8_t* key, const uint8_t* value) {
                     const auto [node, cpu, _] = read_as<device_key>(key);
                     const auto state = read_as<device_state>(value);
                     const auto [known, added] = states.try_emplace({node, cpu}, state);
                     if (!added && is_newer(state, known->second)) known->second = state;
                   });
  }
  return states;
}

std::vector<DropAccount> DropTracer::accounts() {
  // A device that was moved is known by each CPU as that saw it last.
  struct Device {
    DropAccount account{};
    uint32_t seen = 0;
  };
  std::map<uint64_t, Device> devices;
  for (const auto& [key, state] : device_states()) {
    Device& device = devices[key.first];
    if (device.account.netns == 0 || is_later(state.seen, device.seen)) {
      device.account.ifindex = state.ifindex;
      device.account.netns = state.netns;
      device.seen = state.seen;
    }
    add(device.account, state);
  }
  std::map<std::pair<uint32_t, uint32_t>, DropAccount> accounts;
  // The later nodes come later.
  for (auto& [node, device] : devices) {
    DropAccount& account = device.account;
    account.is_new = node > handles_.state->newest_node ? 1 : 0;
    if (account.netns == handles_.state->home_inode) add_driver_parts(account);
    accounts[{account.netns, account.ifindex}] = account;
  }
  std::vector<DropAccount> list;
  list.reserve(accounts.size());
  for (const auto& [_, account] : accounts) list.push_back(account);
  return list;
}

void DropTracer::add_driver_parts(DropAccount& account) {
  const auto now = driver_parts_.of(account.ifindex);
  // Of a link that was there and could not be measured, the part is not held to have moved.
  const auto start =
      account.is_new ? LinkCounters{} : driver_parts_.at_start(account.ifindex).value_or(now);
  for (size_t i = 0; i < COUNTERS; ++i) {
    account.start[i] += start[i];
    account.driver[i] = now[i] - std::min(now[i], start[i]);
  }
}

// nullopt: the CPU has counted no drop by talker.
std::optional<uint32_t> DropTracer::talker_slot(uint32_t cpu) const {
  const uint32_t slot = __atomic_load_n(&handles_.state->cpus[cpu].talker_slot, __ATOMIC_ACQUIRE);
  if (slot == 0) return {};
  return slot - 1;
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
