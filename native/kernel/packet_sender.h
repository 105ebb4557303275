#pragma once

#include <sys/socket.h>

#include <array>

#include "frame_sender.h"
#include "link_gate.h"
#include "network_namespace.h"
#include "unique_fd.h"

namespace dropscope {

// Sends by sendmmsg(2) through a packet socket of its own.
class PacketSender final : public FrameSender {
 public:
  // SystemError: there is no such socket to be had.
  PacketSender(const NetworkNamespace& network_namespace, int ifindex);

  Result send(std::span<const iovec> frames, const std::function<bool()>& is_over) override;
  void finish() override;

 private:
  size_t room(size_t longest) const;
  void wait_for_room() const;
  size_t window_from(std::span<const iovec> frames, size_t at) const;
  void set_aside(size_t length);
  void explain(int error);
  void count_sent(std::span<const iovec> frames);

  LinkGate gate_;
  UniqueFd fd_;
  size_t send_buffer_;
  std::array<mmsghdr, kSendWindow> messages_{};
  size_t longest_taken_ = 0;  // since a frame was set aside
  uint64_t unexplained_ = 0;  // refused, but not yet counted by errno
  size_t unexplained_length_ = 0;
};

}  // namespace dropscope
