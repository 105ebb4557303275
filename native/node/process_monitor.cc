#include "process_monitor.h"

#include <cstdint>

#include "../kernel/process_monitor.h"
#include "monitor_object.h"

namespace dropscope {
namespace {

// (onEnd: () => void, pid: number)
struct ProcessMonitoring {
  using Monitor = ProcessMonitor;

  static constexpr const char* kName = "ProcessMonitor";

  static Monitor open(const Napi::CallbackInfo& info) {
    return Monitor(static_cast<pid_t>(to_number(info[1], INT32_MAX)));
  }

  // Whether the process has ended.
  static Napi::Value read(Napi::Env env, const Monitor& monitor) {
    return Napi::Boolean::New(env, monitor.ended());
  }
};

}  // namespace

void export_process_monitor(Napi::Env env, Napi::Object exports) {
  MonitorObject<ProcessMonitoring>::define(env, exports);
}

}  // namespace dropscope
