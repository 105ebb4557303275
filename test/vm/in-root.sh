#!/bin/sh
# in-root.sh ROOT CACHE NODE COMMAND...: runs a command in that root, with all that the guest has at
# /repo, /host and /cache. It wants mount and PID namespaces of its own.
set -eu
root=$1 cache=$2 node=$3
shift 3
here=$(cd "$(dirname "$0")" && pwd)

mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --bind "$cache" "$root/cache"
mount --bind "$here/../.." "$root/repo"
mount -o remount,bind,ro "$root/repo"
mount -t tmpfs tmpfs "$root/host"
sh "$here/host-files.sh" "$root/host" "$node"

# shellcheck source=test/vm/environment.sh
. "$here/environment.sh"
# shellcheck disable=SC2086
exec env -i $environment DEBIAN_FRONTEND=noninteractive chroot "$root" "$@"
