# How a follower ends that waits: it is killed, the filesystem is unmounted, told to end, or killed.
. "$TESTS/lib.sh" || exit 1
. "$TESTS/lib_follow.sh"

# ended WHAT: the daemon comes to end by itself, well
ended() {
  wait "$daemon" || fail "$1: the daemon's exit status is $?"
  daemon=
  [ ! -s "$work/stderr" ] || fail "$1: the daemon said: $(cat "$work/stderr")"
}

start
streaming Orders
f=$mnt/Orders/.stream/follow.jsonl

# readers that are killed leave nothing behind
for i in 1 2 3 4 5; do
  cat "$f" >"$work/out" &
  reader=$!
  poll "it waits" waiting 1
  kill -9 $reader
  wait $reader 2>/dev/null
done
poll "nobody waits" waiting 0
poll "nothing is open" all_closed

# busy while somebody follows, and then not
cat "$f" >"$work/out" &
reader=$!
poll "it waits" waiting 1
refused "umount" umount "$mnt"
echo '{}' >"$mnt/Orders/a.json"
poll "it goes on" holds "$work/out" 1
poll "it waits" waiting 1

# detached: whoever follows goes on; the end is when he leaves
exec 3>"$mnt/Orders/b.json"
check "umount -l" umount -l "$mnt"
check "nobody is there" test ! -e "$mnt/.status"
echo '{}' >&3
poll "it still goes on" holds "$work/out" 2
exec 3>&-
kill $reader
wait $reader
ended "after a lazy unmount"

# told to end: readers and pollers hear of it
start
f=$mnt/Orders/.stream/follow.jsonl
for signal in TERM HUP; do
  cat "$f" 2>"$work/said" &
  reader=$!
  python3 -c '
import os, select, sys
f = os.open(sys.argv[1], os.O_RDONLY)
poller = select.poll()
poller.register(f, select.POLLIN)
open(sys.argv[2], "w").close()
events = poller.poll()
try:
  os.read(f, 100)
except OSError as error:
  sys.exit(0 if events else 1)' "$f" "$work/polls" &
  poller=$!
  poll "it waits" waiting 1
  poll "it polls" test -e "$work/polls"
  poll "it polls" grep -q '"POLL"' "$mnt/.status"
  rm "$work/polls"
  kill -s $signal "$daemon"
  wait $reader
  same "an error ends cat" 1 $?
  same "which" "cat: $f: Transport endpoint is not connected" "$(cat "$work/said")"
  ended "SIG$signal"
  check "the poller hears of it" wait $poller
  [ $signal = HUP ] || start
done

# killed: nobody hangs, and old handles never come to life again
start
cat "$f" >"$work/out" 2>"$work/said" &
reader=$!
exec 3<"$f"
poll "it waits" waiting 1
die
wait $reader
same "an error ends cat" 1 $?
same "which" "cat: $f: Software caused connection abort" "$(cat "$work/said")"
start
refused "an old handle" head -n 1 <&3
exec 3<&-
cat "$f" >"$work/out" &
reader=$!
poll "it waits" waiting 1
echo '{"n":2}' >"$mnt/Orders/a.json"
poll "a new one" holds "$work/out" 1
same "of now" '{"n":{"N":"2"}}' "$(jq -c '.dynamodb.NewImage | {n}' "$work/out")"
same "nothing was lost" "a b a" "$(keys "$mnt/Orders/.stream/records.jsonl")"
kill $reader
wait $reader

# killed while everybody comes and goes
for turn in 1 2 3 4 5; do
  for i in {1..20}; do timeout 20 cat "$f" >/dev/null 2>&1 & done
  readers=$(jobs -p)
  poll "some wait" grep -q '"waiting": [1-9]' "$mnt/.status"
  for i in 1 2 3; do echo "{\"n\":$turn$i}" >"$mnt/Orders/c.json"; done
  killed=$daemon
  die
  for reader in $readers; do [ "$reader" = "$killed" ] || wait "$reader"; done
  start
done
finish
