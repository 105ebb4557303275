#!/bin/sh
# Compiles $2.bpf.c and writes its light skeleton to $1/$2.lskel.h.
set -eu
here=$(dirname "$0")
out=$1
name=$2
PATH=$PATH:/usr/sbin
mkdir -p "$out"
# <linux/types.h> includes <asm/types.h>, which Debian keeps in a folder per architecture.
clang -O2 -g -Wall -Werror -target bpf -mcpu=v3 -I/usr/include/"$(uname -m)"-linux-gnu \
  -c "$here/$name.bpf.c" -o "$out/$name.bpf.o"
llvm-strip -g "$out/$name.bpf.o"
# Whole or not at all: make would take the beginning of one for the file.
bpftool gen skeleton -L "$out/$name.bpf.o" name "${name}_bpf" >"$out/$name.lskel.h.tmp"
mv "$out/$name.lskel.h.tmp" "$out/$name.lskel.h"
