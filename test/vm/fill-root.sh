#!/bin/sh
# Runs in a fresh root of a Debian release: adds SystemTap, and the kernel that the archive serves
# now, with its headers and its vmlinux. Prints which they are, as JSON.
set -eu
cd /tmp

apt() {
  apt-get -qq -y -o APT::Sandbox::User=root "$@" >&2
}

apt update
image=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: \(linux-image-.*\)/\1/p')
if [ -z "$image" ]; then
  echo "The archive has no linux-image-cloud-amd64 that names a kernel." >&2
  exit 1
fi
release=${image#linux-image-}

# For bench/guest.mjs; Debian 11 does not have it.
dropwatch=$(apt-cache pkgnames dropwatch | grep -Fx dropwatch) || true

# kmod and busybox make the initrd; iproute2 and nftables are for tests.
# shellcheck disable=SC2086
apt install systemtap "linux-headers-$release" gcc make libc6-dev kmod xz-utils busybox-static \
  iproute2 nftables $dropwatch

# Not installed: that would make an initrd with tools that nothing here needs. Since 7.x a kernel is
# in four packages.
packages=$(apt-cache pkgnames linux- | grep -Fx -e "$image" -e "linux-binary-$release" \
  -e "linux-modules-$release" -e "linux-base-$release")
# shellcheck disable=SC2086
if ! apt download $packages "$image-dbg"; then
  echo "The archive no longer serves the kernel that it names: $image and $image-dbg." >&2
  exit 1
fi

unpack() {
  dpkg-deb --fsys-tarfile "$1" | tar --extract --directory=/ --keep-directory-symlink --wildcards "$2"
}
for package in $packages; do
  unpack "$package"_*.deb './*'
done
# Of the debug package only the kernel itself: its modules' are ten times that.
unpack "$image-dbg"_*.deb './usr/lib/debug/*/vmlinux*'
depmod "$release"

rm -rf ./*.deb /var/cache/apt/*.bin /var/cache/apt/archives/*.deb /var/lib/apt/lists/*
dpkg-query --show --showformat="{ \"release\": \"$release\", \"systemtapVersion\": \"\${Version}\" }" systemtap
