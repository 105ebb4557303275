#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "link_changes.h"
#include "network_namespace.h"
#include "unique_fd.h"

namespace dropscope {

// A non-blocking AF_PACKET socket that only sends. Failures are SystemErrors, and then nothing
// was sent.
class PacketSocket {
 public:
  // The most frames that one send_all() hands to the kernel.
  static constexpr size_t kWindow = 256;

  explicit PacketSocket(NetworkNamespace network_namespace = {});

  // Sends on this interface from now on; it follows it through a rename. When the interface is
  // deleted or leaves the namespace, sending fails with ENXIO.
  void bind(int ifindex);

  // EAGAIN: the send buffer is full.
  void send(std::span<const uint8_t> frame);

  // Sends if no link of its network namespace changed since bind(). False: one did, or there is no
  // knowing, as at the first call: find out where to send, and bind() again.
  bool send_if_unchanged(std::span<const uint8_t> frame);

  // Sends the frames of one window. Returns how many the kernel took: fewer than there are when it
  // stopped midway, 0 when the send buffer is full. Throws when it refused the first of them.
  size_t send_all(std::span<const std::span<const uint8_t>> frames);

  int descriptor() const { return fd_.get(); }

 private:
  NetworkNamespace namespace_;
  UniqueFd fd_;
  bool unchanged_ = false;  // since bind(), as far as changes_ was asked
  std::optional<LinkChanges> changes_;
};

}  // namespace dropscope
