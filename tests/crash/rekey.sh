# Power loss at any moment while the master key of a store is changed: from key to key within the store, out of it, and
# into it again. Whatever is left opens with a key that is left, and has what was durable.
set -u
disk=$(mktemp -d "${TMPDIR:-/tmp}/dynamount-crash.XXXXXX")
trap 'rm -rf "$disk"' EXIT
failures=0
root=$disk/1
mkdir "$root"
: >"$disk/log"

# load STEPS END [KEYFILE [NEW-KEYFILE]]: see engine_load.c
load() {
  local steps=$1
  shift
  CRASH_ROOT=$root CRASH_LOG=$disk/log LD_PRELOAD=$RECORDER \
    "$LOAD" "$root/store" "$disk/log" one "$steps" 6 "$@" || failures=$((failures + 1))
}

load 12 rekey
load 6 die
load 3 rekey "" "$root/key"
load 3 die "$root/key"
load 3 rekey "$root/key"
load 3 close
DYNAMOUNT_LONG=yes "$REPLAY" "$disk/log" "$root" one || failures=$((failures + 1))
[ "$failures" = 0 ]
