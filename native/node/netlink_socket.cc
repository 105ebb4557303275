#include "netlink_socket.h"

#include <uv.h>

#include <algorithm>
#include <optional>

#include "../kernel/netlink_socket.h"
#include "js_arguments.h"
#include "js_callback.h"
#include "js_error.h"
#include "js_network_namespace.h"
#include "uv_poll.h"

namespace dropscope {
namespace {

class NetlinkSocketObject : public Napi::ObjectWrap<NetlinkSocketObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "NetlinkSocket",
        {InstanceMethod<&NetlinkSocketObject::send>("send"),
         InstanceMethod<&NetlinkSocketObject::receive>("receive"),
         InstanceMethod<&NetlinkSocketObject::lost>("lost"),
         InstanceMethod<&NetlinkSocketObject::join>("join"),
         InstanceMethod<&NetlinkSocketObject::set_receive_buffer>("setReceiveBuffer"),
         InstanceMethod<&NetlinkSocketObject::on_readable>("onReadable"),
         InstanceMethod<&NetlinkSocketObject::ref>("ref"),
         InstanceMethod<&NetlinkSocketObject::unref>("unref"),
         InstanceMethod<&NetlinkSocketObject::close>("close")});
  }

  // (protocol: number, networkNamespace?: string)
  explicit NetlinkSocketObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    guard(info.Env(), [&] {
      const auto protocol = static_cast<int>(to_number(info[0], 31));
      socket_.emplace(protocol, to_network_namespace(info[1]));
    });
  }

 private:
  // (messages: Uint8Array) => void
  void send(const Napi::CallbackInfo& info) {
    guard(info.Env(), [&] { socket(info).send(to_bytes(info[0])); });
  }

  // () => Uint8Array | undefined
  Napi::Value receive(const Napi::CallbackInfo& info) {
    return guard(info.Env(), [&]() -> Napi::Value {
      const auto bytes = socket(info).receive();
      if (!bytes) return info.Env().Undefined();
      auto result = Napi::Uint8Array::New(info.Env(), bytes->size());
      std::copy(bytes->begin(), bytes->end(), result.Data());
      return result;
    });
  }

  // () => number
  Napi::Value lost(const Napi::CallbackInfo& info) {
    return guard(info.Env(), [&] { return Napi::Number::New(info.Env(), socket(info).lost()); });
  }

  // (group: number) => void
  void join(const Napi::CallbackInfo& info) {
    guard(info.Env(),
          [&] { socket(info).join(static_cast<uint32_t>(to_number(info[0], UINT32_MAX))); });
  }

  // (bytes: number) => void
  void set_receive_buffer(const Napi::CallbackInfo& info) {
    guard(info.Env(), [&] {
      socket(info).set_receive_buffer(static_cast<int>(to_number(info[0], INT32_MAX)));
    });
  }

  // (callback: () => void) => void
  void on_readable(const Napi::CallbackInfo& info) {
    NetlinkSocket& socket = this->socket(info);
    if (poll_) throw Napi::Error::New(info.Env(), "This socket has a listener already");
    callback_.emplace(to_function(info[0]));
    guard(info.Env(), [&] {
      poll_.emplace(info.Env(), socket.descriptor(), [this] { callback_->call(); });
      poll_->start(UV_READABLE);
    });
    Ref();  // Not collected while it listens.
  }

  void ref(const Napi::CallbackInfo&) {
    if (poll_) poll_->ref();
  }

  void unref(const Napi::CallbackInfo&) {
    if (poll_) poll_->unref();
  }

  void close(const Napi::CallbackInfo&) {
    if (poll_) Unref();
    poll_.reset();
    callback_.reset();
    socket_.reset();
  }

  NetlinkSocket& socket(const Napi::CallbackInfo& info) {
    if (!socket_) throw Napi::Error::New(info.Env(), "This socket is closed");
    return *socket_;
  }

  std::optional<NetlinkSocket> socket_;
  std::optional<JsCallback> callback_;
  std::optional<UvPoll> poll_;  // Goes before the descriptor that it watches.
};

}  // namespace

void export_netlink_socket(Napi::Env env, Napi::Object exports) {
  exports.Set("NetlinkSocket", NetlinkSocketObject::define(env));
}

}  // namespace dropscope
