#!/bin/sh
# The guest's first process once the root is there: runs /host/command, keeps its exit code, and
# switches the machine off.
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
ln -sf /proc/self/fd /dev/fd
mount -t debugfs debugfs /sys/kernel/debug
mount -t tracefs tracefs /sys/kernel/tracing
mount -t bpf bpf /sys/fs/bpf
hostname guest
ip link set dev lo up

. /repo/test/vm/environment.sh
cd /repo || exit
# The second serial line is QEMU's stdout. A pipe between: to programs it is no terminal.
stty -F /dev/ttyS1 raw -echo
{
  # shellcheck disable=SC2086,SC2154
  env -i $environment sh /host/command </dev/null
  echo $? >/results/exit-code
} 2>&1 | cat >/dev/ttyS1

busybox poweroff -f
