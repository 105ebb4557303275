#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "link_stats.h"
#include "network_namespace.h"
#include "unique_fd.h"

namespace dropscope {

// The links of a network namespace. Failures are SystemErrors.
class LinkTable {
 public:
  // Which message asks for counters. kStats is the cheap one, in Linux since 4.7; where it is
  // missing, the table turns to kLink by itself.
  enum class Request { kStats, kLink };

  explicit LinkTable(NetworkNamespace network_namespace = {}, Request request = Request::kStats);

  // 0 when there is no such interface.
  int index_of(const std::string& name);

  // Empty when there is no such interface.
  std::string name_of(int ifindex) const;

  // Zeros on a link without addresses, such as lo. ENODEV when there is no such interface.
  std::array<uint8_t, 6> hardware_address(const std::string& name) const;

  // nullopt when there is no such link.
  std::optional<LinkStats> read(int ifindex);

  std::vector<LinkStats> read_all();

  // A number that no other network namespace has before the next boot, while the inode number of
  // one that ended is used again. nullopt before Linux 5.14.
  std::optional<uint64_t> namespace_cookie() const;

 private:
  struct Answer {
    int error = 0;             // an errno(3) value
    bool interrupted = false;  // links came or went meanwhile: some may be missing
    std::vector<LinkStats> links;
  };

  int ask_index_of(const std::string& name);
  Answer ask(int ifindex);
  Answer exchange(int ifindex);
  void send_request(int ifindex);
  std::span<const uint8_t> receive();

  NetworkNamespace namespace_;
  UniqueFd fd_;
  Request request_;
  uint32_t sequence_ = 0;
  std::vector<uint8_t> buffer_;
  // Where a name was last; others may have it by now.
  std::unordered_map<std::string, int> indexes_;
};

}  // namespace dropscope
