#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "unique_fd.h"

namespace dropscope {

// A non-blocking AF_PACKET socket that only sends. Failures are SystemErrors, and then nothing
// was sent.
class PacketSocket {
 public:
  // The most frames that one send_all() hands to the kernel.
  static constexpr size_t kWindow = 256;

  PacketSocket();

  // Sends on this interface from now on; it follows it through a rename. When the interface is
  // deleted or leaves the namespace, sending fails with ENXIO.
  void bind(int ifindex);

  // EAGAIN: the send buffer is full.
  void send(std::span<const uint8_t> frame);

  // Sends if the interface that it is bound to has this name. False: it has not, or is gone.
  bool send_to(const std::string& name, std::span<const uint8_t> frame);

  // Sends the frames of one window. Returns how many the kernel took: fewer than there are when it
  // stopped midway, 0 when the send buffer is full. Throws when it refused the first of them.
  size_t send_all(std::span<const std::span<const uint8_t>> frames);

  int descriptor() const { return fd_.get(); }

 private:
  UniqueFd fd_;
  int bound_ = 0;  // an ifindex; 0 is none
};

}  // namespace dropscope
