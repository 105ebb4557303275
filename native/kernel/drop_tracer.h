#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "driver_parts.h"
#include "drop_record.h"
#include "drop_tracer_skeleton.h"
#include "ring_reader.h"

namespace dropscope {

// What to trace. Empty lists: any.
struct DropTracerOptions {
  bool all_drops = false;     // also those that move no link counter
  uint32_t header_bytes = 0;  // of each frame; at most MAX_HEADER_BYTES
  uint32_t ring_bytes = 0;    // a power of two, at least a page
  std::vector<filter_key> filters;
};

// The eBPF program at work: loaded, attached and armed from construction on.
class DropTracer {
 public:
  // Traces the network namespace of the calling thread. Takes tens of milliseconds: the kernel
  // verifies the program. Throws SystemError, or std::runtime_error for what no kernel refuses.
  explicit DropTracer(const DropTracerOptions& options);

  // Readable when a record has come that was asked for by wake_on_next().
  int descriptor() const { return handles_.ring_fd; }

  size_t record_bytes() const { return config_.record_bytes; }

  // How many records wait, those included that are still being written.
  size_t waiting() const { return ring_.waiting(); }

  // Moves up to limit records to out, which has room for them, and returns how many.
  size_t drain(uint8_t* out, size_t limit);

  // Drops that were not told: those that found no room in the ring or whose device was forgotten
  // among too many, and, since Linux 6.1, those that interrupted another one on the same CPU, which
  // the kernel does not show to the program. Of the latter it is not known whether they were to be
  // told.
  uint64_t lost() const;

  // Lets the next record make the descriptor readable. False: records wait already.
  bool wake_on_next();

  // Ends tracing. Records that wait stay.
  void detach();

 private:
  struct Destroy {
    void operator()(drop_tracer_bpf* skeleton) const { tracer_skeleton_destroy(skeleton); }
  };

  drop_tracer_bpf* load(uint32_t ring_bytes);
  void arm(const std::vector<filter_key>& filters);
  void prime(uint32_t cpu) const;
  std::optional<LinkCounters> kernel_part(uint32_t ifindex) const;

  tracer_config config_;
  tracer_handles handles_{};
  std::unique_ptr<drop_tracer_bpf, Destroy> skeleton_;
  RingReader ring_;
  DriverParts driver_parts_;
  uint64_t misses_before_ = 0;  // recursion_misses() when it was armed
};

}  // namespace dropscope
