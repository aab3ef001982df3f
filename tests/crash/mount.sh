# Power loss at any moment while a real mount is in use: SPEC "Writing", durability of close, fsync, -o sync and unmounting.
. "$TESTS/lib.sh" || exit 1

program=$DYNAMOUNT
disk=$work/disk
log=$work/log
store=$disk/store
mkdir "$disk"
: >"$log"
DYNAMOUNT=$work/recorded
cat >"$DYNAMOUNT" <<END
#!/bin/sh
CRASH_ROOT=$disk CRASH_LOG=$log LD_PRELOAD=$RECORDER exec $program "\$@"
END
chmod +x "$DYNAMOUNT"

load() {
  check "load $1" python3 "$HERE/mount_load.py" "$mnt" "$log" "$work/state" 20 "$1"
}

start
load plain
stop
load unmounted
start sync
load sync
die
start
load plain
die

check "replay" "$REPLAY" "$log" "$disk" ""
finish
