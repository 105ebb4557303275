#include "flood.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "../kernel/flood.h"
#include "js_arguments.h"
#include "js_callback.h"
#include "js_error.h"
#include "js_network_namespace.h"
#include "js_sending.h"
#include "uv_poll.h"

namespace dropscope {
namespace {

constexpr unsigned kMostThreads = 64;

std::span<const uint64_t> to_longs(Napi::Value value) {
  return to_elements<uint64_t>(value, napi_biguint64_array, "Expected a BigUint64Array");
}

// lib/native.ts says what `numbers` are.
Variation read_variation(const Napi::Object& from) {
  Variation variation;
  varied_field& field = variation.field;
  field.kind = static_cast<uint32_t>(to_number(from.Get("kind"), VARIED_LIST));
  variation.width = static_cast<uint8_t>(to_number(from.Get("width"), 8));
  const auto offsets = to_words(from.Get("offsets"));
  variation.offsets.assign(offsets.begin(), offsets.end());
  const auto numbers = to_longs(from.Get("numbers"));
  if (numbers.empty()) throw Napi::RangeError::New(from.Env(), "A field without a number");
  field.mask = numbers[0];
  variation.values.assign(numbers.begin() + 1, numbers.end());
  if (field.kind == VARIED_LIST) return variation;
  if (variation.values.size() != 3) throw Napi::RangeError::New(from.Env(), "Expected 4 numbers");
  field.first = variation.values[0];
  field.count = variation.values[1];
  (field.kind == VARIED_RANDOM ? field.seed : field.step) = variation.values[2];
  return variation;
}

FloodPlan read_plan(const Napi::Object& from) {
  const auto packed = to_bytes(from.Get("packed"));
  std::vector<Variation> variations;
  const auto list = to_list(from.Get("fields"));
  for (uint32_t i = 0; i < list.Length(); ++i) {
    variations.push_back(read_variation(to_object(list.Get(i))));
  }
  try {
    FrameSequence frames(std::vector<uint8_t>(packed.begin(), packed.end()),
                         to_words(from.Get("lengths")), variations);
    return FloodPlan{
        .network_namespace = to_network_namespace(from.Get("networkNamespace")),
        .ifindex = to_ifindex(from.Get("ifindex")),
        .frames = std::move(frames),
        .engine = to_engine(from.Get("engine")),
        .count = to_number(from.Get("count"), uint64_t{1} << 53),
        .duration_ns = to_number(from.Get("durationNs"), uint64_t{1} << 53),
        .frames_per_second = to_rate(from.Get("framesPerSecond")),
        .threads = static_cast<unsigned>(to_number(from.Get("threads"), kMostThreads)),
    };
  } catch (const std::out_of_range& error) {
    throw Napi::RangeError::New(from.Env(), error.what());
  }
}

class FloodObject : public Napi::ObjectWrap<FloodObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "Flood",
        {InstanceMethod<&FloodObject::progress>("progress"),
         InstanceMethod<&FloodObject::stop>("stop"), InstanceMethod<&FloodObject::close>("close")});
  }

  // (plan, onEnd: () => void). Begins, and keeps the process alive until it has ended.
  explicit FloodObject(const Napi::CallbackInfo& info)
      : ObjectWrap(info), on_end_(to_function(info[1])) {
    guard(info.Env(), [&] {
      FloodPlan plan = read_plan(to_object(info[0]));
      syscall_ = system_call_of(plan.engine);
      flood_.emplace(std::move(plan));
      poll_.emplace(info.Env(), flood_->descriptor(), [this] {
        poll_->stop();
        on_end_.call();
      });
      poll_->start(UV_READABLE);
    });
    Ref();  // Not collected before it is closed.
  }

 private:
  // () => { sent, bytes, durationNs, failure?: Error, refused: [errno, count, ...],
  //         verified?: [before, after] }
  Napi::Value progress(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    if (!flood_) throw Napi::Error::New(env, "This flood is closed");
    const FloodProgress progress = flood_->progress();
    auto result = to_js_progress(env, progress.counts, progress.duration_ns);
    if (progress.failure != 0) {
      result.Set("failure", to_js_error(env, {syscall_, progress.failure}).Value());
    }
    if (progress.verified) {
      auto verified = Napi::Array::New(env, 2);
      verified.Set(0U, Napi::BigInt::New(env, progress.verified->before));
      verified.Set(1U, Napi::BigInt::New(env, progress.verified->after));
      result.Set("verified", verified);
    }
    return result;
  }

  void stop(const Napi::CallbackInfo&) {
    if (flood_) flood_->stop();
  }

  void close(const Napi::CallbackInfo&) {
    if (!flood_) return;
    poll_.reset();
    flood_.reset();
    Unref();
  }

  JsCallback on_end_;
  const char* syscall_ = "";
  std::optional<Flood> flood_;
  std::optional<UvPoll> poll_;  // Goes before the descriptor that it watches.
};

}  // namespace

void export_flood(Napi::Env env, Napi::Object exports) {
  exports.Set("Flood", FloodObject::define(env));
}

}  // namespace dropscope
