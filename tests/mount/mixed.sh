# kill -9 and umount under a mixed load: what was acknowledged is there, and nothing is half done.
. "$TESTS/lib.sh" || exit 1

rounds=12
[ -z "${DYNAMOUNT_LONG-}" ] || rounds=200
workers=5

# Each worker has names of its own, so that what must be there can be told from its journal: a line before each
# operation, and one when it has been acknowledged.
cat >"$work/load.py" <<'PYTHON'
import json, os, random, subprocess, sys, time

mnt, journal, worker, seed, pause = *sys.argv[1:5], float(sys.argv[5])
dynamount = os.environ["DYNAMOUNT"]
random.seed(seed)
simple, parts = mnt + "/Simple/", mnt + "/Parts/"
log = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
state = {}  # path below the mount: what the document must have, as JSON
if os.path.getsize(journal):
    state = json.loads(open(journal).readlines()[-1])["state"]
n = int(time.time() * 1000000)

def note(**what):
    os.write(log, (json.dumps(what) + "\n").encode())

def write(path, text, mode="w"):
    with open(mnt + "/" + path, mode) as f:
        f.write(text)

def bulk(lines):
    # one that fails says so, as any other operation that the mount's end cuts short
    done = subprocess.run([dynamount, "import", mnt, "Simple", "-"], input=lines.encode(), capture_output=True)
    if done.returncode:
        raise OSError(done.stderr.decode())

def name():
    if random.random() < 0.6:
        return "Simple/%s-%d.json" % (worker, random.randrange(12))
    return "Parts/%s-p%d/%d.json" % (worker, random.randrange(3), random.randrange(4))

def body():
    return {"n": n, "text": random.choice([1, 200, 3000, 60000])}

def text(document):
    # what is noted of the text is its length
    return json.dumps(dict(document, text="x" * document["text"]))

def operation():
    """What may come of it: a list of states, the last one being the whole of it; and how to do it."""
    path, after = name(), dict(state)
    kind = random.choice(["put"] * 4 + ["append"] * 2 + ["move"] * 3 + ["replace"] * 3 + ["remove", "batch", "batch",
                         "import", "touch", "keep", "shared"])
    if kind == "put":
        after[path] = body()
        return [after], lambda: (prepare(path), write(path, text(after[path])))
    if kind == "append" and path in state:
        after[path] = dict(state[path], a=n)
        return [after], lambda: write(path, '{"a": %d}\n' % n, "a")
    if kind == "move" and path in state:
        table = path.split("/")[0]
        to = name()
        if to.split("/")[0] != table or to == path:
            return None
        after[to] = after.pop(path)
        return [after], lambda: (prepare(to), os.rename(mnt + "/" + path, mnt + "/" + to))
    if kind == "replace":
        temporary = os.path.dirname(path) + "/sed" + worker
        after[path] = body()
        between = dict(state, **{temporary: None})
        def run():
            prepare(path)
            write(temporary, text(after[path]))
            os.utime(mnt + "/" + temporary)
            os.rename(mnt + "/" + temporary, mnt + "/" + path)
        return [between, after], run
    if kind == "keep" and path in state and path.startswith("Simple"):
        # as an editor's backup: away, and back again
        backup = path[:-5] + "~"
        between = dict(state, **{backup: None})
        del between[path]
        def run():
            os.rename(mnt + "/" + path, mnt + "/" + backup)
            os.rename(mnt + "/" + backup, mnt + "/" + path)
        return [between, after], run
    if kind == "remove" and path in state:
        del after[path]
        return [after], lambda: os.unlink(mnt + "/" + path)
    if kind in ("batch", "import"):
        # lines are put in their order: that of `after`
        lines, many = "", kind == "import"
        length = random.choice([1, 3000]) if many else 1
        for i in range(random.choice([100, 300] if many else [3, 20, 60])):
            path, document = "Simple/%s-b%d.json" % (worker, i), {"n": n, "i": i, "text": length}
            after.pop(path, None)
            after[path] = document
            lines += json.dumps(dict(document, id="%s-b%d" % (worker, i), text="x" * length)) + "\n"
        mode = random.choice("wa")
        return [after], lambda: bulk(lines) if many else write("Simple/.items.jsonl", lines, mode)
    if kind == "touch":
        if path in state:
            return [after], lambda: os.utime(mnt + "/" + path)
        after[path] = {}
        def run():
            prepare(path)
            fd = os.open(mnt + "/" + path, os.O_CREAT | os.O_WRONLY, 0o644)
            os.utime(fd)
            os.close(fd)
        return [after], run
    if kind == "shared":
        def run():
            write("Simple/shared.json", json.dumps({"w": worker, "n": n}))
            document = json.load(open(mnt + "/Simple/shared.json"))
            assert set(document) == {"id", "w", "n"}
        return [after], run
    return None

def prepare(path):
    if path.startswith("Parts"):
        try:
            os.mkdir(mnt + "/" + os.path.dirname(path))
        except FileExistsError:
            pass

while True:
    n += 1
    planned = operation()
    if not planned:
        continue
    states, run = planned
    note(states=states)
    try:
        run()
    except AssertionError:
        raise
    except (OSError, ValueError) as error:
        if os.path.exists(mnt + "/.status"):
            sys.exit("worker %s: %r while the mount lives" % (worker, error))
        sys.exit(0)
    state = states[-1]
    note(state=state)
    time.sleep(pause)
