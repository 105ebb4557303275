#include "packet_socket.h"

#include <uv.h>

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "../kernel/packet_socket.h"
#include "js_arguments.h"
#include "js_callback.h"
#include "js_error.h"
#include "js_network_namespace.h"
#include "uv_poll.h"

namespace dropscope {
namespace {

Napi::Error out_of_range(Napi::Env env) {
  return Napi::RangeError::New(env, "A frame reaches beyond its buffer");
}

// The array that is the first argument: its first bytes, as many as the second says, or all of them
// where there is none.
std::span<const uint8_t> to_frame(const Napi::CallbackInfo& info) {
  const auto frame = to_bytes(info[0]);
  if (info.Length() == 1) return frame;
  const size_t wanted = to_number(info[1], UINT32_MAX);
  if (wanted > frame.size()) throw out_of_range(info.Env());
  return frame.first(wanted);
}

class PacketSocketObject {
 public:
  // (networkNamespace?: string) => PacketSocket. Its functions hold the socket, instead of methods
  // that look up what `this` wraps: napi_unwrap() alone takes a tenth of the time in which a frame
  // is sent.
  static Napi::Value open(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    return guard(env, [&] {
      const auto self = std::make_shared<PacketSocketObject>(to_network_namespace(info[0]));
      auto object = Napi::Object::New(env);
      const auto define = [&](const char* name, auto method) {
        const auto call = [self, method](const Napi::CallbackInfo& info) {
          return std::invoke(method, *self, info);
        };
        object.Set(name, Napi::Function::New(env, call, name));
      };
      define("bind", &PacketSocketObject::bind);
      define("send", &PacketSocketObject::send);
      define("sendIfUnchanged", &PacketSocketObject::send_if_unchanged);
      define("sendAll", &PacketSocketObject::send_all);
      define("onceWritable", &PacketSocketObject::once_writable);
      define("close", &PacketSocketObject::close);
      return object;
    });
  }

  explicit PacketSocketObject(NetworkNamespace network_namespace)
      : socket_(std::in_place, std::move(network_namespace)) {}

 private:
  struct Waiting {
    JsCallback callback;
    Napi::ObjectReference not_collected;
  };

  // (ifindex: number) => void
  void bind(const Napi::CallbackInfo& info) {
    guard(info.Env(), [&] { socket(info).bind(to_ifindex(info[0])); });
  }

  // (frame: Uint8Array, length?: number) => void
  void send(const Napi::CallbackInfo& info) {
    guard(info.Env(), [&] { socket(info).send(to_frame(info)); });
  }

  // (frame: Uint8Array, length?: number) => boolean
  Napi::Value send_if_unchanged(const Napi::CallbackInfo& info) {
    return guard(info.Env(), [&] {
      const bool sent = socket(info).send_if_unchanged(to_frame(info));
      return Napi::Boolean::New(info.Env(), sent);
    });
  }

  // (packed: Uint8Array, offset: number, lengths: Uint32Array, first: number) => number
  Napi::Value send_all(const Napi::CallbackInfo& info) {
    return guard(info.Env(), [&] {
      PacketSocket& socket = this->socket(info);
      auto packed = to_bytes(info[0]);
      const size_t offset = to_number(info[1], UINT32_MAX);
      auto lengths = to_words(info[2]);
      const size_t first = to_number(info[3], UINT32_MAX);
      if (offset > packed.size() || first > lengths.size()) throw out_of_range(info.Env());
      packed = packed.subspan(offset);
      lengths = lengths.subspan(first);
      std::array<std::span<const uint8_t>, PacketSocket::kWindow> frames;
      const size_t count = std::min(frames.size(), lengths.size());
      for (size_t i = 0; i < count; ++i) {
        if (lengths[i] > packed.size()) throw out_of_range(info.Env());
        frames[i] = packed.first(lengths[i]);
        packed = packed.subspan(lengths[i]);
      }
      const size_t sent = socket.send_all(std::span(frames).first(count));
      return Napi::Number::New(info.Env(), static_cast<double>(sent));
    });
  }

  // (callback: () => void) => void
  void once_writable(const Napi::CallbackInfo& info) {
    guard(info.Env(), [&] {
      PacketSocket& socket = this->socket(info);
      Waiting waiting{JsCallback(to_function(info[0])),
                      Napi::Persistent(info.This().As<Napi::Object>())};
      if (!poll_) poll_.emplace(info.Env(), socket.descriptor(), [this] { on_writable(); });
      poll_->start(UV_WRITABLE);
      waiting_.push_back(std::move(waiting));
    });
  }

  void on_writable() {
    poll_->stop();
    const auto due = std::exchange(waiting_, {});
    for (const auto& waiting : due) {
      if (!socket_) return;  // An earlier one has closed it.
      waiting.callback.call();
    }
  }

  void close(const Napi::CallbackInfo&) {
    poll_.reset();
    socket_.reset();
    waiting_.clear();
  }

  PacketSocket& socket(const Napi::CallbackInfo& info) {
    if (!socket_) throw Napi::Error::New(info.Env(), "This socket is closed");
    return *socket_;
  }

  std::optional<PacketSocket> socket_;
  std::vector<Waiting> waiting_;
  std::optional<UvPoll> poll_;  // Goes before the descriptor that it watches.
};

}  // namespace

void export_packet_socket(Napi::Env env, Napi::Object exports) {
  exports.Set("openPacketSocket",
              Napi::Function::New<PacketSocketObject::open>(env, "openPacketSocket"));
}

}  // namespace dropscope
