# Renaming tables and partitions with mv and by system calls: what can become what, that nothing is lost or doubled
# whatever is refused, whoever works below, and whenever the daemon dies.
. "$TESTS/lib.sh" || exit 1

export mnt work PYTHONPATH=$TESTS PYTHONDONTWRITEBYTECODE=1
rounds=6
seconds=4
[ -z "${DYNAMOUNT_LONG-}" ] || { rounds=100; seconds=60; }
start

# Every kind of source with every kind of target: mv's status, and that each item and scratch file is there afterwards,
# once.
check "all pairs" python3 - <<'PYTHON'
from calls import *
import shutil, subprocess
outside = os.environ["work"] + "/outside"
long_key = "k" * 300

def fill(name, keys, kind):
    """A table's items, each with a number of its own."""
    table(name, "h:N" if kind == "number" else "h:S", *([] if kind == "simple" else ["r:S"]))
    lines = []
    for key in keys:
        for sort in "abc":
            item = {"h": key} if kind == "simple" else {"h": key, "r": sort}
            if kind == "simple" and sort != "a":
                continue
            lines.append(json.dumps({**item, "uid": "%s/%s/%s" % (name, key, sort)}) + "\n")
    same("items of " + name, "ok", write(name + "/.items.jsonl", *lines))

def long_name(name):
    return [entry for entry in names(name) if entry.startswith("kkk")][0]

def source_partition(n):
    fill(n, ["p", "q", "s"], "text")
    write(n + "/p/.note", n + " note")
    return n, "p"

def source_typed(n):
    fill(n, ["p", "q", "s"], "text")
    write(n + "/.typed/p/.note", n + " note")
    return n + "/.typed", "p"

def source_number(n):
    fill(n, [1, 2, 3], "number")
    return n, "1"

def source_long(n):
    fill(n, [long_key, "q", "s"], "text")
    return n, long_name(n)

def source_made(n):
    fill(n, ["q", "s"], "text")
    os.mkdir(mnt + n + "/p")
    return n, "p"

def source_draft(n):
    for directory in (n, n + "/p", n + "/q"):
        os.mkdir(mnt + directory)
        if directory != n:
            same("a draft", "ok", write(directory + "/a.json", '{"uid":"%s"}' % directory))
    return n, "p"

def source_simple(n):
    fill(n, ["a", "b", "c"], "simple")
    return "", n

def source_pairs(n):
    fill(n, ["p", "q", "s"], "text")
    write(n + "/.note", n + " note")
    write(n + "/p/.note", n + " inner note")
    return "", n

def source_empty(n):
    fill(n, [], "text")
    return "", n

def source_draft_table(n):
    source_draft(n)
    return "", n

sources = {function.__name__[7:]: function for function in (source_partition, source_typed, source_number, source_long, source_made,
           source_draft, source_simple, source_pairs, source_empty, source_draft_table)}
tables = ("simple", "pairs", "empty", "draft_table")

def join(parent, name):
    return parent + "/" * bool(parent) + name

def sibling(n, kind, parent, what):
    """The name of a directory beside the source."""
    if kind in tables:
        name = n + what
        fill(name, [] if what == "empty" else ["x"], "text")
        return join(parent, name)
    name = {"number": {"empty": "77", "full": "2"}}.get(kind, {"empty": "void", "full": "q"})[what]
    if what == "empty":
        os.mkdir(mnt + join(parent, name))
    return join(parent, name)

def fresh(n, kind, parent):
    return join(parent, n + "new" if kind in tables else "99" if kind == "number" else "new")

# The target's path (relative to the mount), mv's options, and whether it succeeds
def targets(n, kind, parent):
    yield lambda: (fresh(n, kind, parent), [], 0)
    yield lambda: (fresh(n, kind, parent), ["-T", "-n"], 0)
    yield lambda: (sibling(n, kind, parent, "full"), [], 1)
    yield lambda: (sibling(n, kind, parent, "full"), ["-T"], 1)
    yield lambda: (sibling(n, kind, parent, "full"), ["-T", "-f"], 1)
    yield lambda: (sibling(n, kind, parent, "empty"), [], 1)
    yield lambda: (sibling(n, kind, parent, "empty"), ["-T"], 0)
    yield lambda: ("Elsewhere", [], 1)
    yield lambda: ("Elsewhere/", [], 1)
    yield lambda: ("Elsewhere/new", [], 1)
    yield lambda: ("Elsewhere/there", [], 1)
    yield lambda: ("Plain/", [], 1)
    yield lambda: ("Plain/x.json", [], 1)
    yield lambda: ("Plain/.typed", [], 1)
    yield lambda: (join(parent, ".hidden"), [], 1)
    yield lambda: (join(parent, "a~b"), [], 1)
    yield lambda: (join(parent, ".status" if kind in tables else ".note"), ["-T"], 1)
    if kind not in tables:
        yield lambda: ("", [], 1)
        yield lambda: (n + "new", [], 1)

