# A full disk, at whatever moment it gets full: ENOSPC from what cannot be done, nothing that was acknowledged is
# lost, reading and deleting go on, and with room so does writing.
. "$TESTS/lib.sh" || exit 1

disk=$work/disk
store=$disk/store
definition='{"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}]}'
mkdir "$disk"
mount -t tmpfs -o size=12m tmpfs "$disk" || { echo "cannot mount a tmpfs"; exit 77; }

# fill [BYTES]: takes what room there is, but for BYTES
fill() {
  head -c "${1-0}" /dev/zero >"$disk/spared"
  cat /dev/zero >"$disk/ballast" 2>/dev/null
  rm "$disk/spared"
}
clear_room() { rm "$disk/ballast"; }

# full WHAT COMMAND…: ENOSPC, told by the command and in /.errors
full() {
  local what=$1 said
  shift
  if said=$("$@" 2>&1 >/dev/null); then
    fail "$what: succeeded: $*"
  elif [[ $said != *"No space left on device"* ]]; then
    fail "$what: not ENOSPC: $said"
  fi
}

# ---- Under writers ----

# Each puts items until one is refused, then appends, moves and makes what it can; what was acknowledged is noted.
cat >"$work/writers.py" <<'PYTHON'
import errno, json, os, sys, threading
table, journal = sys.argv[1:3]
there, lock, ends = {}, threading.Lock(), []

def attempt(path, state, run):
    """The state of a path, once it is acknowledged; anything but success or ENOSPC ends the test."""
    try:
        run()
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return False
    with lock:
        there[path] = state
    return True

def write(path, text, mode="w"):
    with open(table + "/" + path, mode) as f:
        f.write(text)
        if "sync" in path:
            f.flush()
            os.fsync(f.fileno())

def writer(w):
    n = 0
    refusals = 0
    while refusals < 10 and n < 2000:
        kind = "sync" if n % 7 == 3 else "item"
        path, text = "%s-%d-%d.json" % (kind, w, n), "x" * (100, 3000, 40000)[n % 3]
        good = attempt(path, len(text), lambda: write(path, json.dumps({"text": text})))
        if good and n % 5 == 0:
            attempt(path, len(text), lambda: write(path, '{"more": 1}', "a"))
        if good and n % 4 == 1:
            to = "moved-" + path
            if attempt(to, len(text), lambda: os.rename(table + "/" + path, table + "/" + to)):
                with lock:
                    del there[path]
        refusals += not good
        n += 1
    ends.append(refusals)

def reader(stop):
    while not stop.is_set():
        for path, length in list(there.items())[-20:]:
            try:
                text = open(table + "/" + path).read()
            except FileNotFoundError:
                continue
            assert len(json.loads(text)["text"]) == length, path

stop = threading.Event()
reading = threading.Thread(target=reader, args=[stop])
writing = [threading.Thread(target=writer, args=[w]) for w in range(8)]
failures = []
threading.excepthook = lambda args: failures.append(args.exc_value)
for thread in writing + [reading]:
    thread.start()
for thread in writing:
    thread.join(60)
stop.set()
reading.join(60)
assert not failures, failures
assert ends == [10] * 8, ends
json.dump(there, open(journal, "w"))
PYTHON

cat >"$work/verify.py" <<'PYTHON'
import json, os, sys
table, journal = sys.argv[1:3]
want = json.load(open(journal))
got = {name: len(json.load(open(table + "/" + name))["text"]) for name in os.listdir(table) if name != ".table.json"}
assert got == want, (sorted(set(want) - set(got)), sorted(set(got) - set(want)))
PYTHON

start
mkdir "$mnt/Fill"
echo "$definition" >"$mnt/Fill/.table.json"
mkdir "$mnt/Other"
echo "$definition" >"$mnt/Other/.table.json"
# for later: a scratch file, and a table without definition
printf '{"text":"%s"}' "$(head -c 30000 /dev/zero | tr '\0' s)" >"$mnt/Other/scratch"
echo '{"old":true}' >"$mnt/Other/target.json"
mkdir "$mnt/Bare"
for i in $(seq 300); do echo "{\"text\":\"$(printf '%0500d' "$i")\"}"; done >"$work/bare"
i=0
while read -r line; do i=$((i + 1)) && echo "$line" >"$mnt/Bare/$i.json"; done <"$work/bare"
fill 2500000

same "no trouble yet" null "$(jq .write_error "$mnt/.status")"
check "writers" timeout 120 python3 "$work/writers.py" "$mnt/Fill" "$work/journal"
check "what they were told" python3 "$work/verify.py" "$mnt/Fill" "$work/journal"
same "in /.errors" ENOSPC "$(last_error .errno)"
check "in /.status" grep -q 'No space left on device' <(jq -r .write_error "$mnt/.status")

# ---- What else finds the disk full ----

