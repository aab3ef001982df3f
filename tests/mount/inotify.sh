# inotify tells of changes that are made through the mount: of items, partitions, tables and scratch files.
. "$TESTS/lib.sh" || exit 1

command -v inotifywait >/dev/null || { echo "inotifywait is not installed"; exit 77; }
start
mkdir -p "$mnt/Orders/alice" "$mnt/Orders/bob"
echo '{"n":1}' >"$mnt/Orders/alice/1.json"
echo '{"n":1}' >"$mnt/Orders/bob/1.json"
mkdir "$mnt/Users"
echo '{"n":1}' >"$mnt/Users/ada.json"

watcher=
# Its own end is by a signal, so that nobody waits for an event that does not come.
trap '[ -z "$watcher" ] || kill "$watcher" 2>/dev/null; cleanup' EXIT
# tells EVENTS COMMAND…: the command makes exactly these events, in this order; opening, reading and closing are left out
tells() {
  local expected=$1 name="$mnt/.watched" seen
  shift
  : >"$work/said"
  inotifywait -m -r -e create,modify,attrib,moved_from,moved_to,delete --format '%e %w%f' "$mnt" >"$work/events" 2>"$work/said" &
  watcher=$!
  poll "watches" grep -q 'Watches established' "$work/said"
  "$@" || fail "$*"
  : >"$name" # the last event
  poll "events of $*" grep -q "^CREATE $name\$" "$work/events"
  kill "$watcher"
  wait "$watcher" 2>/dev/null
  watcher=
  rm "$name"
  seen=$(grep -v " $name\$" "$work/events" | sed "s, $mnt/, ," | paste -sd ';')
  same "$*" "$expected" "$seen"
}

o=$mnt/Orders/alice u=$mnt/Users
tells "CREATE Orders/alice/2.json;MODIFY Orders/alice/2.json" bash -c "echo '{\"n\":2}' >$o/2.json"
tells "MODIFY Orders/alice/2.json" bash -c "echo '{\"n\":3}' >>$o/2.json"
tells "MOVED_FROM Orders/alice/2.json;MOVED_TO Orders/alice/3.json" mv "$o/2.json" "$o/3.json"
tells "MOVED_FROM Orders/alice/3.json;MOVED_TO Orders/bob/3.json" mv "$o/3.json" "$mnt/Orders/bob/3.json"
tells "MOVED_FROM Orders/bob/3.json;MOVED_TO Orders/bob/1.json" mv "$mnt/Orders/bob/3.json" "$mnt/Orders/bob/1.json"
tells "ATTRIB Users/ada.json" touch -d 2001-02-03 "$u/ada.json"
tells "ATTRIB Users/ada.json" chmod 600 "$u/ada.json"
tells "DELETE Orders/alice/1.json" rm "$o/1.json"
tells "CREATE,ISDIR Orders/carol" mkdir "$mnt/Orders/carol"
tells "DELETE,ISDIR Orders/carol" rmdir "$mnt/Orders/carol"
tells "DELETE Orders/bob/1.json;DELETE,ISDIR Orders/bob" rm -r "$mnt/Orders/bob"
tells "CREATE Users/t;MODIFY Users/t;MOVED_FROM Users/t;MOVED_TO Users/ada.json" bash -c "jq -c .n=2 $u/ada.json >$u/t && mv $u/t $u/ada.json"
tells "CREATE,ISDIR Parts" mkdir "$mnt/Parts"
tells "DELETE,ISDIR Parts" rmdir "$mnt/Parts"

# one event and out, as scripts use it
inotifywait -q -e close_write --format '%f' "$u" >"$work/events" 2>&1 &
watcher=$!
written() {
  echo '{"n":4}' >"$u/eve.json"
  ! kill -0 "$watcher"
}
poll "an event ends it" written
wait "$watcher" || fail "inotifywait: exit $?"
watcher=
same "which" eve.json "$(cat "$work/events")"
finish
