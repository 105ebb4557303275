#pragma once

#include <system_error>
#include <thread>
#include <utility>

#include "signals_blocked.h"
#include "system_error.h"

namespace dropscope {

// Starts a thread that gets no signals. SystemError when the kernel gives this process none.
template <typename Work>
std::thread start_thread(Work&& work) {
  const SignalsBlocked blocked;
  try {
    return std::thread(std::forward<Work>(work));
  } catch (const std::system_error& error) {
    throw SystemError("clone", error.code().value());
  }
}

}  // namespace dropscope
