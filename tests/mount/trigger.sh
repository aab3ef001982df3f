# dynamount trigger: what commands get, in which batches, what becomes of failures, and how it begins, waits and ends.
. "$TESTS/lib.sh" || exit 1
. "$TESTS/lib_trigger.sh"

start
stream_on Tab

# ---- What it begins with, and where it goes on ----

put Tab 1 5
trigger Tab -- bash -c "cat >>'$work/event'; echo end >>'$work/event'"
poll "an event" grep -q end "$work/event"
same "what is kept comes in one event" 5 "$(head -n 1 "$work/event" | jq '.Records | length')"
same "each as the stream has it, with its stream" \
  "$(jq -cS --arg arn "$(jq -r .LatestStreamArn "$mnt/Tab/.status.json")" '. + {eventSourceARN: $arn}' "$mnt/Tab/.stream/records.jsonl")" \
  "$(head -n 1 "$work/event" | jq -cS '.Records[]')"
check "the ARN is a stream's" jq -e '.Records[0].eventSourceARN | test("^arn:aws:dynamodb:.*:table/Tab/stream/")' \
  <(head -n 1 "$work/event") >"$work/log"
poll "the checkpoint moves" at "$(sequence_of Tab 5)"
: >"$work/event"
echo '{"n":7}' >"$mnt/Tab/new.json"
poll "what comes" grep -q end "$work/event"
same "its event" '["INSERT","7"]' "$(head -n 1 "$work/event" | jq -c '.Records[0] | [.eventName, .dynamodb.NewImage.n.N]')"
rm "$mnt/Tab/new.json"
poll "a removal" grep -q REMOVE "$work/event"
poll "is done" at "$(tail -n 1 "$mnt/Tab/.stream/records.jsonl" | jq -r .dynamodb.SequenceNumber)"
stopped "SIGTERM"
same "says nothing" "" "$(cat "$work/said")"

put Tab 11 13
trigger Tab -- "${take[@]}"
poll "it goes on where it was" has 3
poll "to the end" at "$(sequence_of Tab 13)"
put Tab 14 14
poll "and follows" has 4
kill -INT "$trigger"
ends "SIGINT" 0
same "nothing twice" "11 12 13 14" "$(numbers | xargs)"

fresh
trigger --from-now Tab -- "${take[@]}"
poll "from now on" at "$(sequence_of Tab 14)"
put Tab 15 16
poll "what comes" has 2
kill -9 "$trigger"
wait "$trigger" 2>/dev/null
put Tab 17 17
trigger --from-now Tab -- "${take[@]}"
poll "a second run goes on, whatever it is told" has 3
kill -HUP "$trigger"
ends "SIGHUP" 0
same "only that" "15 16 17" "$(numbers | sort -nu | xargs)"

fresh
trigger --from-now Tab -- "${take[@]}"
poll "a checkpoint before any record" at "$(sequence_of Tab 17)"
kill -9 "$trigger"
wait "$trigger" 2>/dev/null
put Tab 18 18
trigger Tab -- "${take[@]}"
poll "now stays now" has 1
stopped "now stays now"
same "only that" 18 "$(numbers | xargs)"

# Where it is kept by itself
XDG_STATE_HOME=$work/state "$DYNAMOUNT" trigger "$mnt" Tab -- "${take[@]}" 2>"$work/said" &
trigger=$!
poll "below XDG_STATE_HOME" grep -q "$(sequence_of Tab 18)" "$work/state/dynamount/trigger$mnt/Tab.json"
stopped "state"
(HOME=$work/home XDG_STATE_HOME='' exec "$DYNAMOUNT" trigger "$mnt" Tab -- "${take[@]}") 2>"$work/said" &
trigger=$!
poll "below HOME" grep -q "$(sequence_of Tab 18)" "$work/home/.local/state/dynamount/trigger$mnt/Tab.json"
stopped "home"

# ---- Batches ----

