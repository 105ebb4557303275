#!/bin/sh
# Compiles drop_tracer.bpf.c and writes its light skeleton to $1/drop_tracer.lskel.h.
set -eu
here=$(dirname "$0")
out=$1
PATH=$PATH:/usr/sbin
mkdir -p "$out"
# <linux/types.h> includes <asm/types.h>, which Debian keeps in a folder per architecture.
clang -O2 -g -Wall -Werror -target bpf -mcpu=v3 -I/usr/include/"$(uname -m)"-linux-gnu \
  -c "$here/drop_tracer.bpf.c" -o "$out/drop_tracer.bpf.o"
llvm-strip -g "$out/drop_tracer.bpf.o"
# Whole or not at all: make would take the beginning of one for the file.
bpftool gen skeleton -L "$out/drop_tracer.bpf.o" name drop_tracer_bpf >"$out/drop_tracer.lskel.h.tmp"
mv "$out/drop_tracer.lskel.h.tmp" "$out/drop_tracer.lskel.h"
