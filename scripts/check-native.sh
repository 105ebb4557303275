#!/bin/sh
# Format and clang-tidy of native/, with the pinned major: another one formats otherwise.
set -eu
cd "$(dirname "$0")/.."

# What C and BPF share is written in the kernel's style, which clang-format is not asked about.
find native -name '*.cc' -o -name '*.h' |
  grep -v -e '^native/bpf/' -e '/drop_record\.h$' -e '/counting_place\.h$' -e '/talker_set\.h$' \
    -e '_skeleton\.h$' -e '/live_frames_plan\.h$' -e '/varied_field\.h$' |
  xargs clang-format-14 --dry-run --Werror

node scripts/build-cmake.mjs configure
run-clang-tidy-14 -quiet -p build-cmake "$PWD/native/.*\.cc$"
