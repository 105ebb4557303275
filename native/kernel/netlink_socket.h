#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "network_namespace.h"
#include "unique_fd.h"

namespace dropscope {

// A non-blocking netlink socket: whole messages, made and read elsewhere. Failures are
// SystemErrors.
class NetlinkSocket {
 public:
  // protocol: NETLINK_GENERIC, say.
  NetlinkSocket(int protocol, const NetworkNamespace& network_namespace);

  void send(std::span<const uint8_t> messages);

  // The next datagram; nullopt: there is none now. ENOBUFS: some were lost.
  std::optional<std::span<const uint8_t>> receive();

  // How many datagrams found no room.
  uint32_t lost() const;

  // Takes part in a multicast group.
  void join(uint32_t group);

  // Makes room for so many bytes that wait, as far as the privileges go.
  void set_receive_buffer(int bytes);

  int descriptor() const { return fd_.get(); }

 private:
  UniqueFd fd_;
  std::vector<uint8_t> buffer_;
};

}  // namespace dropscope