fill
# put BYTES NAME: an item of that size
put() { printf '{"text":"%0*d"}' "$1" 0 >"$mnt/Other/$2.json"; }
# crumbs: takes what room there is in the store, too
crumbs() {
  for bytes in 50000 5000 500 1; do
    for i in {1..1000}; do put $bytes "crumb-$bytes-$i" || break; done
  done 2>"$work/said"
}
full "small items" bash -c "$(declare -f put crumbs); mnt='$mnt' work='$work'; crumbs; cat '$work/said' >&2; false"
full "mkdir" bash -c "for i in {1..1000}; do mkdir '$mnt/New'\$i || exit; done"
for i in $(seq 300); do echo "{\"id\":\"import-$i\",\"text\":\"$(printf '%05000d' "$i")\"}"; done >"$work/lines"
same "import" "" "$("$DYNAMOUNT" import "$mnt" Other "$work/lines" 2>"$work/said" >"$work/told" && echo succeeded)"
check "import tells" grep -q 'No space left' "$work/said"
same "import counts" "$(grep -o '^[0-9]*' "$work/told")" "$(ls "$mnt/Other" | grep -c import)"
full "a scratch file becomes an item" mv "$mnt/Other/scratch" "$mnt/Other/target.json"
same "it stays" 30011 "$(stat -c %s "$mnt/Other/scratch")"
same "so does the item" true "$(jq .old "$mnt/Other/target.json")"
full "definition" bash -c "echo '$definition' >'$mnt/Bare/.table.json'"
same "as before" 300 "$(ls "$mnt/Bare" | grep -c json)"
same "as before, in the documents" 300 "$(jq -r .pk "$mnt"/Bare/*.json | wc -l)"
check "fsync has what there is" sync "$mnt/Other/target.json"
check "reading" python3 "$work/verify.py" "$mnt/Fill" "$work/journal"
crumbs_left=$(ls "$mnt/Other" | grep -c crumb)
[ "$crumbs_left" -gt 5 ] || fail "only $crumbs_left crumbs"
check "deleting" rm "$mnt/Other/target.json" "$mnt"/Other/crumb-*
same "deleted" absent "$(stat "$mnt/Other/target.json" 2>/dev/null || echo absent)"

# However often puts of every size, and others on the disk, take what removing made free, each removal succeeds.
cat >"$work/rounds.py" <<'PYTHON'
import errno, os, random, sys
table, ballast = sys.argv[1:3]
random.seed(1)
names, made = [], 0

def others():
    with open(ballast, "ab", buffering=0) as f:
        try:
            while f.write(bytes(4096)):
                pass
        except OSError as error:
            assert error.errno == errno.ENOSPC, error

def put(size):
    global made
    made += 1
    name = "%s/round-%d-%d.json" % (table, random.randrange(1000000), made)
    try:
        with open(name, "w") as f:
            f.write('{"text":"%0*d"}' % (size, 0))
    except OSError as error:
        assert error.errno == errno.ENOSPC, error
        return False
    names.append(name)
    return True

def crumbs():
    for size in 50000, 5000, 500, 1:
        while put(size):
            pass

def remove():
    os.unlink(names.pop(random.randrange(len(names))))

os.truncate(ballast, os.path.getsize(ballast) - 1500000)
for i in range(300):
    put(100)
crumbs()
assert len(names) > 200, len(names)
for i in range(30):
    for j in range(random.randrange(1, 11)):
        remove()
    if i % 2:
        others()
    crumbs()
while names:
    remove()
PYTHON
check "removing in rounds" python3 "$work/rounds.py" "$mnt/Other" "$disk/ballast"

# ---- Ends and beginnings on a full disk ----

items() { for table in Bare Fill Other; do ls "$mnt/$table"; done; }
items >"$work/items"
die
start
check "after kill -9" diff "$work/items" <(items)
check "after kill -9, the texts" python3 "$work/verify.py" "$mnt/Fill" "$work/journal"
stop
same "check is silent" "" "$("$DYNAMOUNT" check "$store" 2>&1)"
# A store is made whole or refused as any other write, however little room it finds.
made=
for room in $(seq 0 8192 614400); do
  rm -f "$disk/ballast"
  fill "$room"
  if said=$(echo '{"id":"a"}' | "$DYNAMOUNT" import "$disk/new" New --key id - 2>&1); then
    made=$room
    break
  fi
  [[ $said == *"No space left on device"* ]] || fail "a new store with $room bytes: $said"
done
[ "${made:-0}" -gt 0 ] || fail "no new store with $made bytes"
start
check "after umount" diff "$work/items" <(items)
full "still full" bash -c "for i in {1..200}; do head -c 100000 /dev/zero | tr '\0' x | jq -R '{x:.}' | tee '$mnt/Other/still'\$i.json || exit; done"

# ---- With room ----

clear_room
mount -o remount,size=24m "$disk"
check "the definition" bash -c "echo '$definition' >'$mnt/Bare/.table.json'"
same "all of them" 300 "$(jq -r .id "$mnt"/Bare/*.json | wc -l)"
check "the scratch file" mv "$mnt/Other/scratch" "$mnt/Other/target.json"
check "import" "$DYNAMOUNT" import "$mnt" Other "$work/lines" >/dev/null
same "trouble is over" null "$(jq .write_error "$mnt/.status")"
check "nothing was lost" python3 "$work/verify.py" "$mnt/Fill" "$work/journal"
stop
same "check is silent" "" "$("$DYNAMOUNT" check "$store" 2>&1)"
same "nor with the new store" "" "$("$DYNAMOUNT" check "$disk/new" 2>&1)"
finish
