#pragma once

#include <napi.h>

#include <initializer_list>
#include <memory>

namespace dropscope {

// A JavaScript function that libuv's callbacks call, with the asynchronous context
// (AsyncLocalStorage) in which it was given.
class JsCallback {
 public:
  explicit JsCallback(const Napi::Function& function) : state_(std::make_shared<State>(function)) {}

  // Runs the function, then microtasks, as every callback of Node.js does. What it throws is an
  // uncaught exception. The function may destroy this object.
  void call(std::initializer_list<napi_value> arguments = {}) const noexcept {
    const std::shared_ptr<State> state = state_;
    const Napi::Env env = state->function.Env();
    const Napi::HandleScope scope(env);
    napi_value result = nullptr;
    // Not Napi::Function::MakeCallback: that makes an Error of every failure, which aborts in a
    // worker that is being terminated.
    const napi_status status =
        napi_make_callback(env, state->context, env.Global(), state->function.Value(),
                           arguments.size(), arguments.begin(), &result);
    if (status == napi_ok) return;
    bool thrown = false;
    napi_is_exception_pending(env, &thrown);
    if (!thrown) return;  // The environment is ending: no JavaScript can run.
    napi_value error = nullptr;
    napi_get_and_clear_last_exception(env, &error);
    napi_fatal_exception(env, error);
  }

 private:
  struct State {
    explicit State(const Napi::Function& given)
        : function(Napi::Persistent(given)), context(given.Env(), "dropscope") {}

    Napi::FunctionReference function;
    Napi::AsyncContext context;
  };

  std::shared_ptr<State> state_;
};

}  // namespace dropscope
