#include "live_frames.h"

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "signals_blocked.h"
#include "system_error.h"

namespace dropscope {
namespace {

// The kernel maps a map in whole pages.
size_t in_pages(size_t bytes) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return (bytes + page - 1) / page * page;
}

// Frames that the kernel hands over at once.
constexpr uint32_t kBatch = 64;

}  // namespace

static_assert(sizeof(live_template) == 4096);
static_assert(LIVE_ERRNOS >= kErrnoLimit);
static_assert(LiveFrames::kLongest <= sizeof(live_template::bytes));

LiveFrames::LiveFrames(int ifindex, Direction direction, size_t templates, size_t values)
    : ifindex_(ifindex),
      direction_(direction),
      templates_(templates),
      values_(std::max<size_t>(values, 1)) {
  live_frames_bpf* skeleton = nullptr;
  verifier_log log;
  // A signal would interrupt the verifier.
  const SignalsBlocked blocked;
  const int error =
      live_frames_skeleton_load(static_cast<uint32_t>(templates_), static_cast<uint32_t>(values_),
                                &skeleton, &handles_, &log);
  if (error < 0) throw SystemError("bpf", -error, log.text);
  skeleton_.reset(skeleton);
  if (direction_ == Direction::kTransmit) {
    const int failure = live_frames_skeleton_attach(skeleton);
    if (failure < 0) throw SystemError("bpf", -failure);
  }
  template_map_ =
      Mapping(in_pages(templates_ * sizeof(live_template)), MAP_SHARED, handles_.templates_fd);
  value_map_ = Mapping(in_pages(values_ * sizeof(uint64_t)), MAP_SHARED, handles_.values_fd);
}

void LiveFrames::set_frames(const FrameSequence& frames) {
  const auto templates = frames.templates();
  const auto fields = frames.fields();
  if (templates.size() > templates_ || frames.values().size() > values_ ||
      fields.size() > LIVE_MAX_FIELDS || frames.longest() > kLongest) {
    throw SystemError("bpf", E2BIG);
  }
  auto* const written = reinterpret_cast<live_template*>(template_map_.data());
  for (size_t i = 0; i < templates.size(); ++i) {
    std::ranges::copy(frames.places(i), written[i].places);
    std::ranges::copy(templates[i], written[i].bytes);
    written[i].length = static_cast<uint32_t>(templates[i].size());
  }
  std::ranges::copy(frames.values(), reinterpret_cast<uint64_t*>(value_map_.data()));
  live_state& state = *handles_.state;
  std::ranges::copy(fields, state.field);
  state.fields = static_cast<uint32_t>(fields.size());
  state.templates = static_cast<uint32_t>(templates.size());
  state.ifindex = direction_ == Direction::kTransmit ? static_cast<uint32_t>(ifindex_) : 0;
  state.longest = static_cast<uint32_t>(frames.longest());
}

LiveFrames::Result LiveFrames::run(uint64_t first, uint64_t count) {
  // The program writes all of it, and takes off what is too much.
  static constexpr std::array<uint8_t, kLongest> kFrame{};
  xdp_md context{};
  context.data_end = handles_.state->longest;
  if (direction_ == Direction::kReceive) context.ingress_ifindex = static_cast<uint32_t>(ifindex_);
  bpf_attr attributes{};
  attributes.test.prog_fd = static_cast<uint32_t>(handles_.program_fd);
  attributes.test.data_in = reinterpret_cast<uint64_t>(kFrame.data());
  attributes.test.data_size_in = handles_.state->longest;
  attributes.test.ctx_in = reinterpret_cast<uint64_t>(&context);
  attributes.test.ctx_size_in = sizeof context;
  attributes.test.repeat = static_cast<uint32_t>(count);
  attributes.test.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
  handles_.state->next = first;
  attributes.test.batch_size = kBatch;
  const long result = syscall(SYS_bpf, BPF_PROG_RUN, &attributes, sizeof attributes);
  const int error = result < 0 ? errno : 0;
  const uint64_t made = __atomic_load_n(&handles_.state->next, __ATOMIC_RELAXED) - first;
  // xdp_recv_frames() in net/bpf/test_run.c: without memory, none of a batch is received.
  const bool batch_lost = direction_ == Direction::kReceive && error == ENOMEM && made > 0;
  const uint64_t lost = batch_lost ? (made - 1) % kBatch + 1 : 0;
  return {.made = made, .lost = lost, .error = error};
}

uint64_t LiveFrames::bytes() const {
  return __atomic_load_n(&handles_.state->bytes, __ATOMIC_RELAXED);
}

// No program runs now.
SendCounts LiveFrames::take_counts() const {
  live_state& state = *handles_.state;
  SendCounts counts;
  counts.sent = std::exchange(state.sent, 0);
  for (size_t i = 0; i < LIVE_ERRNOS; ++i) {
    // As SendTally has it: what is no errno counts as EIO.
    counts.refused[i < kErrnoLimit ? i : EIO] += std::exchange(state.refused[i], 0);
  }
  return counts;
}

bool LiveFrames::stopped() const {
  return __atomic_load_n(&handles_.state->stop, __ATOMIC_RELAXED) != 0;
}

void LiveFrames::stop() const { __atomic_store_n(&handles_.state->stop, 1, __ATOMIC_RELAXED); }

void LiveFrames::stop_at(uint64_t time_ns) const {
  __atomic_store_n(&handles_.state->end_ns, time_ns, __ATOMIC_RELAXED);
}

}  // namespace dropscope
