#include "../../kernel/netlink_message.h"

#include <vector>

#include "../../kernel/link_stats.h"
#include "input.h"

namespace dropscope {
namespace {

// Everything that a reader does with a datagram. A copy of each value must be within the datagram.
void read_everything(std::span<const uint8_t> bytes) {
  const size_t most_messages = bytes.size() / NLMSG_HDRLEN;
  size_t messages = 0;
  while (const auto message = take_message(bytes)) {
    require(++messages <= most_messages);
    if (const auto stats = parse_link_stats(*message)) {
      require(stats->fields <= sizeof stats->counters / sizeof(uint64_t));
    }
    auto attributes = message->payload;
    const size_t most_attributes = attributes.size() / NLA_HDRLEN;
    size_t count = 0;
    while (const auto attribute = take_attribute(attributes)) {
      require(++count <= most_attributes);
      const std::vector<uint8_t> copy(attribute->value.begin(), attribute->value.end());
      require(copy.size() == attribute->value.size());
    }
  }
}

}  // namespace
}  // namespace dropscope

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  dropscope::read_everything({data, size});
  return 0;
}
