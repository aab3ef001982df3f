# One owner of a store; clean ends under load; kill -9 and crashes.
. "$TESTS/lib.sh" || exit 1

start
mkdir "$work/other"
said=$("$DYNAMOUNT" "$store" "$work/other" 2>&1)
same "a second mount fails" 1 $?
check "it names the pid" grep -q "\b$daemon\b" <<<"$said"
check "it names the mountpoint" grep -qF "$mnt" <<<"$said"
same "nothing is mounted" "" "$(ls -A "$work/other")"
refused "so does an import" sh -c "echo '{\"id\":\"1\"}' | $DYNAMOUNT import $store Users --key id -"
refused "and a check" "$DYNAMOUNT" check "$store"

mkdir "$mnt/Load"
printf '{"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}]}' \
  >"$mnt/Load/.table.json"

# writer N: puts until a put fails, noting every one that succeeded
writer() {
  local n=0
  while echo "{\"n\":$n}" >"$mnt/Load/w$1.json" && echo "{\"n\":$n}" >"$mnt/Load/w$1-$n.json"; do
    echo "$n" >"$work/acknowledged$1.new" && mv "$work/acknowledged$1.new" "$work/acknowledged$1"
    n=$((n + 1))
  done 2>/dev/null
}
all_write() { test -e "$work/acknowledged1" && test -e "$work/acknowledged2" && test -e "$work/acknowledged3"; }
# every acknowledged put is there
verify() {
  local w n
  for w in 1 2 3; do
    n=$(cat "$work/acknowledged$w" 2>/dev/null || echo -1)
    [ "$n" -ge 0 ] || { fail "$1: writer $w did nothing"; continue; }
    [ "$(jq .n "$mnt/Load/w$w.json")" -ge "$n" ] || fail "$1: writer $w lost its last put of $n"
    same "$1: puts of writer $w" "$n" "$(jq .n "$mnt/Load/w$w-$n.json")"
    [ "$(ls "$mnt/Load" | grep -c "^w$w-")" -ge $((n + 1)) ] || fail "$1: writer $w lost a put"
  done
}

# umount while writers run: it is busy, or it ends clean
for w in 1 2 3; do writer $w & done
poll "load" all_write
until umount "$mnt" 2>/dev/null; do :; done
wait "$daemon" || fail "umount under load: exit $?"
daemon=
wait
same "no word" "" "$(cat "$work/stderr")"
start
verify "umount under load"

# kill -9, and a crash: nobody waits for ever
ulimit -c 0
for signal in KILL KILL KILL SEGV SEGV ABRT; do
  rm -f "$work"/acknowledged?
  rm -f "$mnt"/Load/*.json
  for w in 1 2 3; do writer $w & done
  poll "load" all_write
  sleep "0.$((RANDOM % 4))"
  kill -"$signal" "$daemon"
  wait "$daemon" 2>/dev/null
  wait
  # the dead mount is still there: a new one takes its place
  start
  verify "SIG$signal"
done
stop
same "check is silent" "" "$("$DYNAMOUNT" check "$store" 2>&1)"

# SIGTERM is an end like umount
start
kill -TERM "$daemon"
wait "$daemon" || fail "SIGTERM: exit $?"
daemon=
same "unmounted" "" "$(grep -F " $mnt " /proc/self/mountinfo)"
start
check "data" test -e "$mnt/Load/.table.json"
finish