PYTHON

# What is there, against the journals; then the journals begin anew with what is there.
cat >"$work/verify.py" <<'PYTHON'
import json, os, sys
mnt, directory, workers = sys.argv[1], sys.argv[2], int(sys.argv[3])
failed = 0
there = {}
for base, _, names in os.walk(mnt):
    for name in names:
        path = os.path.join(base, name)
        short = path[len(mnt) + 1:]
        if name in (".table.json", "shared.json"):
            json.load(open(path))
            continue
        raw = open(path).read()
        assert len(raw.encode()) == os.stat(path).st_size, "size of " + short
        if name.endswith(".json"):
            document = json.loads(raw)
            assert document.pop("id", None) is not None or document.pop("sk", None) is not None, short
            document.pop("pk", None)
            if "text" in document:
                document["text"] = len(document["text"])
            there[short] = document
        else:
            there[short] = None
def owner(path):
    parts = path.split("/")
    name = parts[-1] if not parts[-1].startswith("sed") else parts[-1][3:]
    return name.split("-")[0].rstrip("~") if parts[0] == "Simple" or name.startswith("w") else parts[1].split("-")[0]
for w in range(workers):
    worker = "w%d" % w
    journal = "%s/journal%d" % (directory, w)
    lines = open(journal).readlines()
    own = {path: document for path, document in there.items() if owner(path) == worker}
    state, allowed, acknowledged = {}, [], 0
    for line in lines:
        entry = json.loads(line)
        if "state" in entry:
            state, allowed = entry["state"], []
            acknowledged += 1
        else:
            allowed = entry["states"]
    if acknowledged < 3:
        print("worker %d did nothing" % w, file=sys.stderr)
        failed = 1
    good = own == state or own in allowed
    # of a batch, any number of its lines from the first on
    done = state
    for path, document in allowed[-1].items() if allowed else ():
        if "-b" in path and state.get(path) != document:
            done = dict(done, **{path: document})
            good = good or own == done
    if not good:
        failed = 1
        want = allowed[-1] if allowed else state
        for path in sorted(set(own) | set(state) | set(want)):
            if own.get(path, "absent") != state.get(path, "absent") or own.get(path, "absent") != want.get(path, "absent"):
                print("%s: has %s, before %s, after %s" % (path, own.get(path, "absent"), state.get(path, "absent"), want.get(path, "absent")), file=sys.stderr)
    # scratch left behind by what was cut short goes away, by the same names
    for path in [p for p, d in own.items() if d is None]:
        os.unlink(mnt + "/" + path)
        del own[path]
    with open(journal, "w") as f:
        f.write(json.dumps({"state": own}) + "\n")
sys.exit(failed)
PYTHON

pids=
# load SEED [PAUSE]
load() {
  local w
  pids=
  for w in $(seq 0 $((workers - 1))); do
    python3 "$work/load.py" "$mnt" "$work/journal$w" "w$w" "$1-$w" "${2-0}" 2>>"$work/said" &
    pids="$pids $!"
  done
  poll "the load" busy
}
# every worker is under way
busy() {
  local w
  for w in $(seq 0 $((workers - 1))); do
    [ "$(wc -l <"$work/journal$w")" -ge 20 ] || return 1
  done
}
# the workers come to an end, too: none hangs on what is dead
rest() {
  local pid
  for pid in $pids; do
    if ! timeout 20 tail -s 0.02 --pid="$pid" -f /dev/null; then
      fail "$1: a process hangs"
      umount -f "$mnt"
    fi
    wait "$pid" || fail "$1: a worker failed: $(cat "$work/said")"
  done
}

start
mkdir "$mnt/Simple" "$mnt/Parts"
printf '{"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}]}' \
  >"$mnt/Simple/.table.json"
mkdir "$mnt/Parts/first"
for round in $(seq "$rounds"); do
  load "$round"
  sleep "0.$((RANDOM % 6))$((RANDOM % 10))"
  kill -9 "$daemon"
  wait "$daemon" 2>/dev/null
  rest "kill -9, round $round"
  start
  check "round $round" timeout 60 python3 "$work/verify.py" "$mnt" "$work" $workers
  stop
  same "check is silent, round $round" "" "$("$DYNAMOUNT" check "$store" 2>&1)"
  [ $failures -eq 0 ] || finish
  start
done

# umount under the same load
load last 0.2 # a moment is needed at which nobody has anything open
poll "umount" umount "$mnt"
wait "$daemon" || fail "umount under load: exit $?"
daemon=
rest "umount"
same "no word" "" "$(cat "$work/stderr")"
start
check "umount" timeout 60 python3 "$work/verify.py" "$mnt" "$work" $workers

# SIGTERM is the same
load terminated
sleep 0.3
kill -TERM "$daemon"
wait "$daemon" || fail "SIGTERM under load: exit $?"
daemon=
rest "SIGTERM"
same "no word" "" "$(cat "$work/stderr")"
start
check "SIGTERM" timeout 60 python3 "$work/verify.py" "$mnt" "$work" $workers
stop
same "check is silent" "" "$("$DYNAMOUNT" check "$store" 2>&1)"
finish
