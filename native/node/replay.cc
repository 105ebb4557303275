#include "replay.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <stdexcept>
#include <utility>

#include "../kernel/replay.h"
#include "../kernel/unique_fd.h"
#include "js_arguments.h"
#include "js_callback.h"
#include "js_error.h"
#include "js_network_namespace.h"
#include "js_sending.h"
#include "uv_poll.h"

namespace dropscope {
namespace {

std::optional<MacAddress> to_mac_address(Napi::Value value) {
  if (value.IsUndefined()) return {};
  const auto bytes = to_bytes(value);
  MacAddress address{};
  if (bytes.size() != address.size()) {
    throw Napi::RangeError::New(value.Env(), "Expected 6 bytes");
  }
  std::ranges::copy(bytes, address.begin());
  return address;
}

ReplayPlan read_plan(const Napi::Object& from) {
  return {
      .network_namespace = to_network_namespace(from.Get("networkNamespace")),
      .ifindex = to_ifindex(from.Get("ifindex")),
      .engine = to_engine(from.Get("engine")),
      .speed = to_rate(from.Get("speed")),
      .frames_per_second = to_rate(from.Get("framesPerSecond")),
      .source = to_mac_address(from.Get("source")),
      .destination = to_mac_address(from.Get("destination")),
  };
}

class ReplayObject : public Napi::ObjectWrap<ReplayObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Replay",
                       {InstanceMethod<&ReplayObject::push>("push"),
                        InstanceMethod<&ReplayObject::finish>("finish"),
                        InstanceMethod<&ReplayObject::progress>("progress"),
                        InstanceMethod<&ReplayObject::stop>("stop"),
                        InstanceMethod<&ReplayObject::close>("close")});
  }

  // (plan, onChange: () => void). Begins, and keeps the process alive until it is closed.
  explicit ReplayObject(const Napi::CallbackInfo& info)
      : ObjectWrap(info), on_change_(to_function(info[1])) {
    guard(info.Env(), [&] {
      ReplayPlan plan = read_plan(to_object(info[0]));
      syscall_ = system_call_of(plan.engine);
      replay_.emplace(std::move(plan));
      poll_.emplace(info.Env(), replay_->descriptor(), [this] {
        replay_->acknowledge();
        on_change_.call();
      });
      poll_->start(UV_READABLE);
    });
    Ref();  // Not collected before it is closed.
  }

 private:
  // (bytes: Uint8Array, offsets: Uint32Array, lengths: Uint32Array, timesNs: Float64Array) => void
  void push(const Napi::CallbackInfo& info) {
    Replay& replay = this->replay(info.Env());
    const auto bytes = to_bytes(info[0]);
    const auto offsets = to_words(info[1]);
    const auto lengths = to_words(info[2]);
    const auto times = to_elements<double>(info[3], napi_float64_array, "Expected a Float64Array");
    try {
      replay.push({.bytes = bytes, .offsets = offsets, .lengths = lengths, .times_ns = times});
    } catch (const std::out_of_range& error) {
      throw Napi::RangeError::New(info.Env(), error.what());
    }
  }

  void finish(const Napi::CallbackInfo& info) { replay(info.Env()).finish(); }

  // () => { sent, bytes, durationNs, refused: [errno, count, ...], failure?: Error, ended, waiting
  // }
  Napi::Value progress(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    const ReplayProgress progress = replay(env).progress();
    auto result = to_js_progress(env, progress.counts, progress.duration_ns);
    if (progress.failure != 0) {
      result.Set("failure", to_js_error(env, {syscall_, progress.failure}).Value());
    }
    result.Set("ended", progress.ended);
    result.Set("waiting", static_cast<double>(progress.waiting));
    return result;
  }

  void stop(const Napi::CallbackInfo&) {
    if (replay_) replay_->stop();
  }

  void close(const Napi::CallbackInfo&) {
    if (!replay_) return;
    poll_.reset();
    replay_.reset();
    Unref();
  }

  Replay& replay(Napi::Env env) {
    if (!replay_) throw Napi::Error::New(env, "This replay is closed");
    return *replay_;
  }

  JsCallback on_change_;
  const char* syscall_ = "";
  std::optional<Replay> replay_;
  std::optional<UvPoll> poll_;  // Goes before the descriptor that it watches.
};

// (fd: number) => number
Napi::Value duplicate_descriptor(const Napi::CallbackInfo& info) {
  const auto fd = static_cast<int>(to_number(info[0], std::numeric_limits<int>::max()));
  const int copy = guard(info.Env(), [fd] { return duplicate(fd).release(); });
  return Napi::Number::New(info.Env(), copy);
}

}  // namespace

void export_replay(Napi::Env env, Napi::Object exports) {
  exports.Set("Replay", ReplayObject::define(env));
  exports.Set("duplicateDescriptor",
              Napi::Function::New<duplicate_descriptor>(env, "duplicateDescriptor"));
}

}  // namespace dropscope
