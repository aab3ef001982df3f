# What Python programs do with files: every mode of open, seek and truncate, maps, whole trees, temporaries that replace, locks
# between processes.
. "$TESTS/lib.sh" || exit 1

start trace="$work/trace"
export mnt work PYTHONPATH=$TESTS PYTHONDONTWRITEBYTECODE=1
check "python" python3 - <<'PYTHON'
import filecmp, fcntl, io, mmap, pathlib, shutil, subprocess, sys, tempfile
from calls import *

work = os.environ["work"]
table("Users")
os.mkdir(mnt + "Parts")
same("definition", "ok", write("Parts/.table.json", definition("p:S", "s:S")))
alice = '{\n  "id": "alice",\n  "age": 41\n}\n'
path = mnt + "Users/alice.json"


def engine():
    """The engine's writes since the last time, with those that releases make beside the answer."""
    deadline = time.monotonic() + 20
    while json.loads(read(".status"))["handles"] > 1 and time.monotonic() < deadline:
        time.sleep(0.001)
    with open(work + "/trace", "r+") as trace:
        said = [json.loads(line) for line in trace]
        trace.truncate(0)
    names = ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "MoveItem", "ScratchCreate", "ScratchRename")
    return [line["operation"] for line in said if line["operation"] in names and line["result"] == "ok"]


def does(what, expected, writes, run, *rest):
    """What it answers (an errno's name if it fails) and what it makes of the engine."""
    engine()
    try:
        got = run(*rest)
    except OSError as error:
        got = errno.errorcode[error.errno]
    same(what, expected, got)
    same(what + ": writes", writes, engine())


def put_alice():
    with open(path, "w") as f:
        f.write(alice)


# ---- The modes of open

def mode(mode, *steps, name="alice"):
    with open(mnt + "Users/%s.json" % name, mode, **({"buffering": 0} if "b" in mode else {})) as f:
        said = None
        for step in steps:
            said = step(f)
        return said


does("w", len(alice), ["PutItem"], mode, "w", lambda f: f.write(alice))
does("r", alice, [], mode, "r", lambda f: f.read())
does("rb, from behind", b"41\n}\n", [], mode, "rb", lambda f: f.seek(-5, 2), lambda f: f.read())
does("r: writing", "not writable", [], lambda: "not writable" if not open(path).writable() else "")
does("x on an item", "EEXIST", [], mode, "x")
os.unlink(path)
does("x on a new name", 7, ["PutItem"], mode, "x", lambda f: f.write('{"a":1}'))
put_alice()
does("a", 12, ["UpdateItem"], mode, "a", lambda f: f.write('{"city":"B"}'))
same("a: sets", '{"id":"alice","age":41,"city":"B"}', document("Users/alice.json"))
does("a+ reads, too", (alice[:-3] + ',\n  "city": "B"\n}\n', 11), ["UpdateItem"], mode, "a+", lambda f: f.seek(0),
     lambda f: (f.read(), f.write('{"city":2}\n')))
put_alice()
does("r+, the same length", 2, ["PutItem"], mode, "r+b", lambda f: f.seek(alice.index("41")), lambda f: f.write(b"42"))
same("r+: put", '{"id":"alice","age":42}', document("Users/alice.json"))
does("r+, shorter", None, ["PutItem"], mode, "r+", lambda f: f.write('{"age": 5}'), lambda f: f.truncate() and None)
same("r+: truncated", '{"id":"alice","age":5}', document("Users/alice.json"))
does("r+, longer: read, seek, write, truncate", None, ["PutItem"], mode, "r+", lambda f: f.read(), lambda f: f.seek(0),
     lambda f: f.write('{"age": 6, "more": "%s"}' % ("x" * 9000)), lambda f: f.truncate() and None)
