# The environment of programs in a guest's root. SystemTap finds a module in its cache only where the
# same paths lead to the runtime, the script and the cache. SYSTEMTAP_NOSIGN: else stap asks a
# locked-down kernel for its keys, and fails.
# shellcheck shell=sh disable=SC2034
environment='
  PATH=/repo/test/vm/guest-bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  HOME=/root LANG=C.UTF-8 TERM=dumb
  XDG_CACHE_HOME=/cache SYSTEMTAP_DIR=/cache/systemtap SYSTEMTAP_NOSIGN=1'
