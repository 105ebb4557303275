#pragma once

#include "link_monitor.h"
#include "unique_fd.h"

namespace dropscope {

// Whether anything changed about the links of a network namespace: their names, which of them there
// are. Failures are SystemErrors.
//
// The kernel tells of a change before it answers whoever made it: dev_change_name(),
// unregister_netdevice_many() and __dev_change_net_namespace() do so under the rtnl lock. Of an
// alternative name it tells only while the link is up (netdev_state_change() in net/core/dev.c);
// one that is down takes no frame.
class LinkChanges {
 public:
  explicit LinkChanges(const NetworkNamespace& network_namespace);

  // Whether something changed since the last call. Costs a tenth of what it takes to send a frame.
  bool any();

 private:
  LinkMonitor monitor_;
  UniqueFd epoll_;
};

}  // namespace dropscope
