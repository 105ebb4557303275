#pragma once

#include <napi.h>

#include "../kernel/engine.h"
#include "../kernel/send_tally.h"
#include "js_arguments.h"

namespace dropscope {

// What floods and replays have in common.

inline Engine to_engine(Napi::Value value) {
  const auto last = static_cast<uint64_t>(Engine::kReceiveLiveFrames);
  return static_cast<Engine>(to_number(value, last));
}

// By which it sends.
inline const char* system_call_of(Engine engine) {
  switch (engine) {
    case Engine::kSendmmsg:
      return "sendmmsg";
    case Engine::kAfXdp:
      return "sendto";
    default:
      return "bpf";
  }
}

// Frames a second, or another number from 0 on.
inline double to_rate(Napi::Value value) {
  double rate = 0;
  if (napi_get_value_double(value.Env(), value, &rate) != napi_ok) {
    throw Napi::TypeError::New(value.Env(), "Expected a number");
  }
  if (!(rate >= 0)) throw Napi::RangeError::New(value.Env(), "Number out of range");
  return rate;
}

// { sent, bytes, durationNs, refused: [errno, count, ...] }
inline Napi::Object to_js_progress(Napi::Env env, const SendCounts& counts, uint64_t duration_ns) {
  auto refused = Napi::Array::New(env);
  uint32_t length = 0;
  for (size_t error = 0; error < kErrnoLimit; ++error) {
    if (counts.refused[error] == 0) continue;
    refused.Set(length++, static_cast<double>(error));
    refused.Set(length++, static_cast<double>(counts.refused[error]));
  }
  auto result = Napi::Object::New(env);
  result.Set("sent", static_cast<double>(counts.sent));
  result.Set("bytes", static_cast<double>(counts.bytes));
  result.Set("durationNs", static_cast<double>(duration_ns));
  result.Set("refused", refused);
  return result;
}

}  // namespace dropscope