fresh
put Tab 100 149
trigger --from-now Tab -- true
poll "to here" test -s "$work/checkpoint"
stopped "to here"
trigger -n 7 Tab -- "${take[@]}"
put Tab 200 229
poll "all" has 30
stopped "batches"
check "of seven at most" test "$(awk '{print NF}' "$got" | sort -n | tail -n 1)" = 7
same "in order" "$(seq 200 229 | xargs)" "$(numbers | xargs)"

: >"$got"
trigger -n 5 --window 300 Tab -- "${take[@]}"
put Tab 300 302
put Tab 303 304
poll "a full one waits no longer" has 5
put Tab 305 306
poll "it is read, and waits" at "$(sequence_of Tab 304)"
stopped "waiting"
same "one event" "300 301 302 303 304" "$(cat "$got")"
trigger -w 0.3 Tab -- "${take[@]}"
poll "the window ends" has 7
stopped "window"
same "one event" "305 306" "$(tail -n 1 "$got")"

# ---- Filters ----

: >"$got"
trigger --filter '{"dynamodb":{"NewImage":{"n":{"N":[{"numeric":[">=",405,"<",408]}]}}}}' \
  --filter '{"dynamodb":{"NewImage":{"n":{"N":["409"]}}}}' Tab -- "${take[@]}"
put Tab 400 410
poll "any of them" has 4
poll "what is not wanted is passed over" at "$(sequence_of Tab 410)"
put Tab 411 411
poll "alone, too" at "$(sequence_of Tab 411)"
stopped "filters"
same "nothing else" "405 406 407 409" "$(numbers | xargs)"
"$DYNAMOUNT" trigger --filter '{"eventname":["INSERT"]}' "$mnt" Tab -- true 2>"$work/said"
same "a filter that fits nothing: exit" 2 $?
check "and why" said 'eventname: a record has no such member'

# ---- Failures ----

: >"$got"
echo 506 >"$poison"
trigger --retries 2 --dead-letter "$work/dead" Tab -- "${take[@]}"
put Tab 500 509
poll "the others" has 10
poll "all is done" at "$(sequence_of Tab 509)"
stopped "a poisoned record"
same "it is found by halves, and tried three times" 3 "$(grep -cx 506 "$got")"
same "in order" "$(seq 500 509 | xargs)" "$(numbers | awk '!seen[$0]++' | xargs)"
same "a dead letter" '["506","exit status 1",3]' \
  "$(jq -c '[.record.dynamodb.NewImage.n.N, .reason, .attempts]' "$work/dead")"
same "as an event has it" '["INSERT","arn"]' "$(jq -c '[.record.eventName, .record.eventSourceARN[:3]]' "$work/dead")"
check "it was told" said "is a dead letter"

# What a sudden end has cut is a line of its own.
printf '{"time":"20' >>"$work/dead"
trigger --retries 0 --dead-letter "$work/dead" Tab -- bash -c 'kill -9 $$'
put Tab 510 510
poll "killed" at "$(sequence_of Tab 510)"
stopped "killed"
same "the letters" '["506"] null ["510"]' "$(jq -Rc '(try fromjson catch null) | if . then [.record.dynamodb.NewImage.n.N] else . end' "$work/dead" | xargs -d '\n')"
same "the reason" "signal 9 (Killed)" "$(tail -n 1 "$work/dead" | jq -r .reason)"
"$DYNAMOUNT" trigger --checkpoint "$work/checkpoint" --dead-letter "$work" "$mnt" Tab -- true 2>"$work/said"
same "a directory for letters: exit" 1 $?
check "and why" said "$work"
# A full disk for letters: nothing is passed over.
if mkdir "$work/disk" && mount -t tmpfs -o size=4k tmpfs "$work/disk" 2>"$work/log"; then
  : >"$got"
  : >"$work/disk/dead"
  head -c 4096 /dev/zero >"$work/disk/filling"
  echo 520 >"$poison"
  trigger --retries 0 --dead-letter "$work/disk/dead" Tab -- "${take[@]}"
  put Tab 520 521
  poll "no room for a letter" said "No space left on device"
  same "it stays before it" "$(sequence_of Tab 510)" "$(checkpoint)"
  rm "$work/disk/filling"
  poll "room again" at "$(sequence_of Tab 521)"
  stopped "room again"
  same "the letter" 520 "$(jq -r .record.dynamodb.NewImage.n.N "$work/disk/dead")"
  umount "$work/disk"