same("r+: longer", 6, json.loads(read("Users/alice.json"))["age"])
does("r+, read only", 6, [], mode, "r+", lambda f: json.load(f)["age"])
does("w+", {"age": 7}, ["PutItem"], mode, "w+", lambda f: f.write('{"age": 7}'), lambda f: f.seek(0), json.load)
does("w, nothing", None, [], mode, "w", lambda f: None)
same("w, nothing: changes nothing", '{"id":"alice","age":7}', document("Users/alice.json"))
does("w in pieces", None, ["PutItem"], mode, "wb", lambda f: [f.write(b) for b in (b'{"a', b'ge":', b" 8", b"}", b"\n")] and None)
does("json.dump(indent)", None, ["PutItem"], mode, "w", lambda f: json.dump({"id": "alice", "age": 41}, f, indent=2))
same("json.dump", alice, read("Users/alice.json"))

# refusals: every mode tells, and the item stands
stat = os.stat(path)
for how, said in (("w", "EINVAL"), ("r+", "EINVAL"), ("w+", "EINVAL"), ("a", "EINVAL"), ("a+", "EINVAL")):
    for text in ('{"age": 1e126}', "garbage", '{"id": "bob"}', '{"age": '):
        does("%s of %s" % (how, text), said, [], mode, how, lambda f: f.write(text), lambda f: how == "r+" and f.truncate())
        same("%s of %s: the item" % (how, text), alice, read("Users/alice.json"))
same("the refused have not touched it", (stat.st_mtime_ns, stat.st_ino, stat.st_size),
     (os.stat(path).st_mtime_ns, os.stat(path).st_ino, os.stat(path).st_size))
for text in ("[]", '{"a": 1e126}', '{"a": '):
    does("x of " + text, "EINVAL", [], lambda: mode("x", lambda f: f.write(text), name="new"))
    same("x of %s: no such item" % text, "ENOENT", read("Users/new.json"))

# truncation of descriptors, sparse writes, pread and pwrite
def truncated():
    fd = os.open(path, os.O_RDWR)
    os.ftruncate(fd, 0)
    os.pwrite(fd, b"}", 9)
    os.pwrite(fd, b'{"age": 9', 0)
    said = os.pread(fd, 99, 0)
    os.close(fd)
    return said
does("ftruncate and pwrite backwards", b'{"age": 9}', ["PutItem"], truncated)
same("ftruncate", '{"id":"alice","age":9}', document("Users/alice.json"))
def extended():
    fd = os.open(path, os.O_RDWR)
    os.ftruncate(fd, 100)
    os.close(fd)
does("zeros behind the document", "EINVAL", [], extended)
same("it stands", '{"id":"alice","age":9}', document("Users/alice.json"))
does("os.truncate", None, [], os.truncate, path, 0)

# ---- Maps

def mapped(access, change=None, sync=False):
    put_alice()
    with open(path, "r+b" if access != mmap.ACCESS_READ else "rb") as f:
        with mmap.mmap(f.fileno(), 0, access=access) as m:
            if change:
                at = m.find(b"41")
                m[at:at + 2] = change
            if sync:
                m.flush()
            return bytes(m)
same("a map is read", alice.encode(), mapped(mmap.ACCESS_READ))
same("a private map", alice.replace("41", "77").encode(), mapped(mmap.ACCESS_COPY, b"77"))
same("it stays private", alice, read("Users/alice.json"))
for sync in (False, True):
    same("a shared map", alice.replace("41", "55").encode(), mapped(mmap.ACCESS_WRITE, b"55", sync))
    same("is put", alice.replace("41", "55"), read("Users/alice.json"))
try:
    mapped(mmap.ACCESS_WRITE, b"x,", True)
    same("a refused map", "refused", "accepted")
except OSError as error:
    same("msync refuses", errno.EINVAL, error.errno)
same("it stands", alice, read("Users/alice.json"))

# ---- Trees

for p in ("a", "b c", "ü"):
    os.mkdir(mnt + "Parts/" + p)
    for s in ("1", "2", "x%2Fy"):
        same("item", "ok", write("Parts/%s/%s.json" % (p, s), '{"p2": "%s", "n": [1, 2]}' % p))
        os.utime(mnt + "Parts/%s/%s.json" % (p, s), ns=(0, 1234567890123456789))


def tree(top):
    found = []
    for base, _, files in os.walk(top):
        found += [(os.path.relpath(os.path.join(base, f), top), open(os.path.join(base, f)).read(),
                   os.stat(os.path.join(base, f)).st_mtime_ns) for f in files]
    return sorted(found)


