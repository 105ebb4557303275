#include "live_receiver.h"

#include <cstdint>
#include <optional>

#include "../kernel/live_receiver.h"
#include "js_arguments.h"
#include "js_error.h"
#include "js_network_namespace.h"

namespace dropscope {
namespace {

class LiveReceiverObject : public Napi::ObjectWrap<LiveReceiverObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "LiveReceiver",
                       {InstanceMethod<&LiveReceiverObject::receive>("receive"),
                        InstanceMethod<&LiveReceiverObject::close>("close")});
  }

  // (ifindex: number, networkNamespace?: string)
  explicit LiveReceiverObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    guard(info.Env(), [&] {
      namespace_ = to_network_namespace(info[1]);
      receiver_.emplace(namespace_, to_ifindex(info[0]));
    });
  }

 private:
  // (frame: Uint8Array) => void
  void receive(const Napi::CallbackInfo& info) {
    guard(info.Env(), [&] {
      if (!receiver_) throw Napi::Error::New(info.Env(), "This receiver is closed");
      const auto frame = to_bytes(info[0]);
      namespace_.run([&] { receiver_->receive(frame); });
    });
  }

  void close(const Napi::CallbackInfo&) { receiver_.reset(); }

  NetworkNamespace namespace_;
  std::optional<LiveReceiver> receiver_;
};

}  // namespace

void export_live_receiver(Napi::Env env, Napi::Object exports) {
  exports.Set("LiveReceiver", LiveReceiverObject::define(env));
}

}  // namespace dropscope
