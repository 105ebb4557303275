#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "unique_fd.h"

namespace dropscope {

// A non-blocking AF_PACKET socket that only sends, on any interface of its network namespace.
// Failures are SystemErrors.
class PacketSocket {
 public:
  // The most frames that one send_all() hands to the kernel.
  static constexpr size_t kWindow = 256;

  PacketSocket();

  // False: the send buffer is full, and nothing was sent.
  bool send(int ifindex, std::span<const uint8_t> frame);

  // Sends the frames of one window. Returns how many the kernel took: fewer than there are when it
  // stopped midway, 0 when the send buffer is full. Throws when it refused the first of them.
  size_t send_all(int ifindex, std::span<const std::span<const uint8_t>> frames);

  int descriptor() const { return fd_.get(); }

 private:
  template <typename Send>
  auto send_bound(int ifindex, Send send) -> decltype(send());
  void bind(int ifindex);

  UniqueFd fd_;
  // The interface that it sent on last; 0 is none.
  int bound_ = 0;
};

}  // namespace dropscope
