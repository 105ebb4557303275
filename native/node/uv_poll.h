#pragma once

#include <node_api.h>
#include <uv.h>

#include <functional>
#include <memory>
#include <utility>

#include "../kernel/system_error.h"

namespace dropscope {

// Calls back on the loop thread when a descriptor is ready. It does not own the descriptor, which
// must stay open for as long as this lives.
class UvPoll {
 public:
  UvPoll(napi_env env, int fd, std::function<void()> on_event) {
    uv_loop_t* loop = nullptr;
    if (napi_get_uv_event_loop(env, &loop) != napi_ok) throw SystemError("epoll_create1", EINVAL);
    auto watcher = std::make_unique<Watcher>(std::move(on_event));
    check(uv_poll_init(loop, &watcher->poll, fd));
    watcher->poll.data = watcher.get();
    watcher_ = watcher.release();
  }

  // The callback does not fire after this, which may itself be called from the callback. libuv
  // needs the handle until a later turn of the loop, so its memory goes in the close callback; the
  // turns that Node.js makes while it ends a worker count as such.
  ~UvPoll() {
    uv_close(handle(), [](uv_handle_t* closed) { delete static_cast<Watcher*>(closed->data); });
  }

  UvPoll(const UvPoll&) = delete;
  UvPoll& operator=(const UvPoll&) = delete;

  // events: UV_READABLE, UV_WRITABLE. Calling it again changes them.
  void start(int events) {
    watcher_->events = events;
    check(uv_poll_start(&watcher_->poll, events, on_poll));
  }
  void stop() { uv_poll_stop(&watcher_->poll); }

  // A started poll keeps the loop alive, unless it is unref'd.
  void ref() { uv_ref(handle()); }
  void unref() { uv_unref(handle()); }

 private:
  struct Watcher {
    explicit Watcher(std::function<void()> callback) : on_event(std::move(callback)) {}

    uv_poll_t poll{};
    int events = 0;
    std::function<void()> on_event;
  };

  static void on_poll(uv_poll_t* poll, int status, int) {
    auto* watcher = static_cast<Watcher*>(poll->data);
    // libuv stops a poll at POLLERR. On our sockets that is an error to be read, such as a netlink
    // socket's ENOBUFS, after which there is more to come.
    if (status < 0) uv_poll_start(poll, watcher->events, on_poll);
    watcher->on_event();
  }

  static void check(int result) {
    if (result < 0) throw SystemError("epoll_ctl", -result);
  }

  uv_handle_t* handle() const { return reinterpret_cast<uv_handle_t*>(&watcher_->poll); }

  Watcher* watcher_ = nullptr;
};

}  // namespace dropscope
