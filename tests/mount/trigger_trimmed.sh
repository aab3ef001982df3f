# A trigger that comes too late: what it missed is told, or its end; and one that is late, and misses nothing.
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
# One that is behind for a day, and then no longer: what it has read from one file may be gone from the other. Its records are
# long, so that it reads no further than it must.
big() { # FROM TO
  local n
  for ((n = $1; n <= $2; n++)); do
    python3 -c 'import sys; print("{\"id\":\"k%s\",\"n\":%s,\"t\":\"%s\"}" % (sys.argv[1], sys.argv[1], "\\u0001" * 390000))' $n
  done >>"$mnt/Slow/.items.jsonl"
}
# takes an event for each ticket
cat >"$work/bin/slow" <<'END'
#!/bin/bash
until [ -e "$1/open" ] || rm "$1/ticket" 2>/dev/null; do sleep 0.02; done
shift
exec "$@"
END
chmod +x "$work/bin/slow"
follows() { ls -l "/proc/$trigger/fd" | grep -q follow.jsonl; }
fresh
stream_on Slow NEW_IMAGE
big 1 30
trigger --strict Slow -- "$work/bin/slow" "$work" "${take[@]}"
poll "it has begun" test -e "$work/checkpoint"
poll "it follows" follows
put Slow 101 101
later 70
big 31 62
for ((i = 0; i < 16; i++)); do
  touch "$work/ticket"
  poll "event $i" test ! -e "$work/ticket"
done
poll "it has come to the next hours" has 33
later 86
touch "$work/open"
poll "it gets all" has 63
put Slow 102 102
poll "and follows" has 64
stopped "it was slow"
same "nothing twice" "" "$(numbers | sort | uniq -d)"
same "nothing was lost" "" "$(cat "$work/said")"

# One whose stream is off, with nothing behind what is lost: it says so before it ends.
fresh
trigger --from-now Tab -- "${take[@]}"
poll "it has begun" test -s "$work/checkpoint"
put Tab 20 20
twentieth=$(sequence_of Tab 20)
poll "before" at "$twentieth"
stopped "before"
put Tab 21 23
later 100
check "off" stream_off Tab
later 115
trigger Tab -- "${take[@]}"
ends "nothing is kept" 0
check "it says what is lost" grep -qE \
  "Tab: lost: the records behind $twentieth, of [-0-9]+T[:0-9]+Z, are no longer kept; nothing is behind them" "$work/said"
same "nothing came" 20 "$(numbers | xargs)"

# More that is too old, and not removed yet, than is passed over at a time
fresh
stream_on Many KEYS_ONLY
put Many 1 9000
later 140
put Many 9001 9001
same "what is kept" k9001 "$(jq -r .dynamodb.Keys.id.S "$mnt/Many/.stream/records.jsonl")"
trigger --strict Many -- bash -c "jq -r '.Records[].dynamodb.Keys.id.S' >>'$got'"
poll "it gets that" at "$(jq -r .dynamodb.SequenceNumber "$mnt/Many/.stream/records.jsonl")"
stopped "it gets that"
same "and no more" "k9001 " "$(cat "$got") $(cat "$work/said")"
finish
