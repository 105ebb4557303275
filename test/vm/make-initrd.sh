#!/bin/sh
# Runs in the guest's root and writes an initrd to stdout: busybox, `init`, and the modules by which
# that reaches the shares of the host.
set -eu
release=$(basename /lib/modules/*)
tree=$(mktemp -d)
cd "$tree"

mkdir bin modules proc sys dev lower upper new
cp "$(command -v busybox)" bin/busybox
cp /repo/test/vm/init init
chmod 755 init

for module in virtio_pci virtiofs overlay; do
  modprobe --set-version="$release" --show-depends "$module"
done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' >list
number=100
while read -r path; do
  number=$((number + 1))
  case $path in
    *.xz) xz -dc "$path" ;;
    *) cat "$path" ;;
  esac >"modules/$number.ko"
done <list

find . | bin/busybox cpio -o -H newc 2>/dev/null | gzip -1
rm -rf "$tree"