shutil.copytree(mnt + "Parts", work + "/copy")
same("copytree out", tree(mnt + "Parts"), tree(work + "/copy"))
does("copytree in", mnt + "Copied", ["PutItem"] * 9, shutil.copytree, work + "/copy", mnt + "Copied")
same("copytree in", tree(work + "/copy"), tree(mnt + "Copied"))
does("copytree over it", mnt + "Copied", ["PutItem"] * 9, lambda: shutil.copytree(work + "/copy", mnt + "Copied", dirs_exist_ok=True))
compared = filecmp.dircmp(mnt + "Parts", mnt + "Copied")
same("dircmp", ([], [], []), (compared.left_only, compared.right_only, compared.diff_files))
with open(work + "/alice.json", "w") as f:
    f.write(alice)
os.utime(work + "/alice.json", ns=(0, 987654321987654321))
does("copy2", path, ["PutItem"], shutil.copy2, work + "/alice.json", path)
same("copy2: time", 987654321987654321, os.stat(path).st_mtime_ns)
does("copyfile", path, ["PutItem"], shutil.copyfile, work + "/alice.json", path)
does("move within a table", mnt + "Copied/a/9.json", ["MoveItem"], shutil.move, mnt + "Copied/a/1.json", mnt + "Copied/a/9.json")
does("move between tables", mnt + "Parts/a/9.json", ["PutItem", "DeleteItem"], shutil.move, mnt + "Copied/a/9.json", mnt + "Parts/a/9.json")
does("move out", work + "/9.json", ["DeleteItem"], shutil.move, mnt + "Parts/a/9.json", work + "/9.json")
does("move in", mnt + "Copied/a/9.json", ["PutItem"], shutil.move, work + "/9.json", mnt + "Copied/a/9.json")
same("moved", '{"p":"a","s":"9","n":[1,2],"p2":"a"}', document("Copied/a/9.json"))
with open(work + "/bad.json", "w") as f:
    f.write('{"age": 1e126}')
does("copy2 of a refused one", "EINVAL", [], shutil.copy2, work + "/bad.json", path)
same("it stands", alice, read("Users/alice.json"))
does("move of a refused one", "EINVAL", [], shutil.move, work + "/bad.json", path)
same("the source stands, too", True, os.path.exists(work + "/bad.json"))
shutil.copy(work + "/bad.json", work + "/copy/a/2.json")
shutil.rmtree(mnt + "Copied")
same("rmtree", False, os.path.exists(mnt + "Copied"))
try:
    shutil.copytree(work + "/copy", mnt + "Copied")
    same("copytree with a refused one", "shutil.Error", "ok")
except shutil.Error as error:
    same("copytree names it", [mnt + "Copied/a/2.json"], [line[1] for line in error.args[0]])
same("the others are there", 8, len([name for name, _, _ in tree(mnt + "Copied") if not name.endswith(".table.json")]))
does("rmtree", None, ["DeleteItem"] * 8, shutil.rmtree, mnt + "Copied")

# ---- Temporaries

def replaced(text, suffix):
    fd, name = tempfile.mkstemp(dir=mnt + "Users", prefix=".alice", suffix=suffix)
    try:
        with os.fdopen(fd, "w") as f:
            f.write(text)
            f.flush()
            os.fsync(f.fileno())
        os.replace(name, path)
    except OSError:
        os.unlink(name)
        raise
for suffix in ("", ".tmp", ".json"):
    does("mkstemp and replace", None, ["ScratchCreate", "PutItem"], replaced, '{"age": 12}', suffix)
    same("replaced", '{"id":"alice","age":12}', document("Users/alice.json"))
    does("of a refused one", "EBADMSG", ["ScratchCreate"], replaced, '{"age": 1e126}', suffix)
    same("it stands", '{"id":"alice","age":12}', document("Users/alice.json"))
with tempfile.NamedTemporaryFile("w+", dir=mnt + "Users", prefix="tmp") as f:
    f.write("not a document")
    f.flush()
    same("NamedTemporaryFile", "not a document", open(f.name).read())
