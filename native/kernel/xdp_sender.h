#pragma once

#include <linux/if_xdp.h>

#include <array>
#include <vector>

#include "frame_sender.h"
#include "link_gate.h"
#include "mapping.h"
#include "network_namespace.h"
#include "unique_fd.h"

namespace dropscope {

// Sends through an AF_XDP socket in copy mode, past the queueing discipline: Linux's
// Documentation/networking/af_xdp.rst.
class XdpSender final : public FrameSender {
 public:
  // Bytes of a frame, at most: a page.
  static constexpr size_t kLongest = 4096;

  // On one of the interface's transmit queues, which no other such socket may have: EBUSY, also for
  // a while after one was closed; EINVAL: it has no such queue. EPERM without CAP_NET_RAW.
  XdpSender(const NetworkNamespace& network_namespace, int ifindex, uint32_t queue);

  // EMSGSIZE: longer than the link or a chunk takes; EINVAL: less than a header.
  Result send(std::span<const iovec> frames, const std::function<bool()>& is_over) override;

 private:
  // One of the rings that it shares with the kernel.
  class Ring {
   public:
    Ring() = default;
    Ring(int fd, int size_option, uint64_t page, const xdp_ring_offset& offsets, size_t item);
    uint32_t produced() const { return __atomic_load_n(producer_, __ATOMIC_ACQUIRE); }
    uint32_t consumed() const { return __atomic_load_n(consumer_, __ATOMIC_ACQUIRE); }
    void produce(uint32_t end) { __atomic_store_n(producer_, end, __ATOMIC_RELEASE); }
    void consume(uint32_t end) { __atomic_store_n(consumer_, end, __ATOMIC_RELEASE); }
    template <typename Item>
    Item& at(uint32_t index) const {
      return reinterpret_cast<Item*>(items_)[index % kRingEntries];
    }

   private:
    Mapping mapping_;
    uint32_t* producer_ = nullptr;
    uint32_t* consumer_ = nullptr;
    uint8_t* items_ = nullptr;
  };

  static constexpr uint32_t kRingEntries = 1024;
  static constexpr uint32_t kChunks = kRingEntries;

  void reclaim();
  size_t put(std::span<const iovec> frames);
  int push(std::span<const iovec> frames, const std::function<bool()>& is_over);

  LinkGate gate_;
  UniqueFd fd_;
  Mapping memory_;  // of kChunks frames
  Ring fill_;       // not used, but there must be one
  Ring completed_;
  Ring waiting_;
  std::vector<uint64_t> free_;  // chunks, by where they begin
};

}  // namespace dropscope
