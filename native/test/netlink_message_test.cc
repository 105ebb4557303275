#include "../kernel/netlink_message.h"

#include <linux/rtnetlink.h>

#include <cerrno>
#include <cstring>
#include <random>
#include <vector>

#include "../kernel/link_stats.h"
#include "check.h"

namespace dropscope {
namespace {

using Bytes = std::vector<uint8_t>;

template <typename T>
void append(Bytes& bytes, const T& value) {
  const auto* begin = reinterpret_cast<const uint8_t*>(&value);
  bytes.insert(bytes.end(), begin, begin + sizeof value);
}

// An RTM_NEWSTATS about link 7 whose counters are 1, 2, 3 and so on.
Bytes stats_message(size_t counters) {
  const auto value_bytes = static_cast<uint16_t>(counters * sizeof(uint64_t));
  const auto attribute_bytes = static_cast<uint16_t>(NLA_HDRLEN + value_bytes);
  nlmsghdr header{};
  header.nlmsg_len = NLMSG_LENGTH(sizeof(if_stats_msg)) + attribute_bytes;
  header.nlmsg_type = RTM_NEWSTATS;
  if_stats_msg about{};
  about.ifindex = 7;
  Bytes bytes;
  append(bytes, header);
  append(bytes, about);
  append(bytes, nlattr{attribute_bytes, IFLA_STATS_LINK_64});
  for (uint64_t i = 1; i <= counters; ++i) append(bytes, i);
  return bytes;
}

// Everything that a reader of a datagram does with it. Returns how many links it told of.
size_t read_everything(std::span<const uint8_t> bytes) {
  size_t links = 0;
  while (const auto message = take_message(bytes)) {
    if (parse_link_stats(*message)) ++links;
    auto attributes = message->payload;
    while (take_attribute(attributes)) {
    }
  }
  return links;
}

// A copy whose end is the end of its allocation, so that a sanitizer sees any byte too much.
size_t read_copy(std::span<const uint8_t> bytes) {
  const Bytes copy(bytes.begin(), bytes.end());
  return read_everything(copy);
}

void reads_as_many_counters_as_the_kernel_has() {
  constexpr size_t kKnown = sizeof(rtnl_link_stats64) / sizeof(uint64_t);
  for (const size_t counters : {size_t{0}, size_t{1}, kKnown - 1, kKnown, kKnown + 5}) {
    const Bytes bytes = stats_message(counters);
    std::span<const uint8_t> rest = bytes;
    const auto message = take_message(rest);
    check(message.has_value() && rest.empty(), "the message is all of the datagram");
    if (!message) return;
    const auto stats = parse_link_stats(*message);
    check(stats && stats->ifindex == 7, "it is about link 7");
    if (!stats) return;
    check(stats->fields == std::min(counters, kKnown), "as many fields as both sides have");
    check(stats->counters.rx_packets == (counters >= 1 ? 1 : 0), "the first counter");
    check(stats->counters.rx_nohandler == (counters >= 24 ? 24 : 0), "the 24th counter");
  }
}

void ignores_messages_about_something_else() {
  Bytes bytes = stats_message(25);
  const uint16_t type = RTM_NEWADDR;
  std::memcpy(bytes.data() + offsetof(nlmsghdr, nlmsg_type), &type, sizeof type);
  check(read_copy(bytes) == 0, "an RTM_NEWADDR has no counters");
}

void knows_errors() {
  const auto error = [](int32_t code) {
    Bytes bytes;
    append(bytes, code);
    return error_of({{}, bytes});
  };
  check(error(0) == 0 && error(-ENODEV) == ENODEV, "0 and the negative of an errno");
  for (const int32_t code : {INT32_MIN, -4096, 1, INT32_MAX}) {
    check(error(code) == EPROTO, "what is not the negative of an errno");
  }
  check(error_of({{}, {}}) == 0, "an NLMSG_DONE may be empty");
}

void stops_at_truncated_messages() {
  const Bytes bytes = stats_message(25);
  check(read_copy(bytes) == 1, "the whole message is read");
  for (size_t length = 0; length < bytes.size(); ++length) {
    check(read_copy(std::span(bytes).first(length)) == 0, "a truncated message is not read");
  }
  check(read_everything({}) == 0, "nothing is read from nothing");
}

void stops_at_lying_lengths() {
  Bytes bytes = stats_message(25);
  const size_t attribute = NLMSG_LENGTH(sizeof(if_stats_msg));
  for (uint32_t length = 0; length <= UINT16_MAX; ++length) {
    const auto lie = static_cast<uint16_t>(length);
    std::memcpy(bytes.data() + attribute, &lie, sizeof lie);
    read_copy(bytes);
  }
  for (const uint32_t lie : {0U, 1U, 15U, 16U, 17U, 28U, 1000U, 0x7fffffffU, 0xfffffffdU, ~0U}) {
    std::memcpy(bytes.data(), &lie, sizeof lie);
    read_copy(bytes);
  }
}

void survives_random_bytes() {
  std::mt19937 random(1);  // NOLINT(cert-msc51-cpp, cert-msc32-c): the same bytes in every run
  const Bytes valid = stats_message(25);
  for (int round = 0; round < 100'000; ++round) {
    Bytes bytes = valid;
    bytes.insert(bytes.end(), valid.begin(), valid.end());
    const size_t flips = 1 + random() % 8;
    for (size_t i = 0; i < flips; ++i) bytes[random() % 64] = static_cast<uint8_t>(random());
    bytes.resize(random() % (bytes.size() + 1));
    read_copy(bytes);
    for (auto& byte : bytes) byte = static_cast<uint8_t>(random());
    read_copy(bytes);
  }
}

}  // namespace
}  // namespace dropscope

int main() {
  dropscope::reads_as_many_counters_as_the_kernel_has();
  dropscope::ignores_messages_about_something_else();
  dropscope::knows_errors();
  dropscope::stops_at_truncated_messages();
  dropscope::stops_at_lying_lengths();
  dropscope::survives_random_bytes();
  return dropscope::outcome();
}
