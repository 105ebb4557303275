#pragma once

#include "link_monitor.h"
#include "unique_fd.h"

namespace dropscope {

// Whether anything changed about the links of the network namespace in which this was made: their
// names, which of them there are. The kernel tells of a change before it answers whoever made it.
// Failures are SystemErrors.
class LinkChanges {
 public:
  LinkChanges();

  // Whether something changed since the last call. Costs a tenth of what it takes to send a frame.
  bool any();

 private:
  LinkMonitor monitor_;
  UniqueFd epoll_;
};

}  // namespace dropscope
