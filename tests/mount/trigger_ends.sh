# dynamount trigger: what goes away while it has something to do, and what comes as it is about to end. Nothing is lost, nor
# given up for it, and it ends when there is nothing more.
. "$TESTS/lib.sh" || exit 1
. "$TESTS/lib_trigger.sh"

# Waits until it may go on, and needs the mount.
go=$work/go
cat >"$work/bin/needs" <<'END_OF_SCRIPT'
#!/bin/bash
# needs MNT GO COMMAND…
until [ -e "$2" ]; do sleep 0.02; done
[ -e "$1/.status" ] || exit 3
shift 2
exec "$@"
END_OF_SCRIPT
chmod +x "$work/bin/needs"
needs=("$work/bin/needs" "$mnt" "$go" "${take[@]}")
runs() { pgrep -P "$trigger"; }

# elsewhere COMMAND…: below the mount's other place, while it is away
mkdir "$work/elsewhere"
elsewhere() {
  "$DYNAMOUNT" "$store" "$work/elsewhere" || fail "elsewhere"
  mnt=$work/elsewhere "$@"
  umount "$work/elsewhere" || fail "elsewhere: umount"
}

start
stream_on Tab

# ---- A command fails because the mount is away ----

# What was told is that it is away; what was not is that the stream is off, and nothing read any more.
from=0
for off in '' off; do
  from=$((from + 10))
  fresh
  rm -f "$go"
  trigger --from-now --retries 0 --dead-letter "$work/dead" Tab -- "${needs[@]}"
  poll "it has begun" test -s "$work/checkpoint"
  put Tab $from $((from + 2))
  poll "a command runs" runs
  last=$(sequence_of Tab $((from + 2)))
  if [ "$off" ]; then
    check "off" stream_off Tab
    poll "it is seen" said "its stream is off"
    die
  else
    die
    poll "it waits" said "waiting until it is back"
  fi
  touch "$go"
  poll "it fails" said "exit status 3: from"
  poll "it waits" said "waiting until it is back"
  check "without being counted" said "tried again when the mount is back"
  start
  poll "all is done" at "$last"
  if [ "$off" ]; then ends "off" 0; else stopped "on"; fi
  same "no letter" "" "$(cat "$work/dead")"
  same "each once" "$(seq $from $((from + 2)) | xargs)" "$(numbers | xargs)"
done

# ---- The stream is on for a moment while the last of the one before is done ----

touch "$work/.status"
# at_the_end COMMAND…: it has seen that the stream is off, has something to do, and then that happens
at_the_end() {
  fresh
  rm -f "$go"
  stream_on Tab
  trigger --from-now Tab -- "$work/bin/needs" "$work" "$go" "${take[@]}" # not the mount
  poll "it has begun" test -s "$work/checkpoint"
  put Tab "$1" "$1"
  poll "a command runs" runs
  check "off" stream_off Tab
  poll "it is seen" said "its stream is off"
  "${@:2}"
}
on_and_off() { # NUMBER
  stream_on Tab
  put Tab "$1" "$1"
  stream_off Tab
}
at_the_end 30 on_and_off 31
touch "$go"
ends "on and off" 0
same "all of it" "30 31" "$(numbers | xargs)"
same "told once more" 2 "$(grep -c "its stream is off" "$work/said")"

# And that the mount is away at the end says nothing about it.
at_the_end 40 die
elsewhere on_and_off 41
touch "$go"
poll "it waits" said "waiting until it is back"
start
ends "the mount was away" 0
same "all of it" "40 41" "$(numbers | sort -u | xargs)"

# ---- An older copy of the store ----

fresh
rm -f "$go"
stream_on Tab
trigger --from-now Tab -- "${take[@]}"
poll "it has begun" test -s "$work/checkpoint"
put Tab 50 51
poll "before" at "$(sequence_of Tab 51)"
die
cp -a "$store" "$work/copy"
start
put Tab 52 59
poll "what will be undone" at "$(sequence_of Tab 59)"
die
poll "it waits" said "waiting until it is back"
rm -r "$store"
mv "$work/copy" "$store"
mv "$work/bin/take" "$work/bin/away"
start
poll "it begins anew" said "its records do not reach"
# As much as there was before comes, and it ends at once: that it began anew must be known.
poll "and so does another one" at 0
kill -9 "$trigger"
wait "$trigger" 2>/dev/null
put Tab 61 80
: >"$got"
mv "$work/bin/away" "$work/bin/take"
trigger Tab -- "${take[@]}"
poll "all of it" at "$(sequence_of Tab 80)"
same "what came instead" "$(seq 61 80 | xargs)" "$(numbers | sort -nu | awk '$1 > 60' | xargs)"
stopped "all of it"
finish
