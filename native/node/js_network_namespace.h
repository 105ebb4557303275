#pragma once

#include "../kernel/network_namespace.h"
#include "js_arguments.h"

namespace dropscope {

// What JavaScript gave: the path of a file that stands for a network namespace; undefined: the one
// of this process.
inline NetworkNamespace to_network_namespace(Napi::Value value) {
  if (value.IsUndefined()) return {};
  return NetworkNamespace(to_text(value));
}

}  // namespace dropscope
