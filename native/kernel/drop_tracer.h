#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "driver_parts.h"
#include "drop_record.h"
#include "drop_tracer_skeleton.h"
#include "network_namespace.h"
#include "ring_reader.h"
#include "talker_tables.h"

namespace dropscope {

// What to trace. Empty lists: any.
struct DropTracerOptions {
  NetworkNamespace network_namespace;
  bool all_namespaces = false;  // also the drops of others
  bool all_drops = false;       // also those that move no link counter
  bool summary = false;       // counted by talker, for take_talkers(); else in records, for drain()
  uint32_t header_bytes = 0;  // of each frame; at most MAX_HEADER_BYTES
  uint32_t ring_bytes = 0;    // a power of two, at least a page
  std::vector<filter_key> filters;
};

// What became of the drops that moved the counters of a link: lib/probes/ebpf-accounts.ts knows
// these offsets.
struct DropAccount {
  uint32_t ifindex;
  uint32_t netns;
  LinkCounters start;  // what the counters were when drops began to count; of a later link, zeros
  LinkCounters told;
  LinkCounters filtered;
  LinkCounters lost;
  LinkCounters driver;       // by how much the driver itself raised them; zeros in other namespaces
  LinkCounters freed_first;  // drops that the kernel counted after it had freed the frame
  uint64_t refused_by_peer;  // drops that the other end of a veth pair counted
  uint32_t is_new;           // 1: the link was registered after the tracer was armed
  uint32_t padding;
};
static_assert(sizeof(DropAccount) == 216, "as lib/probes/ebpf-accounts.ts has it");

// The eBPF program at work: loaded, attached and armed from construction on.
class DropTracer {
 public:
  // Takes tens of milliseconds: the kernel verifies the program. Throws SystemError, or
  // std::runtime_error for what no kernel refuses.
  explicit DropTracer(const DropTracerOptions& options);

  // Readable when a record has come that was asked for by wake_on_next().
  int descriptor() const { return handles_.ring_fd; }

  size_t record_bytes() const { return config_.record_bytes; }

  // How many records wait, those included that are still being written.
  size_t waiting() const { return ring_.waiting(); }

  // Moves up to limit records to out, which has room for them, and returns how many.
  size_t drain(uint8_t* out, size_t limit);

  // What was counted by talker since the last call, or since the start.
  TalkerCounts take_talkers(size_t limit);

  // Of the links that had counted something at the start, and of those that dropped since. Of
  // several that had one after the other the same number in the same namespace, the last.
  std::vector<DropAccount> accounts();

  // Measures the driver's part of the counters, which accounts() and drain() show as last measured:
  // of all links, or of those whose drops were drained since the last time. It may be called on any
  // thread: it waits as long as somebody else changes links (rtnl_lock()).
  void measure(bool all_links);

  // Drops that were not reported: those that found no room in the ring; those on a CPU that found
  // no slot in the tables of talkers; those of which it cannot be told whether they moved a
  // counter; and, since Linux 6.1, those that interrupted another one on the same CPU, which the
  // kernel does not show to the program. Of the latter it is not known whether they were to be
  // reported.
  uint64_t lost() const;

  // Lets the next record make the descriptor readable. False: records wait already.
  bool wake_on_next();

  // Ends tracing. Records that wait stay.
  void detach();

 private:
  struct Destroy {
    void operator()(drop_tracer_bpf* skeleton) const { tracer_skeleton_destroy(skeleton); }
  };

  drop_tracer_bpf* load(const DropTracerOptions& options);
  void arm(const DropTracerOptions& options);
  void prime() const;
  static bool run_until_done(uint32_t cpu, int program);
  void add_driver_parts(DropAccount& account);
  std::map<std::pair<uint64_t, uint32_t>, device_state> device_states() const;
  std::optional<LinkCounters> kernel_part(uint32_t ifindex) const;
  std::optional<uint32_t> talker_slot(uint32_t cpu) const;

  tracer_config config_;
  tracer_handles handles_{};
  std::unique_ptr<drop_tracer_bpf, Destroy> skeleton_;
  RingReader ring_;
  std::optional<TalkerTables> talkers_;
  DriverParts driver_parts_;
  uint64_t misses_before_ = 0;  // recursion_misses() when it was armed
};

}  // namespace dropscope
