# Memory that runs short at every point of every operation: arguments are the mount and the file of scarce.c.
# What succeeds is done, what fails has left things as they were, and the daemon goes on.
import errno, hashlib, json, mmap, os, shutil, struct, sys, time

mnt, control = sys.argv[1:3]
control = mmap.mmap(os.open(control, os.O_RDWR), 16)

def scarce(countdown, lasting=False):
    control[8:16] = struct.pack("q", lasting)
    control[0:8] = struct.pack("q", countdown)

def left():
    return struct.unpack("q", control[0:8])[0]

def at(path):
    return mnt + "/" + path

def write(path, text, flags=os.O_TRUNC | os.O_CREAT, sync=False):
    fd = os.open(at(path), os.O_WRONLY | flags, 0o644)
    try:
        os.write(fd, text.encode())
        if sync:
            os.fsync(fd)
    finally:
        os.close(fd)

def read(path):
    with open(at(path), "rb") as f:
        return f.read()

def absent(path):
    try:
        os.unlink(at(path))
    except FileNotFoundError:
        pass

def gone(path):
    # The kernel may remember for a moment that there was none.
    try:
        os.mkdir(at(path))
    except OSError:
        pass
    shutil.rmtree(at(path), ignore_errors=True)

def tree(*paths):
    """What is there: texts of files, names in directories."""
    found = {}
    for path in paths:
        if os.path.isdir(at(path)):
            found[path] = sorted(os.listdir(at(path)))
        else:
            text = read(path) if os.path.exists(at(path)) else None
            found[path] = text if not text or len(text) < 100 else hashlib.md5(text).hexdigest()
    return found

