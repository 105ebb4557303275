#include "../kernel/link_table.h"

#include <net/if.h>

#include <cstring>

#include "../kernel/link_monitor.h"
#include "../kernel/system_error.h"
#include "check.h"

// These read the links of this namespace, where lo is and nothing moves its counters.
namespace dropscope {
namespace {

bool same(const LinkStats& a, const LinkStats& b) {
  return a.ifindex == b.ifindex && a.fields == b.fields &&
         std::memcmp(&a.counters, &b.counters, sizeof a.counters) == 0;
}

void both_requests_read_the_same() {
  LinkTable by_stats({}, LinkTable::Request::kStats);
  LinkTable by_link({}, LinkTable::Request::kLink);
  const int lo = by_stats.index_of("lo");
  const auto one = by_stats.read(lo);
  const auto other = by_link.read(lo);
  check(one && other, "lo has counters");
  if (one && other) check(same(*one, *other), "RTM_GETSTATS and RTM_GETLINK agree on lo");
  const auto all = by_stats.read_all();
  const auto others = by_link.read_all();
  check(!all.empty() && all.size() == others.size(), "both dumps have all links");
  check(!all.empty() && one && same(all.front(), *one), "the dump agrees with the single answer");
}

void tells_links_that_are_not_there() {
  LinkTable table;
  check(!table.read(0x7fffffff), "no counters of a link that is not there");
  check(!table.read(0) && !table.read(-1), "no counters of what is no ifindex");
  check(table.name_of(0x7fffffff).empty(), "no name of a link that is not there");
  for (const char* name : {"", "nosuch", "lo:1", "lo\n", "a name of sixteen", "lo/"}) {
    check(table.index_of(name) == 0, "no index of a name that is not there");
  }
  check(table.index_of(std::string("lo\0x", 4)) == 0, "no index of a name with NUL");
}

void finds_lo() {
  LinkTable table;
  const int lo = table.index_of("lo");
  check(lo == static_cast<int>(::if_nametoindex("lo")), "the index that libc gives");
  check(table.name_of(lo) == "lo", "and its name");
  check(table.hardware_address("lo") == std::array<uint8_t, 6>{}, "lo has an address of zeros");
  try {
    table.hardware_address("nosuch");
    check(false, "a missing interface has no address");
  } catch (const SystemError& error) {
    check(error.number() == ENODEV, "ENODEV for a missing interface");
  }
}

void a_quiet_namespace_has_no_changes() {
  LinkMonitor monitor;
  const auto changes = monitor.read();
  check(changes.removed.empty() && !changes.overrun, "nothing was removed");
}

}  // namespace
}  // namespace dropscope

int main() {
  dropscope::both_requests_read_the_same();
  dropscope::tells_links_that_are_not_there();
  dropscope::finds_lo();
  dropscope::a_quiet_namespace_has_no_changes();
  return dropscope::outcome();
}
