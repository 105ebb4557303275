#include <napi.h>

#include "node/drop_tracer.h"
#include "node/flood.h"
#include "node/link_monitor.h"
#include "node/link_table.h"
#include "node/live_receiver.h"
#include "node/netlink_socket.h"
#include "node/packet_socket.h"
#include "node/process_monitor.h"
#include "node/replay.h"

// What JavaScript can see; lib/native.ts declares the same.
static Napi::Object Initialize(Napi::Env env, Napi::Object exports) {
  dropscope::export_packet_socket(env, exports);
  dropscope::export_flood(env, exports);
  dropscope::export_live_receiver(env, exports);
  dropscope::export_replay(env, exports);
  dropscope::export_link_table(env, exports);
  dropscope::export_link_monitor(env, exports);
  dropscope::export_process_monitor(env, exports);
  dropscope::export_netlink_socket(env, exports);
  dropscope::export_drop_tracer(env, exports);
  return exports;
}

NODE_API_MODULE(dropscope, Initialize)
