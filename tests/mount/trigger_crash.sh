# A trigger, its commands and the mount are killed at random while items change: every change that was acknowledged is
# delivered at least once, and those of an item in their order.
. "$TESTS/lib.sh" || exit 1
. "$TESTS/lib_trigger.sh"

rounds=${DYNAMOUNT_LONG:+120}
rounds=${rounds:-12}
keys=8

cat >"$work/bin/write" <<'END'
#!/bin/bash
# write MNT DONE STOP KEYS: changes one item after the other, until STOP is there, and says what was acknowledged
n=0
until [ -e "$3" ]; do
  n=$((n + 1))
  until echo "{\"n\":$n}" 2>/dev/null >"$1/Tab/k$((n % $4)).json"; do sleep 0.02; done 2>/dev/null
  echo "k$((n % $4)) $n"
  sleep 0.00$((RANDOM % 8))
done >>"$2"
END
# Takes its time before it writes down what it got, and behind that, and fails now and then.
cat >"$work/bin/slow" <<'END'
#!/bin/bash
# slow FILE
lines=$(jq -r '.Records[].dynamodb.NewImage | "\(.id.S) \(.n.N)"')
sleep "0.0$((RANDOM % 6))"
(
  flock 9
  echo "$lines" >>"$1"
) 9>>"$1.lock"
sleep "0.0$((RANDOM % 4))"
((RANDOM % 6))
END
chmod +x "$work/bin/write" "$work/bin/slow"

start
stream_on Tab
"$work/bin/write" "$mnt" "$work/written" "$work/stop" $keys &
writer=$!
triggers+=("$writer")
# A trigger that finds nothing mounted when it begins ends at once: the mount is killed behind that.
run() {
  trigger --parallel 3 -n 7 Tab -- "$work/bin/slow" "$got"
  poll "it reads" reads "$trigger"
}
reads() { readlink "/proc/$1/fd/"* | grep -qF follow.jsonl; }
some_time() { sleep "0.$((RANDOM % 4))$((RANDOM % 10))"; }
# One of the trigger's commands; each is the leader of a group.
kill_command() {
  local pid
  pid=$(pgrep -P "$trigger" | shuf -n 1)
  [ -z "$pid" ] || kill -9 -- "-$pid" 2>/dev/null
}

run
killed=(0 0 0)
for ((round = 0; round < rounds; round++)); do
  some_time
  what=$((RANDOM % 3))
  killed[what]=$((killed[what] + 1))
  case $what in
    0)
      kill -9 "$trigger"
      wait "$trigger" 2>/dev/null
      run
      ;;
    1) kill_command ;;
    2)
      die
      some_time
      start
      ;;
  esac
done 2>"$work/shell" # which tells of each that was killed
touch "$work/stop"
wait "$writer" || fail "the writer"
last=$(tail -n 1 "$work/written" | cut -d ' ' -f 2)
poll "the end" at "$(sequence_of Tab "$last")"
stopped "the end"
[ $failures = 0 ] || cat "$work/said" >&2

echo "$rounds rounds, killed: trigger, command, mount: ${killed[*]}; $last changes, $(wc -l <"$got") deliveries"
check "something was delivered twice" test "$(wc -l <"$got")" -gt "$last"
# Whoever does what each delivery says ends with the table: a key's deliveries go on with the next of its changes, or begin
# again with one before, and then go on from there.
same "every one, in the order of its item" "" "$(awk '
  FNR == NR { place[$0] = ++count[$1]; next }
  !($0 in place) { print $0, "was never written"; next }
  place[$0] > now[$1] + 1 { print $0, "comes behind change", now[$1], "of its key, and is change", place[$0] }
  { now[$1] = place[$0] }
  END { for (key in count) if (now[key] != count[key]) print key, "ends with", now[key], "of", count[key] }
' "$work/written" "$got")"
finish
