#include "link_monitor.h"

#include <uv.h>

#include <memory>
#include <optional>

#include "../kernel/link_monitor.h"
#include "js_arguments.h"
#include "js_callback.h"
#include "js_error.h"
#include "js_network_namespace.h"
#include "uv_poll.h"

namespace dropscope {
namespace {

class LinkMonitorObject : public Napi::ObjectWrap<LinkMonitorObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "LinkMonitor",
                       {InstanceMethod<&LinkMonitorObject::read>("read"),
                        InstanceMethod<&LinkMonitorObject::ref>("ref"),
                        InstanceMethod<&LinkMonitorObject::unref>("unref"),
                        InstanceMethod<&LinkMonitorObject::close>("close")});
  }

  explicit LinkMonitorObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    guard(info.Env(),
          [&] { open_.emplace(info.Env(), to_function(info[0]), to_network_namespace(info[1])); });
    Ref();  // Not collected while it is open.
  }

 private:
  struct Open {
    Open(Napi::Env env, const Napi::Function& on_change, const NetworkNamespace& network_namespace)
        : callback(on_change),
          monitor(network_namespace),
          poll(env, monitor.descriptor(), [this] { callback.call(); }) {
      poll.start(UV_READABLE);
    }

    JsCallback callback;
    LinkMonitor monitor;
    UvPoll poll;  // Goes before the descriptor that it watches.
  };

  // () => { removed: number[], overrun: boolean }
  Napi::Value read(const Napi::CallbackInfo& info) {
    return guard(info.Env(), [&] {
      const auto changes = open(info).monitor.read();
      auto removed = Napi::Array::New(info.Env(), changes.removed.size());
      for (uint32_t i = 0; i < changes.removed.size(); ++i) removed.Set(i, changes.removed[i]);
      auto result = Napi::Object::New(info.Env());
      result.Set("removed", removed);
      result.Set("overrun", changes.overrun);
      return result;
    });
  }

  void ref(const Napi::CallbackInfo& info) { open(info).poll.ref(); }

  void unref(const Napi::CallbackInfo& info) { open(info).poll.unref(); }

  void close(const Napi::CallbackInfo&) {
    if (!open_) return;
    open_.reset();
    Unref();
  }

  Open& open(const Napi::CallbackInfo& info) {
    if (!open_) throw Napi::Error::New(info.Env(), "This monitor is closed");
    return *open_;
  }

  std::optional<Open> open_;
};

}  // namespace

void export_link_monitor(Napi::Env env, Napi::Object exports) {
  exports.Set("LinkMonitor", LinkMonitorObject::define(env));
}

}  // namespace dropscope
