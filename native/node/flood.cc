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
#include "uv_poll.h"

namespace dropscope {
namespace {

constexpr unsigned kMostThreads = 64;

std::span<const uint64_t> to_longs(Napi::Value value) {
  return to_elements<uint64_t>(value, napi_biguint64_array, "Expected a BigUint64Array");
}

// lib/native.ts says what `numbers` are.
VariedField read_field(const Napi::Object& from) {
  VariedField field;
  field.kind = static_cast<VariedField::Kind>(
      to_number(from.Get("kind"), static_cast<uint64_t>(VariedField::Kind::kList)));
  field.width = static_cast<uint8_t>(to_number(from.Get("width"), 8));
  const auto offsets = to_words(from.Get("offsets"));
  field.offsets.assign(offsets.begin(), offsets.end());
  const auto numbers = to_longs(from.Get("numbers"));
  if (numbers.empty()) throw Napi::RangeError::New(from.Env(), "A field without a number");
  field.mask = numbers[0];
  field.values.assign(numbers.begin() + 1, numbers.end());
  if (field.kind == VariedField::Kind::kList) return field;
  if (field.values.size() != 3) throw Napi::RangeError::New(from.Env(), "Expected 4 numbers");
  field.first = field.values[0];
  field.count = field.values[1];
  (field.kind == VariedField::Kind::kRandom ? field.seed : field.step) = field.values[2];
  return field;
}

double to_rate(Napi::Value value) {
  double rate = 0;
  if (napi_get_value_double(value.Env(), value, &rate) != napi_ok) {
    throw Napi::TypeError::New(value.Env(), "Expected a number");
  }
  if (!(rate >= 0)) throw Napi::RangeError::New(value.Env(), "Number out of range");
  return rate;
}

FloodPlan read_plan(const Napi::Object& from) {
  const auto packed = to_bytes(from.Get("packed"));
  std::vector<VariedField> fields;
  const auto list = to_list(from.Get("fields"));
  for (uint32_t i = 0; i < list.Length(); ++i) fields.push_back(read_field(to_object(list.Get(i))));
  try {
    FrameSequence frames(std::vector<uint8_t>(packed.begin(), packed.end()),
                         to_words(from.Get("lengths")), std::move(fields));
    return FloodPlan{
        .network_namespace = to_network_namespace(from.Get("networkNamespace")),
        .ifindex = to_ifindex(from.Get("ifindex")),
        .frames = std::move(frames),
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
      flood_.emplace(read_plan(to_object(info[0])));
      poll_.emplace(info.Env(), flood_->descriptor(), [this] {
        poll_->stop();
        on_end_.call();
      });
      poll_->start(UV_READABLE);
    });
    Ref();  // Not collected before it is closed.
  }

 private:
  // () => { sent, bytes, durationNs, failure?: Error, refused: [errno, count, ...] }
  Napi::Value progress(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    if (!flood_) throw Napi::Error::New(env, "This flood is closed");
    const FloodProgress progress = flood_->progress();
    auto refused = Napi::Array::New(env);
    uint32_t length = 0;
    for (size_t error = 0; error < kErrnoLimit; ++error) {
      if (progress.refused[error] == 0) continue;
      refused.Set(length++, static_cast<double>(error));
      refused.Set(length++, static_cast<double>(progress.refused[error]));
    }
    auto result = Napi::Object::New(env);
    result.Set("sent", static_cast<double>(progress.sent));
    result.Set("bytes", static_cast<double>(progress.bytes));
    result.Set("durationNs", static_cast<double>(progress.duration_ns));
    if (progress.failure != 0) {
      result.Set("failure", to_js_error(env, {"sendmmsg", progress.failure}).Value());
    }
    result.Set("refused", refused);
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
  std::optional<Flood> flood_;
  std::optional<UvPoll> poll_;  // Goes before the descriptor that it watches.
};

}  // namespace

void export_flood(Napi::Env env, Napi::Object exports) {
  exports.Set("Flood", FloodObject::define(env));
}

}  // namespace dropscope
