#!/bin/sh
# host-files.sh FOLDER NODE: puts into the folder what guest-bin/node starts: this machine's Node.js
# and the libraries of it and of all addons here.
set -eu
folder=$1 node=$2
repo=$(cd "$(dirname "$0")/../.." && pwd)

mkdir -p "$folder/lib" "$folder/node-loader"
cp "$node" "$folder/node"
find "$repo/build/Release" "$repo/node_modules" -name '*.node' -exec ldd "$node" {} + |
  sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p' | sort -u | xargs cp -t "$folder/lib"
# A process is named after its program: the loader after what it loads.
cp /lib64/ld-linux-x86-64.so.2 "$folder/node-loader/node"
