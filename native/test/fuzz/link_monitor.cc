#include "../../kernel/link_monitor.h"

#include "../../kernel/system_error.h"
#include "netlink_answers.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static dropscope::LinkMonitor monitor;
  dropscope::answer_with({data, size});
  const auto changes = monitor.read();
  // A message has at least a header of 16 bytes.
  dropscope::require(changes.removed.size() <= size / 16);
  return 0;
}