fi

# Nor is anybody waited for without end who has the file locked.
fresh
: >"$work/dead"
exec 8<"$work/dead"
flock 8
trigger --from-now --retries 0 --dead-letter "$work/dead" Tab -- "${take[@]}" 8<&-
poll "it has begun" test -s "$work/checkpoint"
echo 530 >"$poison"
put Tab 530 530
poll "it is told" said "$work/dead: Resource temporarily unavailable"
check "it is not done" test "$(checkpoint)" != "$(sequence_of Tab 530)"
stopped "locked"
exec 8<&-
trigger --retries 0 --dead-letter "$work/dead" Tab -- "${take[@]}"
poll "no longer" at "$(sequence_of Tab 530)"
stopped "no longer"
same "the letter" 530 "$(jq -r .record.dynamodb.NewImage.n.N "$work/dead")"

# Without a place for letters it is tried until it succeeds; others of other keys go on, as many as there are lanes.
: >"$got"
: >"$poison"
trigger --parallel 4 Tab -- "${take[@]}"
poll "up to here" at "$(sequence_of Tab 530)"
before=$(checkpoint)
echo 600 >"$poison"
put Tab 600 639
poll "those of other lanes" has 15
poll "many attempts" bash -c "[ \$(grep -cx 600 '$got') -ge 5 ]"
same "the checkpoint waits" "$before" "$(checkpoint)"
: >"$poison"
poll "at last" at "$(sequence_of Tab 639)"
stopped "at last"
same "all of them" 40 "$(numbers | sort -u | wc -l)"

# What cannot be started is told, and nothing is given up for it.
"$DYNAMOUNT" trigger --checkpoint "$work/checkpoint" "$mnt" Tab -- "$work/no/command" 2>"$work/said" &
trigger=$!
put Tab 700 700
ends "no command" 1
check "and why" said "$work/no/command: No such file or directory"
same "nothing is done" "$(sequence_of Tab 639)" "$(checkpoint)"
cp "$work/bin/take" "$work/bin/goes"
: >"$got"
trigger --retries 0 --dead-letter "$work/dead2" Tab -- "$work/bin/goes" "$got" "$poison"
poll "it was there" has 1
poll "it was there" at "$(sequence_of Tab 700)"
rm "$work/bin/goes"
put Tab 701 701
poll "it is gone" said "No such file or directory"
cp "$work/bin/take" "$work/bin/goes"
poll "it is back" at "$(sequence_of Tab 701)"
stopped "it is back"
check "no letter" test ! -s "$work/dead2"

# ---- Order ----

: >"$got"
stream_on Sorted
fresh
cat >"$work/bin/slow" <<'END'
#!/bin/bash
# slow FILE: the key and number of each, slowly, and failing now and then behind it
lines=$(jq -r '.Records[].dynamodb.NewImage | "\(.id.S) \(.n.N)"')
sleep "0.0$((RANDOM % 5))"
exec 9>>"$1.lock"
flock 9
echo "$lines" >>"$1"
((RANDOM % 4))
END
chmod +x "$work/bin/slow"
trigger --parallel 6 -n 5 Sorted -- "$work/bin/slow" "$got"
for n in 0 100 200; do
  put Sorted $((n + 1)) $((n + 100)) 10
done
poll "all are done" at "$(sequence_of Sorted 300)"
stopped "order"
# The first time that each number comes, its key's numbers rise.
same "of each key, in order" "" "$(awk '!seen[$2]++ && $2 < last[$1] {print} {if ($2 > last[$1]) last[$1] = $2}' "$got")"
same "every one" 300 "$(awk '{print $2}' "$got" | sort -u | wc -l)"

# ---- One at a time ----

: >"$got"
trigger Tab -- true
first=$trigger
"$DYNAMOUNT" trigger --checkpoint "$work/checkpoint" "$mnt" Tab -- true 2>"$work/said2"
same "a second one: exit" 1 $?
check "it names the first" grep -q "in use by another trigger, process $first:" "$work/said2"
stopped "the first"