same("nothing is left", [".table.json", "alice.json"], sorted(names("Users")))
# without a name: refused as by filesystems that cannot, and Python makes one that it removes at once
same("O_TMPFILE", "ENOTSUP", call(os.open, "Users", os.O_TMPFILE | os.O_RDWR, 0o600))
with tempfile.TemporaryFile("w+", dir=mnt + "Users") as f:
    f.write("gone at once")
    f.seek(0)
    same("TemporaryFile", ("gone at once", [".table.json", "alice.json"]), (f.read(), sorted(names("Users"))))

# ---- pathlib and scandir

users = pathlib.Path(mnt + "Users")
bob = users / "bob.json"
does("write_text", 11, ["PutItem"], bob.write_text, '{"age": 42}')
does("read_text", 42, [], lambda: json.loads(bob.read_text())["age"])
does("write_text of a refused one", "EINVAL", [], bob.write_text, '{"age": 1e126}')
does("touch", None, ["PutItem"], (users / "carol.json").touch)
does("touch(exist_ok=False)", "EEXIST", [], lambda: (users / "carol.json").touch(exist_ok=False))
does("rename", users / "dora.json", ["MoveItem"], (users / "carol.json").rename, users / "dora.json")
same("glob", ["alice.json", "bob.json", "dora.json"], sorted(f.name for f in users.glob("*.json") if f.name[0] != "."))
same("rglob", 9, len([f for f in pathlib.Path(mnt + "Parts").rglob("*.json") if f.name[0] != "."]))
does("unlink", None, ["DeleteItem"], (users / "dora.json").unlink)
does("unlink(missing_ok)", None, [], lambda: (users / "dora.json").unlink(missing_ok=True))
does("symlink_to", "EPERM", [], (users / "link").symlink_to, "alice.json")
does("link", "EPERM", [], lambda: os.link(path, mnt + "Users/link.json"))
with os.scandir(mnt + "Users") as entries:
    same("scandir", [(".table.json", True, False), ("alice.json", True, False), ("bob.json", True, False)],
         sorted((e.name, e.is_file(), e.is_dir()) for e in entries))
with os.scandir(mnt + "Parts") as entries:
    for entry in entries:
        same("entries of " + entry.name, (os.stat(entry.path).st_ino, os.stat(entry.path).st_size), (entry.inode(), entry.stat().st_size))

# ---- Locks between processes: the kernel keeps them, per item

holder = """
import fcntl, os, sys
f = open(sys.argv[1], sys.argv[3])
getattr(fcntl, sys.argv[2])(f, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""
for name in ("flock", "lockf"):
    lock = getattr(fcntl, name)
    for target in (path, mnt + "Users/.lock"):
        open(target, "a").close()
        with subprocess.Popen([sys.executable, "-c", holder, target, name, "r+"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
            same("held", b"held\n", other.stdout.readline())
            with open(target, "r+") as f:
                try:
                    lock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    same("%s of %s" % (name, target), "held by the other", "taken")
                except BlockingIOError:
                    pass
                with open(mnt + "Users/bob.json", "r+") as free:
                    lock(free, fcntl.LOCK_EX | fcntl.LOCK_NB)
                other.stdin.close()
                other.wait()
                lock(f, fcntl.LOCK_EX)
                lock(f, fcntl.LOCK_UN)
same("a locked one changed nothing", '{"id":"alice","age":12}', document("Users/alice.json"))

# read, change, write under a lock, by several at once: nothing is lost
counter = """
import fcntl, json, os, sys
directory = os.path.dirname(sys.argv[1])
for i in range(50):
    with open(directory + "/.lock", "r+") as held:
        getattr(fcntl, sys.argv[2])(held, fcntl.LOCK_EX)
        with open(sys.argv[1]) as f:
            n = json.load(f)["n"]
        with open(sys.argv[1], "w") as f:
            json.dump({"n": n + 1}, f)
"""
for name in ("flock", "lockf"):
    write("Users/counter.json", '{"n": 0}')
    for worker in [subprocess.Popen([sys.executable, "-c", counter, mnt + "Users/counter.json", name]) for _ in range(4)]:
        same("worker", 0, worker.wait())
    same("counted under " + name, '{"id":"counter","n":200}', document("Users/counter.json"))
finish()
PYTHON
finish
