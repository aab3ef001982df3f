# Limits of the process: open files, address space, file size, memory. What cannot be done is an error that says
# so, nothing is half done, and when the limit is lifted all goes on.
. "$TESTS/lib.sh" || exit 1

# begin LIMIT VALUE: mounts a new store under a limit of ulimit
begin() {
  rm -rf "$store"
  (
    ulimit -S "$1" "$2"
    exec "$DYNAMOUNT" "$store" "$mnt" -f
  ) 2>"$work/stderr" &
  daemon=$!
  poll "mount with ulimit $1 $2" test -e "$mnt/.status" || finish
}
sound() { same "$1: check is silent" "" "$("$DYNAMOUNT" check "$store" 2>&1)"; }

# crowd: many clients at once, each with many files open; all that they are told is written to $work/said
cat >"$work/client.py" <<'PYTHON'
import os, sys
table, client = sys.argv[1:3]
good = 0
held = []
for n in range(20):
    path = "%s/%s-%d.json" % (table, client, n)
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
        os.write(fd, b'{"text":"%s"}' % (b"x" * 2000))
        good += 1
        held.append(fd)
        os.listdir(table)
        for name in "/.items.jsonl", "/.status.json", "/.scan/2/1.jsonl":
            held.append(os.open(table + name, os.O_RDONLY))
            os.read(held[-1], 100)
    except OSError as error:
        print(error.errno, error, file=sys.stderr)
print(good)
PYTHON
crowd() {
  local client pids=
  for client in {1..12}; do
    timeout 60 python3 "$work/client.py" "$mnt/Crowd" "$client" >"$work/put$client" 2>"$work/said$client" &
    pids="$pids $!"
  done
  wait $pids
  cat "$work"/said* >"$work/said"
  cat "$work"/put* | awk '{ sum += $1 } END { print sum }'
}

# ---- Open files: the mount needs a dozen, whatever its clients open ----

for limit in 4 8; do
  refused "$limit open files" bash -c "ulimit -n $limit; exec '$DYNAMOUNT' '$store' '$mnt' -f"
  check "they are named" grep -qi 'open files' <(bash -c "ulimit -n $limit; '$DYNAMOUNT' '$store' '$mnt' -f" 2>&1)
done
begin -n 16
mkdir "$mnt/Crowd"
same "12 clients with 960 files" 240 "$(crowd)"
same "no errors" "" "$(cat "$work/said")"
prlimit --pid "$daemon" --nofile=1:
same "none left: it needs no more" 240 "$(crowd)"
stop
sound "open files"

# ---- Address space: the map is as large as it can be ----

refused "400 MB" bash -c "ulimit -v 400000; exec '$DYNAMOUNT' '$store' '$mnt' -f"
begin -v 4000000
mkdir "$mnt/Crowd"
same "12 clients" 240 "$(crowd)"
stop
sound "address space"

# ---- Size of a file: a full disk, and no signal ----

begin -f 500
mkdir "$mnt/Crowd"
put=$(crowd)
[ "$put" -gt 20 ] && [ "$put" -lt 240 ] || fail "$put items in 500 KB"
same "ENOSPC" "28" "$(cut -d' ' -f1 "$work/said" | sort -u)"
same "nothing is lost" "$put" "$(jq -r .pk "$mnt"/Crowd/*.json | wc -l)"
prlimit --pid "$daemon" --fsize=unlimited
same "without the limit" 240 "$(crowd)"
stop
sound "file size"

# ---- Memory, at every allocation of every operation ----

if [ -n "${SCARCE_MODULE-}" ]; then
  head -c 16 /dev/zero >"$work/scarce"
  rm -rf "$store"
  SCARCE=$work/scarce LD_PRELOAD=$SCARCE_MODULE "$DYNAMOUNT" "$store" "$mnt" -f 2>"$work/stderr" &
  daemon=$!
  poll "mount" test -e "$mnt/.status" || finish
  check "memory" timeout 120 python3 "$TESTS/scarce.py" "$mnt" "$work/scarce" >"$work/said"
  sed -i '/^fuse: error creating thread/d' "$work/stderr" # libfuse's own word; it goes on with fewer
  stop
  sound "memory"
fi
finish