# After a sudden end, what it has begun is waited for: nothing overtakes it.
fresh
trigger --from-now Tab -- bash -c "jq -r '.Records[].dynamodb.NewImage.n.N' >>'$got'; until [ -e '$work/go' ]; do sleep 0.02; done; echo end >>'$got'"
poll "it begins" test -s "$work/checkpoint"
put Tab 800 800
poll "a command runs" grep -qx 800 "$got"
kill -9 "$trigger"
wait "$trigger" 2>/dev/null
trigger Tab -- "${take[@]}"
poll "it is waited for" said "commands of an earlier trigger still run"
put Tab 801 801
touch "$work/go"
poll "then it goes on" has 3
stopped "then it goes on"
same "behind it" "800 end 800 801" "$(numbers | xargs)"
# But not for what a command that has ended left behind.
trigger Tab -- bash -c "(sleep 600 >/dev/null 2>&1 & echo \$! >'$work/sleeper'); cat >/dev/null"
put Tab 802 802
poll "left behind" at "$(sequence_of Tab 802)"
kill -9 "$trigger"
wait "$trigger" 2>/dev/null
: >"$got"
trigger Tab -- "${take[@]}"
put Tab 803 803
poll "not waited for" has 1
stopped "not waited for"
kill "$(cat "$work/sleeper")"

# ---- Ends ----

rm -f "$work/go"
: >"$got"
slow=(bash -c "echo begun >>'$got'; until [ -e '$work/go' ]; do sleep 0.02; done")
trigger Tab -- "${slow[@]}"
put Tab 900 900
poll "a command runs" grep -q begun "$got"
kill "$trigger"
poll "it is let end" said "1 command may run for 30 s more"
touch "$work/go"
ends "it is let end" 0
same "and counts" "$(sequence_of Tab 900)" "$(checkpoint)"

# The grace is counted from the signal, however long nothing has happened before.
rm "$work/go"
trigger --grace 6 Tab -- "${slow[@]}"
put Tab 901 901
poll "a command runs" bash -c "[ \$(grep -c begun '$got') = 2 ]"
poll "for longer than the grace" bash -c "[ \$(ps -o etimes= -p \$(pgrep -P $trigger)) -ge 8 ]"
kill "$trigger"
poll "it is let end" said "1 command may run for 6 s more"
touch "$work/go"
ends "nothing has happened for long" 0
same "it counts" "$(sequence_of Tab 901)" "$(checkpoint)"

rm "$work/go"
echo begun >"$got"
trigger Tab -- "${slow[@]}"
put Tab 902 902
poll "a command runs" bash -c "[ \$(grep -c begun '$got') = 2 ]"
kill "$trigger"
poll "stopping" said "1 command may run"
kill "$trigger"
ends "a second signal" 0
same "what was killed is not done" "$(sequence_of Tab 901)" "$(checkpoint)"
trigger Tab -- python3 -c "import os, time; os.setpgid(0, os.getpgid(os.getppid())); open('$got', 'a').write('begun\n'); time.sleep(600)"
poll "in another group" bash -c "[ \$(grep -c begun '$got') = 3 ]"
kill "$trigger"
poll "stopping" said "1 command may run"
kill "$trigger"
ends "it is killed, too" 0
trigger --grace 0.1 Tab -- "${slow[@]}"
poll "again" bash -c "[ \$(grep -c begun '$got') = 4 ]"
stopped "the grace is over"
same "nor is this" "$(sequence_of Tab 901)" "$(checkpoint)"
: >"$got"
trigger Tab -- "${take[@]}"
poll "it comes again" has 1
stopped "it comes again"

# ---- The mount goes and comes back ----

: >"$got"
trigger Tab -- "${take[@]}"
put Tab 1000 1009
poll "before" has 10
for n in 1010 1020 1030; do
  die
  poll "it waits" said "waiting until it is back"
  start
  put Tab $n $((n + 9))
  poll "it is back" has $((n - 990))
  poll "to the end" at "$(sequence_of Tab $((n + 9)))"
