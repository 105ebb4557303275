#pragma once

#include <napi.h>
#include <uv.h>

#include <optional>

#include "js_arguments.h"
#include "js_callback.h"
#include "js_error.h"
#include "uv_poll.h"

namespace dropscope {

// The JavaScript class of a monitor: an object that calls back while the monitor's descriptor is
// readable. Kind has
//   Monitor: the class of native/kernel/, which has a descriptor();
//   kName: the name of the JavaScript class;
//   open(info): makes the monitor of the constructor's arguments behind the callback;
//   read(env, monitor): what the method read() returns.
template <typename Kind>
class MonitorObject : public Napi::ObjectWrap<MonitorObject<Kind>> {
 public:
  static void define(Napi::Env env, Napi::Object exports) {
    using Base = Napi::ObjectWrap<MonitorObject>;
    exports.Set(Kind::kName,
                Base::DefineClass(env, Kind::kName,
                                  {Base::template InstanceMethod<&MonitorObject::read>("read"),
                                   Base::template InstanceMethod<&MonitorObject::ref>("ref"),
                                   Base::template InstanceMethod<&MonitorObject::unref>("unref"),
                                   Base::template InstanceMethod<&MonitorObject::close>("close")}));
  }

  explicit MonitorObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<MonitorObject>(info) {
    guard(info.Env(), [&] { open_.emplace(info); });
    this->Ref();  // Not collected while it is open.
  }

 private:
  struct Open {
    explicit Open(const Napi::CallbackInfo& info)
        : callback(to_function(info[0])),
          monitor(Kind::open(info)),
          poll(info.Env(), monitor.descriptor(), [this] { callback.call(); }) {
      poll.start(UV_READABLE);
    }

    JsCallback callback;
    typename Kind::Monitor monitor;
    UvPoll poll;  // Goes before the descriptor that it watches.
  };

  Napi::Value read(const Napi::CallbackInfo& info) {
    return guard(info.Env(), [&] { return Kind::read(info.Env(), open(info).monitor); });
  }

  void ref(const Napi::CallbackInfo& info) { open(info).poll.ref(); }

  void unref(const Napi::CallbackInfo& info) { open(info).poll.unref(); }

  void close(const Napi::CallbackInfo&) {
    if (!open_) return;
    open_.reset();
    this->Unref();
  }

  Open& open(const Napi::CallbackInfo& info) {
    if (!open_) throw Napi::Error::New(info.Env(), "This monitor is closed");
    return *open_;
  }

  std::optional<Open> open_;
};

}  // namespace dropscope
