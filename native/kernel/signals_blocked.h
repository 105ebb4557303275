#pragma once

#include <pthread.h>

#include <csignal>

namespace dropscope {

// A thread begins with the signals of the one that makes it. One that got a signal would cut short
// what the kernel is doing for it, and Node.js has threads for that.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace dropscope