done
same "it said when" 3 "$(grep -cF "$mnt: back" "$work/said")"
stopped "it is back"
same "each once, in order" "$(seq 1000 1039 | xargs)" "$(numbers | xargs)"

# ---- The stream is turned off ----

: >"$got"
rm -f "$work/go"
trigger -n 2 Tab -- bash -c "until [ -e '$work/go' ]; do sleep 0.02; done; exec '${take[0]}' '${take[1]}' '${take[2]}'"
put Tab 1100 1104
last=$(sequence_of Tab 1104)
check "off" stream_off Tab
poll "it is seen" said "its stream is off"
touch "$work/go"
ends "behind the last of it" 0
same "all of it is done" "$last $(seq 1100 1104 | xargs)" "$(checkpoint) $(numbers | xargs)"
: >"$got"
check "on" stream_on Tab
put Tab 1110 1111
trigger Tab -- "${take[@]}"
poll "the next stream" has 2
check "off" stream_off Tab
ends "off again" 0
put Tab 1112 1112
check "on" stream_on Tab
put Tab 1113 1113
trigger Tab -- "${take[@]}"
poll "what happened without a stream is in none" has 3
same "each once" "1110 1111 1113" "$(numbers | xargs)"
rm -r "$mnt/Tab"
ends "the table is gone" 0
check "and why" said "the table is gone"

stream_on Tab
put Tab 1200 1201
: >"$got"
trigger Tab -- "${take[@]}"
poll "another table of that name" has 2
check "is told" said "the checkpoint is of another table"
stopped "another table"

# It goes while the mount is away: what was read before is done all the same.
: >"$got"
rm -f "$work/go"
trigger -n 2 Tab -- bash -c "until [ -e '$work/go' ]; do sleep 0.02; done; exec '${take[0]}' '${take[1]}' '${take[2]}'"
put Tab 1210 1214
poll "a command waits" pgrep -P "$trigger"
sleep 0.2 # it reads on
die
poll "it waits" said "waiting until it is back"
mkdir "$work/elsewhere"
"$DYNAMOUNT" "$store" "$work/elsewhere" || fail "elsewhere"
rm -r "$work/elsewhere/Tab"
umount "$work/elsewhere"
start
poll "gone meanwhile" said "the table is gone"
touch "$work/go"
ends "gone meanwhile" 0
same "what it had read" "$(seq 1210 1214 | head -n "$(numbers | wc -l)" | xargs)" "$(numbers | xargs)"
check "which was something" test -s "$got"
stream_on Tab

# ---- What cannot be ----

refuses() { # WHAT SAID ARGUMENT…
  local what=$1 text=$2
  shift 2
  "$DYNAMOUNT" trigger --checkpoint "$work/checkpoint" "$@" 2>"$work/said"
  same "$what: exit" 1 $?
  check "$what: said" said "$text"
}
mkdir "$mnt/Quiet"
echo '{"n":1}' >"$mnt/Quiet/a.json"
refuses "no table" "there is no such table" "$mnt" Nothing -- true
refuses "no stream" "Quiet: the table has no stream" "$mnt" Quiet -- true
refuses "no mount" "nothing is mounted there" "$work/bin" Tab -- true
refuses "no directory" "No such file or directory" "$work/no/where" Tab -- true
refuses "no name" "tableName" "$mnt" a/b -- true
echo '{}' >"$work/checkpoint"
refuses "no checkpoint" "$work/checkpoint: this is no checkpoint" "$mnt" Tab -- true
same "it stays" '{}' "$(cat "$work/checkpoint")"
refuses "no place for one" "No such file or directory" --checkpoint "$work/no/checkpoint" "$mnt" Tab -- true
if mount -t tmpfs -o size=4k tmpfs "$work/disk" 2>"$work/log"; then
  head -c 4096 /dev/zero >"$work/disk/filling"
  refuses "no room for one" "$work/disk/checkpoint.lock: No space left on device" --checkpoint "$work/disk/checkpoint" "$mnt" Tab -- true
  umount "$work/disk"
fi
finish
