#pragma once

#include <napi.h>

#include <utility>

#include "../kernel/system_error.h"

namespace dropscope {

// A JavaScript Error with `syscall`, `errno` (positive, as in errno(3)) and, where there is one,
// `log`.
inline Napi::Error to_js_error(Napi::Env env, const SystemError& error) {
  auto js_error = Napi::Error::New(env, error.what());
  js_error.Set("syscall", error.syscall());
  js_error.Set("errno", Napi::Number::New(env, error.number()));
  if (!error.log().empty()) js_error.Set("log", error.log());
  return js_error;
}

// Runs body and throws a SystemError on as a JavaScript Error. Whatever makes a system call goes
// through here.
template <typename Body>
auto guard(Napi::Env env, Body&& body) -> decltype(body()) {
  try {
    return std::forward<Body>(body)();
  } catch (const SystemError& error) {
    throw to_js_error(env, error);
  }
}

}  // namespace dropscope
