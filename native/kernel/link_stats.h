#pragma once

#include <linux/if_link.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "netlink_message.h"

namespace dropscope {

// The counters of one link.
struct LinkStats {
  int ifindex = 0;
  // How many of the counters this kernel has. It appends new ones, so they are the first ones.
  uint32_t fields = 0;
  rtnl_link_stats64 counters{};
};

// What a message says about a link; nullopt when it says nothing about counters: RTM_NEWSTATS, the
// answer to RTM_GETSTATS, or RTM_NEWLINK, the answer to RTM_GETLINK.
std::optional<LinkStats> parse_link_stats(const NetlinkMessage& message);

}  // namespace dropscope
