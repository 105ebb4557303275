#pragma once

#include <napi.h>

#include <utility>

#include "../kernel/system_error.h"

namespace dropscope {

// Runs body and turns a SystemError into a JavaScript Error with `syscall` and `errno` (positive,
// as in errno(3)). Whatever makes a system call goes through here.
template <typename Body>
auto guard(Napi::Env env, Body&& body) -> decltype(body()) {
  try {
    return std::forward<Body>(body)();
  } catch (const SystemError& error) {
    auto js_error = Napi::Error::New(env, error.what());
    js_error.Set("syscall", error.syscall());
    js_error.Set("errno", Napi::Number::New(env, error.number()));
    throw js_error;
  }
}

}  // namespace dropscope
