#pragma once

#include <cstdio>

namespace dropscope {

inline int failures = 0;

// Prints what did not hold. main() returns outcome().
inline void check(bool holds, const char* what) {
  if (holds) return;
  static_cast<void>(std::fprintf(stderr, "failed: %s\n", what));
  ++failures;
}

inline int outcome() { return failures == 0 ? 0 : 1; }

}  // namespace dropscope
