#!/bin/sh
# boot.sh RESULTS NODE COMMAND: boots the guest in the current folder and runs a shell command in
# it. It wants mount and PID namespaces of its own: with them go the servers of the shares and all that
# is mounted here. The exit code is the command's, or 1 where it has not ended in half an hour.
set -eu
results=$1 node=$2 command=$3
prepared=$PWD
repo=$(cd "$(dirname "$0")/../.." && pwd)
memory_mb=2048
limit_s=1800

# virtiofsd writes its lock files here, wherever its sockets are.
mkdir -p /run/virtiofsd
mount -t tmpfs -o mode=700 tmpfs /run/virtiofsd
mount -t proc proc /proc

cd /run/virtiofsd
sh "$repo/test/vm/host-files.sh" host-files "$node"
printf '%s\n' "$command" >host-files/command

# share TAG FOLDER ro|rw CACHE
share() {
  mkdir "$1"
  mount --bind "$2" "$1"
  mount -o "remount,bind,$3" "$1"
  /usr/lib/qemu/virtiofsd --socket-path="$1.socket" -o source="$PWD/$1" -o cache="$4" \
    -o sandbox=chroot --thread-pool-size=0 >"$1.log" 2>&1 &
  shares="$shares -chardev socket,id=$1,path=$1.socket -device vhost-user-fs-pci,chardev=$1,tag=$1"
}
shares=
share root "$prepared/root" ro always
share repo "$repo" ro always
share host "$PWD/host-files" ro always
share cache "$prepared/cache" rw always
share results "$results" rw none

tries=0
for tag in root repo host cache results; do
  until [ -S "$tag.socket" ]; do
    tries=$((tries + 1))
    if [ "$tries" -gt 100 ]; then
      echo "virtiofsd does not serve the share \"$tag\"." >&2
      cat "$tag.log" >&2
      exit 1
    fi
    sleep 0.05
  done
done

# kvm_pvm gives a /dev/kvm that hangs an ordinary guest. QEMU 7.2's emulation of cmpxchg16b corrupts
# guests of Linux 6.12.
if grep -qwE 'vmx|svm' /proc/cpuinfo && [ -w /dev/kvm ] && [ ! -e /sys/module/kvm_pvm ]; then
  machine='-accel kvm -cpu host'
else
  machine='-accel tcg,thread=multi,tb-size=1024 -cpu max,-cx16'
fi

rm -f "$results/exit-code"
ended=0
# shellcheck disable=SC2086
timeout --kill-after=10 "$limit_s" qemu-system-x86_64 \
  -M q35,memory-backend=memory $machine -smp 2 -m "$memory_mb" \
  -object "memory-backend-memfd,id=memory,size=${memory_mb}M,share=on" \
  -nodefaults -display none -no-reboot -monitor none \
  -serial "file:$results/kernel.log" -serial stdio $shares \
  -kernel "$prepared/vmlinuz" -initrd "$prepared/initrd" \
  -append 'console=ttyS0 loglevel=5 panic=-1 nokaslr mitigations=off' </dev/null || ended=$?

if [ ! -e "$results/exit-code" ]; then
  if [ "$ended" -eq 124 ]; then
    echo "The command did not end in $limit_s s. The last words of the guest's kernel:" >&2
  else
    echo 'The guest ended before the command did. The last words of its kernel:' >&2
  fi
  # From what it complains of first, if it does; a trace of calls has some 60 lines.
  sed -n '/BUG:\|Oops\|general protection\|WARNING:/,$p' "$results/kernel.log" | head -n 80 >&2
  tail -n 20 "$results/kernel.log" >&2
  exit 1
fi
exit "$(cat "$results/exit-code")"
