#include "link_monitor.h"

#include "../kernel/link_monitor.h"
#include "js_network_namespace.h"
#include "monitor_object.h"

namespace dropscope {
namespace {

// (onChange: () => void, networkNamespace?: string)
struct LinkMonitoring {
  using Monitor = LinkMonitor;

  static constexpr const char* kName = "LinkMonitor";

  static Monitor open(const Napi::CallbackInfo& info) {
    return Monitor(to_network_namespace(info[1]));
  }

  // { removed: number[], overrun: boolean }
  static Napi::Value read(Napi::Env env, Monitor& monitor) {
    const auto changes = monitor.read();
    auto removed = Napi::Array::New(env, changes.removed.size());
    for (uint32_t i = 0; i < changes.removed.size(); ++i) removed.Set(i, changes.removed[i]);
    auto result = Napi::Object::New(env);
    result.Set("removed", removed);
    result.Set("overrun", changes.overrun);
    return result;
  }
};

}  // namespace

void export_link_monitor(Napi::Env env, Napi::Object exports) {
  MonitorObject<LinkMonitoring>::define(env, exports);
}

}  // namespace dropscope
