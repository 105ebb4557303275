#include "link_stats.h"

#include <linux/rtnetlink.h>

namespace dropscope {
namespace {

std::optional<LinkStats> find_counters(int ifindex, std::span<const uint8_t> attributes,
                                       uint16_t type) {
  while (const auto attribute = take_attribute(attributes)) {
    if (attribute->type != type) continue;
    const size_t known = std::min(attribute->value.size(), sizeof(rtnl_link_stats64));
    return LinkStats{ifindex, static_cast<uint32_t>(known / sizeof(uint64_t)),
                     read_prefix<rtnl_link_stats64>(attribute->value)};
  }
  return {};
}

}  // namespace

std::optional<LinkStats> parse_link_stats(const NetlinkMessage& message) {
  const auto payload = message.payload;
  if (message.header.nlmsg_type == RTM_NEWSTATS) {
    const auto about = read_prefix<if_stats_msg>(payload);
    return find_counters(static_cast<int>(about.ifindex), skip(payload, NLMSG_ALIGN(sizeof about)),
                         IFLA_STATS_LINK_64);
  }
  if (message.header.nlmsg_type == RTM_NEWLINK) {
    const auto about = read_prefix<ifinfomsg>(payload);
    return find_counters(about.ifi_index, skip(payload, NLMSG_ALIGN(sizeof about)), IFLA_STATS64);
  }
  return {};
}

}  // namespace dropscope
