#pragma once

#include <span>

#include "counting_place.h"

namespace dropscope {

// A function of the kernel that moves a link counter when it drops a frame.
struct CountingFunction {
  function_name name;
  counting_place place;
};

// All such functions that are known.
std::span<const CountingFunction> counting_functions();

}  // namespace dropscope