def contents():
    """What each item and scratch file says, over the whole mount, and how often."""
    found = []
    for name in names(""):
        if not os.path.isdir(mnt + name):
            continue
        for line in read(name + "/.items.jsonl").splitlines():
            found.append(json.loads(line)["uid"])
        for directory in (name, name + "/.typed"):
            for here, _, files in os.walk(mnt + directory):
                for file in files:
                    if not file.endswith(".json"):
                        found.append(here[len(mnt):].count("/.typed") * "typed " + read(os.path.join(here, file)[len(mnt):]))
    return sorted(found)

def move(source, to, *options):
    result = subprocess.run(["mv", *options, "--", source, to], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return result.returncode, result.stderr.decode()

fill("Elsewhere", ["there"], "text")
fill("Plain", ["x"], "simple")
cases = 0
for kind, make in sources.items():
    index = 0
    while True:
        n = "T%03d" % cases
        parent, name = make(n)
        chosen = list(targets(n, kind, parent))
        if index == len(chosen):
            break
        target, options, expected = chosen[index]()
        what = "mv %s %s %s (%s)" % (" ".join(options), join(parent, name), target, kind)
        if target.endswith("/.note"):
            write(target, n + " target")
        before = contents()
        inside = sorted(names(join(parent, name)))
        status, said = move(mnt + join(parent, name), mnt + target, *options)
        same(what + ": " + said, expected, status)
        same(what + ": contents", before, contents())
        same(what + ": says why", bool(expected), bool(said))
        same(what + ": no word of subdirectories", False, "subdirectory" in said)
        if expected:
            same(what + ": as it was", inside, sorted(names(join(parent, name))))
        else:
            same(what + ": moved", (inside, "ENOENT"), (sorted(names(target)), call(os.listdir, join(parent, name))))
        for old in names(""):
            if old.startswith("T"):
                shutil.rmtree(mnt + old)
        index += 1
        cases += 1
    # Out of the mount and back in, by copies: mv's own business
    parent, name = make("Tcopy")
    before, inside = contents(), sorted(names(join(parent, name)))
    same("out of the mount: " + kind, (0, ""), move(mnt + join(parent, name), outside))
    same("gone", "ENOENT", call(os.listdir, join(parent, name)))
    same("back in: " + kind, (0, ""), move(outside, mnt + join(parent, name)))
    if kind not in ("typed", "draft", "draft_table"):  # a draft's documents hold stand-in keys by then
        same("contents", (before, inside), (contents(), sorted(names(join(parent, name)))))
    same("items", len(before), len(contents()))
    for old in names(""):
        if old.startswith("T"):
            shutil.rmtree(mnt + old)
print("%d pairs" % cases)
finish()
PYTHON

# By system calls: the flags, what goes along, what was known of the names before.
check "calls" python3 - <<'PYTHON'
from calls import *
table("Pairs", "h:S", "r:S")
for partition in "pq":
    os.mkdir(mnt + "Pairs/" + partition)
    for sort in "abc":
        write("Pairs/%s/%s.json" % (partition, sort), '{"x":"%s%s"}' % (partition, sort))
os.mkdir(mnt + "Pairs/made")
write("Pairs/note", "scratch")
for old, new, flags, expected in (
    ("Pairs/p", "Pairs/q", 0, "ENOTEMPTY"), ("Pairs/p", "Pairs/q", NOREPLACE, "EEXIST"), ("Pairs/p", "Pairs/q", EXCHANGE, "EINVAL"),
    ("Pairs/p", "Pairs/made", NOREPLACE, "EEXIST"), ("Pairs/p", "Pairs/note", 0, "ENOTDIR"), ("Pairs/p", "Pairs/note", NOREPLACE, "EEXIST"),
    ("Pairs/note", "Pairs/p", 0, "EISDIR"), ("Pairs/p", "Pairs/p/x", 0, "EINVAL"), ("Pairs/none", "Pairs/x", 0, "ENOENT"),
    ("Pairs/p", "Pairs/a~b", 0, "EBADMSG"), ("Pairs/p", "Pairs/.x", 0, "EPERM"), ("Pairs/p", "Pairs/p", 0, "ok"), ("Pairs/p", "Pairs/p", NOREPLACE, "EEXIST"),
    ("Pairs", "ab", 0, "EBADMSG"), ("Pairs", ".x", 0, "EPERM"), ("Pairs/.typed/p", "Pairs/x", 0, "EPERM"), ("Pairs/.typed", "Pairs/x", 0, "EPERM"),
):
    same("%s to %s, flags %d" % (old, new, flags), expected, rename(old, new, flags))
same("why", "EPERM AccessDeniedException This directory is always there", last("errno", "type", "message"))

# what the kernel knows of names, sizes and texts is that of the new ones, in both renderings, at once
def look(partition):
    return [(os.stat(mnt + "Pairs/%s%s/%s.json" % (typed, partition, sort)).st_size, read("Pairs/%s%s/%s.json" % (typed, partition, sort)))
            for typed in ("", ".typed/") for sort in "abc"]
for turn, (old, new) in enumerate([("p", "longer"), ("longer", "x"), ("x", "made"), ("made", "p")]):
    before = look(old)
    same("absent before", "ENOENT", call(os.stat, "Pairs/.typed/" + new)) if new != "made" else None
    same("renamed", "ok", rename("Pairs/" + ".typed/" * (turn % 2) + old, "Pairs/" + ".typed/" * (turn % 2) + new))
    until = time.monotonic() + 20  # the other rendering's names are told beside the answer
    while call(os.stat, "Pairs/" + new) == "ENOENT" or call(os.stat, "Pairs/.typed/" + new) == "ENOENT":
        assert time.monotonic() < until, new
        time.sleep(0.01)
    after = look(new)
    for (old_size, old_text), (size, text) in zip(before, after):
        same("its size is the text's", size, len(text))
        same("its key", old_text.replace('"%s"' % old, '"%s"' % new, 1), text)
    for typed in ("", ".typed/"):
        same("no trace of " + old, ("ENOENT", "ENOENT", False), (call(os.stat, "Pairs/" + typed + old),
             read("Pairs/%s%s/a.json" % (typed, old)), old in names("Pairs/" + typed)))
        same("listed", ["a.json", "b.json", "c.json"], sorted(names("Pairs/" + typed + new)))
write("Pairs/p/a.json", '{"x":"again"}')
same("written to", '{"h":"p","r":"a","x":"again"}', document("Pairs/p/a.json"))

# who is in the directory stays there; what is open goes along
os.chdir(mnt + "Pairs/p")
reader, directory = open("a.json"), os.open(".", os.O_DIRECTORY)
writer = os.open("b.json", os.O_WRONLY | os.O_TRUNC)
editor = os.open("c.json", os.O_RDWR)
note = os.open(".note", os.O_RDWR | os.O_CREAT)
text = os.pread(editor, 1000, 0)
os.pwrite(editor, b', "y": 1}', len(text) - 2)
same("names that are known to be free", ("ENOENT", "ENOENT"), (call(os.stat, "Pairs/r"), call(os.stat, "Couples")))
same("below", "ok", rename("Pairs/p", "Pairs/r"))
same("and the table", "ok", rename("Pairs", "Couples"))
same("where we are", mnt + "Couples/r", os.getcwd())
same("by relative names", ['.note', 'a.json', 'b.json', 'c.json'], sorted(os.listdir(".")))
same("by the descriptor", ['.note', 'a.json', 'b.json', 'c.json'], sorted(os.listdir(directory)))
same("the reader's version", '{"h": "p", "r": "a", "x": "again"}', json.dumps(json.load(reader)))
os.write(writer, b'{"x":"late"}')
os.write(note, b"swap")
os.close(writer), os.close(note)
try:
    os.close(editor)
    said = "ok"
except OSError as error:
    said = errno.errorcode[error.errno]
same("a text that holds the old key is refused", ("EINVAL", "Couples/r/c.json"), (said, last("path")))
same("what was written is under the new name", ('{"h":"r","r":"b","x":"late"}', "swap"), (document("Couples/r/b.json"), read("Couples/r/.note")))
same("created by a relative name", None, open("d.json", "w").write('{"x":1}') and None)
same("is there", '{"h":"r","r":"d","x":1}', document("Couples/r/d.json"))
same("nothing by the old one", (["Couples", "Plain"], ["note", "q", "r"]),
     (sorted(name for name in names("") if name != "Elsewhere"), sorted(set(names("Couples")) - {".table.json"})))
os.chdir("/")
os.close(directory)

# tables: the hidden definition, what mkdir made, deletion protection, a table in the way
os.unlink(mnt + "Couples/.table.json")
os.mkdir(mnt + "Couples/made")
same("renamed", "ok", rename("Couples", "Pairs"))
same("still hidden", (True, ["made", "note", "q", "r"]), ("ENOENT" == read("Pairs/.table.json"), sorted(names("Pairs"))))
same("protected", "ok", write("Pairs/.table.json", definition("h:S", "r:S", DeletionProtectionEnabled=True)))
same("can be renamed", "ok", rename("Pairs", "Safe"))
same("not replaced", ("ok", "EPERM"), (call(os.mkdir, "New"), rename("New", "Safe")))
same("not removed", "EPERM", call(os.rmdir, "Safe"))
same("over an empty one", ("ok", "ok"), (write("Safe/.table.json", definition("h:S", "r:S", DeletionProtectionEnabled=False)), rename("Safe", "New")))
same("it is there", '{"h":"q","r":"a","x":"qa"}', document("New/q/a.json"))
same("a name that is free again", ("ok", []), (call(os.mkdir, "Safe"), names("Safe")))
finish()
PYTHON

# Very many items in one go
rm -rf "${mnt:?}"/[A-Z]*
many=100000
[ "${SANITIZED:-none}" = none ] || many=10000
python3 -c "for i in range($many): print('{\"h\":\"p\",\"r\":\"%06d\",\"v\":\"%s\"}' % (i, 'x' * (i % 300)))" |
  "$DYNAMOUNT" import "$mnt" Many --key h,r - >/dev/null || fail "import"
ls "$mnt/Many/p" >/dev/null
begun=${EPOCHREALTIME/./}
check "$many items" mv "$mnt/Many/p" "$mnt/Many/q"
echo "$many items renamed in $(((${EPOCHREALTIME/./} - begun) / 1000)) ms"
same "all there" "$many 1" "$(ls "$mnt/Many/q" | wc -l) $(ls "$mnt/Many" | wc -l)"
same "each with its key" "$many q" "$(jq -r .h "$mnt/Many/.items.jsonl" | uniq -c | xargs)"
last=$(printf '%06d' $((many - 1)))
same "the last" "{\"h\":\"q\",\"r\":\"$last\"}" "$(jq -c '{h, r}' "$mnt/Many/q/$last.json")"
begun=${EPOCHREALTIME/./}
check "the table" mv "$mnt/Many" "$mnt/Lots"
echo "the table in $(((${EPOCHREALTIME/./} - begun) / 1000)) ms"
same "all there" $many "$(ls "$mnt/Lots/q" | wc -l)"

# Readers and writers below a directory that is renamed all the while
cat >"$work/busy.py" <<'PYTHON'
from calls import *
import random
end = time.time() + float(sys.argv[1])
STABLE = 700
table("Busy", "h:S", "r:S")
os.mkdir(mnt + "Busy/d")
stable = {"s%d.json" % i for i in range(STABLE)}
write("Busy/.items.jsonl", *[json.dumps({"h": "d", "r": name[:-5], "v": 0}) + "\n" for name in sorted(stable)])

def place():
    return random.choice(["Busy/d/", "Busy/e/", "Busy/.typed/d/", "Busy/.typed/e/"])

def some():
    return "s%d.json" % random.randrange(STABLE)

def flip():
    for old, new in (("Busy/d", "Busy/e"), ("Busy/e", "Busy/d")):
        same("renamed", "ok", rename(old, new))

def inside_read():
    """From inside there is no moment when anything is missing."""
    name = some()
    with open(name) as f:
        item = json.load(f)
    assert item["h"] in "de" and item["r"] + ".json" == name, item
    os.stat(name)

def inside_write():
    with open(some(), "w") as f:
        f.write('{"v":%d}' % random.randrange(1000))

def inside_make():
    name = "n%d.json" % os.getpid()
    with open(name, "x") as f:
        f.write('{"v":-1}')
    os.stat(name)
    os.rename(name, "m" + name)
    os.unlink("m" + name)

def inside_list():
    got = [name for name in os.listdir(".") if name in stable]
    assert len(got) == STABLE and set(got) == stable, len(got)

def inside_replace():
    temporary, name = ".t%d" % os.getpid(), some()
    with open(temporary, "w") as f:
        f.write('{"v":%d}' % random.randrange(1000))
    os.rename(temporary, name)

def outside_read():
    with open(mnt + place() + some()) as f:
        item = json.load(f)
    assert item["h"] in ("d", "e", {"S": "d"}, {"S": "e"}), item

def outside_write():
    where = place()
    fd = os.open(mnt + where + some(), os.O_WRONLY | os.O_TRUNC)
    os.write(fd, b'{"v":{"N":"1"}}' if ".typed" in where else b'{"v":1}')
    os.close(fd)

def outside_list():
    got = [name for name in os.listdir(mnt + place()) if name in stable]
    assert len(got) == STABLE and set(got) == stable, len(got)

def work(kind):
    done = 0
    while time.time() < end:
        try:
            kind()
            done += 1
        except FileNotFoundError:
            if not kind.__name__.startswith("outside"):
                raise
    assert done > 0, "did nothing"
    return done

children = {}
os.chdir(mnt + "Busy/d")  # where they all are
for kind in (inside_read, inside_write, inside_make, inside_list, inside_replace, outside_read, outside_write, outside_list, flip):
    children[kind] = os.fork()
    if not children[kind]:
        try:
            done = work(kind)
            if kind is flip:
                print("renamed %d times" % (2 * done))
        except BaseException as error:
            print("%s: %r" % (kind.__name__, error), file=sys.stderr)
            os._exit(1)
        sys.stdout.flush()
        os._exit(failures > 0)
failures += sum(os.waitpid(child, 0)[1] != 0 for child in children.values())
if failures:
    sys.exit(1)
same("one place only", ["d"], sorted(set(names("Busy")) - {".table.json"}))
same("no item lost, none doubled", sorted(stable), sorted(names("Busy/d")))
same("as the engine has them", sorted(stable), sorted(json.loads(line)["r"] + ".json" for line in read("Busy/.items.jsonl").splitlines()))
for name in stable:
    same("its size", os.stat(mnt + "Busy/d/" + name).st_size, len(read("Busy/d/" + name)))
finish()
PYTHON
check "a busy directory" timeout $((seconds + 60)) python3 "$work/busy.py" $seconds
same "nothing unexpected in .errors" "" "$(jq -r 'select(.errno == "EIO" or .errno == "ESTALE")' "$mnt/.errors")"
poll "no handle is left" all_closed

# Dying in the midst: all items are under one name
rm -rf "${mnt:?}"/[A-Z]*
items=20000
python3 -c "for i in range($items): print('{\"h\":\"d\",\"r\":\"%05d\"}' % i)" |
  "$DYNAMOUNT" import "$mnt" Mortal --key h,r - >/dev/null || fail "import"
begun=${EPOCHREALTIME/./}
check "renamed" mv "$mnt/Mortal/d" "$mnt/Mortal/e"
lasts=$((${EPOCHREALTIME/./} - begun))
old=0 new=0
for ((round = 0; round < rounds; round++)); do
  from=$(ls "$mnt/Mortal")
  to=$([ "$from" = d ] && echo e || echo d)
  (mv "$mnt/Mortal/$from" "$mnt/Mortal/$to") 2>/dev/null &
  mover=$!
  until=$((${EPOCHREALTIME/./} + RANDOM * lasts * 2 / 32768))
  while ((${EPOCHREALTIME/./} < until)); do :; done
  die
  wait $mover 2>/dev/null
  start
  now=$(ls "$mnt/Mortal")
  case $now in
    "$from") old=$((old + 1)) ;;
    "$to") new=$((new + 1)) ;;
    *) fail "after kill -9: $now" ;;
  esac
  same "all of them" "$items $now" "$(jq -r .h "$mnt/Mortal/.items.jsonl" | uniq -c | xargs)"
  same "each once" "$items" "$(ls "$mnt/Mortal/$now" | sort -u | wc -l)"
done
echo "killed $rounds times: $old old, $new new"
stop
same "check is silent" "" "$("$DYNAMOUNT" check "$store" 2>&1)"
finish
