# A trigger that comes too late: what it missed is told, or its end.
. "$TESTS/lib.sh" || exit 1
. "$TESTS/lib_trigger.sh"

[ -n "${LATER_MODULE-}" ] || exit 77
export LATER=$work/later
# later HOURS
later() {
  python3 -c 'import struct, sys; open(sys.argv[1], "r+b").write(struct.pack("<q", int(sys.argv[2]) * 3600))' "$LATER" "$1"
}
head -c 8 /dev/zero >"$LATER"

LD_PRELOAD=$LATER_MODULE start
stream_on Tab
put Tab 1 5
trigger Tab -- "${take[@]}"
poll "before" has 5
fifth=$(sequence_of Tab 5)
poll "to here" at "$fifth"
stopped "before"

# A day and more without it: 6 to 9 are gone, 10 is there.
put Tab 6 9
later 20
put Tab 10 10
tenth=$(sequence_of Tab 10)
later 30
"$DYNAMOUNT" trigger --strict --checkpoint "$work/checkpoint" "$mnt" Tab -- "${take[@]}" 2>"$work/said"
same "--strict: exit" 1 $?
check "--strict: why" said "Tab: the records behind $fifth are no longer kept"
same "nothing is passed over" "$fifth" "$(checkpoint)"
trigger Tab -- "${take[@]}"
poll "it goes on" at "$tenth"
same "with the oldest that is kept" "1 2 3 4 5 10" "$(numbers | xargs)"
check "it says what is lost" grep -qE \
  "Tab: lost: the records behind $fifth, of [-0-9]+T[:0-9]+Z, are no longer kept; going on with $tenth, of [-0-9]+T[:0-9]+Z" \
  "$work/said"

# The same for one that runs, and whose mount was away for long.
put Tab 11 11
poll "it runs" has 7
umount -l "$mnt"
kill -9 "$daemon"
wait "$daemon" 2>/dev/null
poll "it waits" said "waiting until it is back"
later 60
LD_PRELOAD=$LATER_MODULE start
put Tab 12 12
poll "it is back" has 8
stopped "it is back"
same "each once" "1 2 3 4 5 10 11 12" "$(numbers | xargs)"
finish
