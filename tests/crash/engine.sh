# Power loss at any moment while several threads use an engine; and again while the store is taken back after one.
set -u
disk=$(mktemp -d "${TMPDIR:-/tmp}/dynamount-crash.XXXXXX")
trap 'rm -rf "$disk"' EXIT
failures=0
steps=${DYNAMOUNT_LONG:+60}
steps=${steps:-30}

# load NUMBER BOOT STEPS SYNC END: on the disk of that number, see engine_load.c
load() {
  CRASH_ROOT=$disk/$1 CRASH_LOG=$disk/log$1 LD_PRELOAD=$RECORDER \
    "$LOAD" "$disk/$1/store" "$disk/log$1" "$2" "$3" "$4" "$5" || failures=$((failures + 1))
}

mkdir "$disk/1"
: >"$disk/log1"
load 1 one "$steps" 24 close
load 1 one "$((steps / 2))" 1 die
load 1 one "$steps" 0 die
"$REPLAY" "$disk/log1" "$disk/1" one || failures=$((failures + 1))

# What a loss has left is taken back, goes on in a new boot, and loses its power, too.
mkdir "$disk/2"
if "$REPLAY" "$disk/log1" "$disk/2" one "$disk/log2" 85; then
  load 2 two "$((steps / 2))" 24 die
  "$REPLAY" "$disk/log2" "$disk/2" two || failures=$((failures + 1))
else
  failures=$((failures + 1))
fi
[ "$failures" = 0 ]