definition = json.dumps({"AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
                         "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}]})
big = json.dumps({"text": "x" * 30000, "list": list(range(200)), "map": {"a": {"b": [None, True, "c"]}}})
long_name = "Table/" + "n" * 190 + "~~"

def edit(path):
    fd = os.open(at(path), os.O_RDWR)
    try:
        text = json.loads(os.pread(fd, 1 << 20, 0))
        text["edited"] = True
        text = json.dumps(text).encode()
        os.pwrite(fd, text[10:], 10)
        os.pwrite(fd, text[:10], 0)
        os.ftruncate(fd, len(text))
        os.fsync(fd)
    finally:
        os.close(fd)

def provisional():
    gone("Bare")
    os.mkdir(at("Bare"))
    for i in range(5):
        write("Bare/%d.json" % i, "{}")

def old(path="Table/a.json"):
    write(path, '{"old": true}')

def both(first, second):
    return lambda: (first(), second())

lines = "".join('{"id":"line%d","n":%d}\n' % (i, i) for i in range(20))

def no_lines():
    # The kernel is told of new names beside the answer: until then it knows of nothing to be unlinked.
    deadline = time.monotonic() + 20
    while line_tree() and time.monotonic() < deadline:
        for i in range(20):
            absent("Table/line%d.json" % i)

def line_tree():
    return read("Table/.items.jsonl").count(b'"line')

# Name: what it begins with, the operation, what to look at then.
a, b = "Table/a.json", "Table/b.json"
look = lambda *paths: lambda: tree(*paths)
operations = {
    "create": (lambda: absent(a), lambda: write(a, big), look(a)),
    "replace": (old, lambda: write(a, big), look(a)),
    "put, durable": (old, lambda: write(a, big, sync=True), look(a)),
    "exclusive": (lambda: absent(a), lambda: write(a, '{"n":1}', os.O_CREAT | os.O_EXCL), look(a)),
    "append": (old, lambda: write(a, '{"more":[1,2,{"a":1}]}', os.O_APPEND), look(a)),
    "edit": (old, lambda: edit(a), look(a)),
    "typed": (old, lambda: write("Table/.typed/a.json", '{"n":{"N":"12"}}'), look(a, "Table/.typed/a.json")),
    "delete": (old, lambda: os.unlink(at(a)), look(a)),
    "rename": (both(old, lambda: absent(b)), lambda: os.rename(at(a), at(b)), look(a, b)),
    "rename over": (both(old, lambda: write(b, "{}")), lambda: os.rename(at(a), at(b)), look(a, b)),
    "scratch to item": (both(old, lambda: write("Table/s", big)), lambda: os.rename(at("Table/s"), at(a)),
                        look("Table/s", a)),
    "item to scratch": (both(old, lambda: absent("Table/t")), lambda: os.rename(at(a), at("Table/t")),
                        look("Table/t", a)),
    "scratch": (lambda: absent("Table/s"), lambda: write("Table/s", "text" * 5000), None),
    "scratch, shorter": (lambda: write("Table/s", "text" * 5000), lambda: os.truncate(at("Table/s"), 100),
                         look("Table/s")),
    "scratch, deleted": (lambda: write("Table/s", "text"), lambda: os.unlink(at("Table/s")), look("Table/s")),
    "times": (old, lambda: os.utime(at(a), ns=(5, 5)), lambda: os.stat(at(a)).st_mtime_ns == 5),
    "partition": (lambda: gone("Parts/new"), lambda: os.mkdir(at("Parts/new")), look("Parts/new")),
    "in a partition": (lambda: gone("Parts/p"), lambda: (os.mkdir(at("Parts/p")), write("Parts/p/1.json", big)), None),
    "the last of a partition": (lambda: (os.makedirs(at("Parts/q"), exist_ok=True), write("Parts/q/1.json", "{}")),
                                lambda: os.unlink(at("Parts/q/1.json")), look("Parts/q/1.json")),
    "table": (lambda: gone("Another"), lambda: os.mkdir(at("Another")), look("Another")),
    "no table": (both(lambda: gone("Another"), lambda: os.mkdir(at("Another"))), lambda: os.rmdir(at("Another")),
                 look("Another")),
    "define": (provisional, lambda: write("Bare/.table.json", definition),
               look("Bare", "Bare/.table.json", *("Bare/%d.json" % i for i in range(5)))),
    "lines": (no_lines, lambda: write("Table/.items.jsonl", lines), line_tree),
    # Those that read: what they say is right, or they fail.
    "read": (lambda: write(a, big), lambda: json.loads(read(a)), None),
    "list": (old, lambda: sorted(os.listdir(at("Parts"))), None),
    "stat": (old, lambda: os.stat(at(a)).st_size, None),
    "all lines": (old, lambda: read("Many/.items.jsonl"), None),
    "a segment": (old, lambda: read("Many/.scan/2/1.jsonl"), None),
    "definition": (old, lambda: read("Table/.table.json"), None),
    "xattr": (old, lambda: os.getxattr(at(a), "user.size"), None),
    "status": (old, lambda: json.loads(read(".status"))["engine"], None),
    "table's status": (old, lambda: json.loads(read("Many/.status.json"))["ItemCount"], None),
    "errors": (old, lambda: len(read(".errors")) >= 0, None),
    "absent": (lambda: absent(b), lambda: os.path.exists(at(b)), None),
}

def check(name, countdown, lasting, first, run, look, begin, done, answer):
    """Whether memory ran out in it."""
    first()
    refused = False
    scarce(countdown, lasting)
    try:
        got = run()
    except OSError as error:
        refused = True
        assert error.errno in (errno.ENOMEM, errno.EIO, errno.EAGAIN), (name, countdown, lasting, error)
        odd[error.errno] = odd.get(error.errno, 0) + 1
    used = left() <= 1 if lasting else left() == 0
    scarce(0)
    where = "%s, allocation %d%s" % (name, countdown, " and all others" if lasting else "")
    assert os.path.exists(at(".status")), where + ": the daemon is gone"
    if not refused:
        assert look or got == answer, (where, got, answer)
    if not look:
        return used
    # What was made is undone when the answer fails, but not without any memory. An edited text that fsync could not
    # put is tried again at release. A size or time may be set though the attributes that are the answer could not be
    # had. Of lines, those before the one that failed are put.
    kept = name in ("edit", "scratch, shorter", "times") or lasting and name in ("partition", "table")
    def right(state):
        if name == "lines":
            return state == 20 or refused and 0 <= state < 20
        return state == done and (not refused or kept) or state == begin and refused
    # The kernel may be wrong for a moment, when it could not be told.
    deadline = time.monotonic() + 5
    while not right(look()) and time.monotonic() < deadline:
        time.sleep(0.05)
    state = look()
    assert right(state), (where, refused, state, begin, done)
    return used

def settled(look, begin):
    """What there is once the operation is seen by whatever path."""
    deadline = time.monotonic() + 20
    state, before = look(), None
    while state == begin or state != before:
        assert time.monotonic() < deadline, "nothing was done"
        time.sleep(0.02)
        state, before = look(), state
    return state

odd = {}
counts = {}
os.mkdir(at("Table"))
write("Table/.table.json", definition)
os.mkdir(at("Parts"))
for i in range(50):
    os.mkdir(at("Parts/p%d" % i))
    write("Parts/p%d/1.json" % i, "{}")
os.mkdir(at("Many"))
write("Many/.table.json", definition)
write("Many/.items.jsonl", "".join('{"id":"%d","text":"%s"}\n' % (i, "x" * 500) for i in range(500)))
for name, (first, run, look) in operations.items():
    if len(sys.argv) > 3 and name != sys.argv[3]:
        continue
    first()
    begin = look and look()
    answer = run()
    done = settled(look, begin) if look else None
    for lasting in False, True:
        countdown = 1
        while check(name, countdown, lasting, first, run, look, begin, done, answer):
            countdown += 1 if countdown < 200 else countdown // 10
        counts[name] = countdown - 1
assert sum(counts.values()) > 500, counts
print(counts, odd)
