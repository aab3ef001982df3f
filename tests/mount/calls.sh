# Single calls and all that they may answer: appending, lines, sizes at the limit, renames of every kind, attributes.
. "$TESTS/lib.sh" || exit 1

export mnt PYTHONPATH=$TESTS PYTHONDONTWRITEBYTECODE=1
start
check "appending, lines, limits" python3 - <<'PYTHON'
from calls import *
table("Users")
table("Pairs", "p:S", "s:N")
os.mkdir(mnt + "Pairs/d")
f = "Users/f.json"
same("an item", "ok", write(f, '{"a":1}'))
same("several objects in a write, one over two", "ok", append(f, '{"b":1}{"c":2} {"d"', ':3}\n', '\n{"e":{"$ss":["x"]}}'))
same("are updates", '{"id":"f","a":1,"b":1,"c":2,"d":3,"e":{"$ss":["x"]}}', document(f))
same("a bad one among them", "write 1 EINVAL", append(f, '{"f":1} {"g":bad} {"h":1}'))
same("those before it are made", '{"id":"f","a":1,"b":1,"c":2,"d":3,"e":{"$ss":["x"]},"f":1}', document(f))
same("O_APPEND with O_TRUNC is a put", "ok", write(f, '{"only"', ':1}', flags=os.O_APPEND | os.O_TRUNC | os.O_WRONLY))
same("put", '{"id":"f","only":1}', document(f))
fd = os.open(mnt + f, os.O_RDWR | os.O_APPEND)
same("read", b'{\n  "id": "f",\n  "only": 1\n}\n', os.read(fd, 100))
os.pwrite(fd, b'{"n":1}', 3)
same("offsets do not matter; reads show the update", (b'{\n  "id": "f",\n  "n": 1,\n  "only": 1\n}\n', 39), (os.pread(fd, 100, 0), os.fstat(fd).st_size))
os.ftruncate(fd, 0)
os.write(fd, b'{"new":1}')
os.close(fd)
same("truncated by the handle, then written: a put", '{"id":"f","new":1}', document(f))
same("typed", ("ok", '{"id":"f","new":1,"t":{"$ss":["a","b"]},"u":1}'),
     (append("Users/.typed/f.json", '{"t":{"SS":["b","a"]}}\n{"u":{"N":"1.0"}}'), document(f)))
same("typed, plain text", ("write 1 EINVAL", "SerializationException"), (append("Users/.typed/f.json", '{"t":1}'), last("type")))
same("typed, new", ("ok", '{"id":"g","n":null}'), (append("Users/.typed/g.json", '{"n":{"NULL":true}}'), document("Users/g.json")))
same("an empty object", ("ok", '{"id":"h"}', "ok"), (append("Users/h.json", "{}"), document("Users/h.json"), call(os.unlink, "Users/h.json")))
same("an equal key in another spelling", ("ok", "ok", '{"p":"d","s":1,"v":1,"w":1}'),
     (write("Pairs/d/1.json", '{"s":1.0,"v":1}'), append("Pairs/d/1.json", '{"s":10e-1,"w":1}'), document("Pairs/d/1.json")))
same("sets", '{"id":"f","b":{"$bs":["","AA==","//8="]},"n":{"$ns":[-10,-1,1.5,2,10,100]},"s":{"$ss":["","B","a","b","é"]}}',
     (write(f, '{"s":{"$ss":["é","b","a","B",""]},"n":{"$ns":[10,-1,2,-10,1.5,1E2]},"b":{"$bs":["//8=","","AA=="]}}'), document(f))[1])

# 32 levels, both renderings
for levels, expected in ((31, "ok"), (32, "write 1 EINVAL")):
    for begin, end in (('{"a":', "}"), ("[", "]")):
        same("%d times %s" % (levels, begin), expected, write(f, '{"k":' + begin * levels + "1" + end * levels + "}"))
    same("%d times typed" % levels, expected, write("Users/.typed/f.json", '{"k":' + '{"L":[' * levels + '{"N":"1"}' + "]}" * levels + "}"))
same("why", True, last("message").startswith("Nesting Levels have exceeded supported limits"))

# the place of what is too much, in the same write and in a later one
for pieces, place in ((('{"a":1}x',), "line 1, column 8"), (('{\n"a":1}', "\n  \n y"), "line 4, column 2")):
    same("trailing text", ("write %d EINVAL" % len(pieces), "Unexpected text after the document at " + place), (write(f, *pieces), last("message")))

# 409,600 bytes: put, update, rename
room = 409600 - len("id") - len("v")
big = lambda name, more: '{"v":"%s"}' % ("x" * (room - len(name) + more))
same("a put", ("ok", "write 1 EFBIG"), (write("Users/b.json", big("b", 0)), write("Users/b.json", big("b", 1))))
same("an update", ("write 1 EFBIG", "Item size to update has exceeded the maximum allowed size"),
     (append("Users/b.json", '{"w":true}'), last("message")))
same("a longer key", ("EFBIG", "Item size has exceeded the maximum allowed size"), (rename("Users/b.json", "Users/bb.json"), last("message")))
same("a key as long", "ok", rename("Users/b.json", "Users/c.json"))
same("a scratch file too large", ("ok", "EFBIG"), (write("Users/tmp", big("c", 1)), rename("Users/tmp", "Users/c.json")))
same("it stays, and so does the item", (True, "409600"), ("tmp" in names("Users"), os.getxattr(mnt + "Users/c.json", "user.size").decode()))
os.unlink(mnt + "Users/tmp")

# lines
lines = "Users/.items.jsonl"
same("blank ones and CRLF", ("ok", '{"id":"l1"}', '{"id":"l2"}'),
     (write(lines, '\n\r\n{"id":"l1"}\r\n   \n\t\n{"id":"l2"}\n\n'), document("Users/l1.json"), document("Users/l2.json")))
same("the last of one key counts", ("ok", '{"id":"l1","v":3}'),
     (write(lines, "".join('{"id":"l1","v":%d}\n' % i for i in (1, 2, 3))), document("Users/l1.json")))
same("numbered over writes and blanks", ("write 2 EINVAL", True, '{"id":"l4"}', "ENOENT"),
     (write(lines, '{"id":"l3"}\n{"id":"l', '4"}\n\n{"x":1}\n{"id":"l5"}\n'), last("message").startswith("line 4: "), document("Users/l4.json"), read("Users/l5.json")))
same("unfinished", ("close EINVAL", True, '{"id":"l6"}'), (write(lines, '{"id":"l6"}\n{"id":'), last("message").startswith("line 2: "), document("Users/l6.json")))
same("two on a line", ("write 1 EINVAL", "ENOENT"), (write(lines, '{"id":"l7"} {"id":"l8"}\n'), read("Users/l7.json")))
long = ('{"id":"long","a":[' + ",".join(["1" + "0" * 125] * 40000) + "]}\n").encode()
same("of five megabytes, in pieces", "ok", write(lines, *(long[i:i + 100000] for i in range(0, len(long), 100000))))
same("is there", 40000, len(json.loads(read("Users/long.json"))["a"]))
same("too large a one", ("write 1 EFBIG", True, '{"id":"l9"}'),
     (write(lines, '{"id":"l9"}\n{"id":"q","v":"%s"}\n' % ("x" * 409600)), last("message").startswith("line 2: "), document("Users/l9.json")))
same("typed", ("ok", '{"id":"l10","v":{"$ns":[1,3]}}'),
     (write("Users/.typed/.items.jsonl", '{"id":{"S":"l10"},"v":{"NS":["3","1"]}}'), document("Users/l10.json")))
same("plain ones there", "write 1 EINVAL", write("Users/.typed/.items.jsonl", '{"id":"l11"}\n'))
same("a key of another type", ("write 1 EINVAL", True), (write("Pairs/.items.jsonl", '{"p":"d","s":"1"}\n'), "Type mismatch for key s" in last("message")))
finish()
PYTHON

check "renames and directories" python3 - <<'PYTHON'
from calls import *
for name in ("One", "Two"):
    table(name, "p:S", "s:S")
    os.mkdir(mnt + name + "/a")
os.mkdir(mnt + "One/b")
table("Flat")
def files():
    for path in ("One/a/1.json", "One/b/2.json", "Two/a/3.json", "Flat/x.json", "Flat/y.json"):
        write(path, '{"from":"%s"}' % path)
    for path in ("One/note", "Flat/note", ".note"):
        write(path, '{"scratch":1}')
    write("Flat/bad", "x")
for old, new, expected in (
    ("One/a/1.json", "Two/a/1.json", "EXDEV"), ("One/a/1.json", "Flat/1.json", "EXDEV"), ("One/a/1.json", ".kept", "EXDEV"),
    ("One/.typed/a/1.json", "One/a/9.json", "EXDEV"), ("One/a/1.json", "1.json", "EINVAL"), ("One/a/1.json", "One/1.json", "EINVAL"),
    ("Flat/x.json", "Flat/x~y.json", "EINVAL"), ("Flat/x.json", "One", "EISDIR"), ("Flat/nothing.json", "Flat/x.json", "ENOENT"),
    ("One/a", "One/b", "ENOTEMPTY"), ("One/a", "Two/c", "EPERM"), ("One/a", "One/c", "ok"), ("One/c", "One/a", "ok"), ("One/.typed", "One/t", "EPERM"),
    ("Flat/bad", "Flat/x.json", "EBADMSG"), ("Flat/bad", "Flat/new.json", "EBADMSG"), ("Flat/bad", "Flat/x~y.json", "EBADMSG"), ("Flat/bad", "plain", "EBADMSG"),
    ("Flat/x.json", "Flat/x.json", "ok"), ("One/a/1.json", "One/a/9.json", "ok"), ("One/a/1.json", "One/b/9.json", "ok"),
    ("One/a/1.json", "One/note", "ok"), ("One/.typed/a/1.json", "One/.typed/a/kept", "ok"),
    ("One/note", "One/a/1.json", "ok"), ("Flat/note", "One/note", "ok"), (".note", "Flat/x.json", "ok"), ("Flat/note", "One/a/5.json", "ok"),
):
    files()
    same("%s to %s" % (old, new), expected, rename(old, new))
same("a text kept is the rendering's", {"S": "One/a/1.json"}, json.loads(read("One/.typed/a/kept"))["from"])
files()
for old, new, flags, expected in (
    ("Flat/x.json", "Flat/y.json", NOREPLACE, "EEXIST"), ("Flat/x.json", "Flat/x.json", NOREPLACE, "EEXIST"), ("Flat/note", "Flat/x.json", NOREPLACE, "EEXIST"),
    ("Flat/note", "Flat/bad", NOREPLACE, "EEXIST"), ("Flat/x.json", "Flat/note", NOREPLACE, "EEXIST"), ("Flat/x.json", "Flat/nothing.json", EXCHANGE, "ENOENT"),
    ("Flat/x.json", "Flat/note", EXCHANGE, "EINVAL"), ("Flat/note", "Flat/bad", EXCHANGE, "EINVAL"), ("One/a", "One/b", EXCHANGE, "EINVAL"),
    ("One/a/1.json", "Two/a/3.json", EXCHANGE, "EXDEV"), ("Flat/x.json", "Flat/z.json", NOREPLACE | EXCHANGE, "EINVAL"), ("Flat/x.json", "Flat/z.json", 4, "EINVAL"),
    ("Flat/x.json", "Flat/z.json", NOREPLACE, "ok"), ("Flat/note", "Flat/x.json", NOREPLACE, "ok"), ("One/a/1.json", "One/b/2.json", EXCHANGE, "ok"),
):
    same("%s to %s, flags %d" % (old, new, flags), expected, rename(old, new, flags))
same("exchanged", ('{"p":"a","s":"1","from":"One/b/2.json"}', '{"p":"b","s":"2","from":"One/a/1.json"}'), (document("One/a/1.json"), document("One/b/2.json")))

# names that look like something else
same("an item of the table's name", ("ok", "ok", '{"p":"One","s":"One"}'), (call(os.mkdir, "One/One"), write("One/One/One.json", "{}"), document("One/One/One.json")))
same("keys with a leading dot", ("ok", "ok", '{"p":".typed","s":".table","x":1}'),
     (call(os.mkdir, "One/%2Etyped"), write("One/%2Etyped/%2Etable.json", '{"x":1}'), document("One/%2Etyped/%2Etable.json")))
for name, expected in (("%2Estatus", "ok"), ("%2E..", "ok"), ("-_.", "ok"), ("x" * 255, "ok"), ("...", "ok"), ("%2e..", "EINVAL"), ("a%2Eb", "EINVAL"), (".git", "ok")):
    same("mkdir " + name, expected, call(os.mkdir, name))
same("its name", ".status", json.loads(read("%2Estatus/.status.json"))["TableName"])
for name in ("%2Estatus", "%2E..", "-_.", "x" * 255, "...", ".git"):
    same("rmdir " + name, "ok", call(os.rmdir, name))

# directories
for function, path, expected in (
    (os.mkdir, "Flat/d", "EINVAL"), (os.mkdir, "Flat/.git", "ok"), (os.mkdir, "One/a/d", "EINVAL"), (os.mkdir, "One/a", "EEXIST"), (os.mkdir, "One", "EEXIST"),
    (os.rmdir, "One", "ENOTEMPTY"), (os.rmdir, "One/a", "ENOTEMPTY"), (os.rmdir, "Flat/z.json", "ENOTDIR"), (os.rmdir, "One/nothing", "ENOENT"), (os.rmdir, "Nothing", "ENOENT"),
    (os.unlink, "One", "EISDIR"), (os.unlink, "One/a", "EISDIR")):
    same("%s %s" % (function.__name__, path), expected, call(function, path))
finish()
PYTHON
check "rm -r" rm -r "$mnt/One" "$mnt/Two" "$mnt/Flat"
same "gone" "Pairs Users" "$(ls "$mnt" | xargs)"
mkdir "$mnt/Left"
touch "$mnt/Left/.scratch"
refused "rmdir with scratch left" rmdir "$mnt/Left"
rm "$mnt/Left/.scratch"
check "rmdir" rmdir "$mnt/Left"

attributes() {
  python3 - "$@" <<'PYTHON'
from calls import *
paths = ["Users", "Users/.table.json", "Users/f.json", "Users/.typed/f.json", "Users/note", "Users/.scan", "Users/.scan/4/1.jsonl", "Pairs/d"]
seen = {path: (os.stat(mnt + path).st_ino, os.stat(mnt + path).st_mtime_ns) for path in paths}
if len(sys.argv) > 1:
    print(json.dumps(seen))
    sys.exit()
f = mnt + "Users/f.json"
inode = os.stat(f).st_ino
for what, change in (("put", lambda: write("Users/f.json", '{"v":2}')), ("append", lambda: append("Users/f.json", '{"w":2}')),
                     ("rename", lambda: rename("Users/f.json", "Users/ff.json")), ("back", lambda: rename("Users/ff.json", "Users/f.json"))):
    same(what, ("ok", True), (change(), what == "rename" or os.stat(f).st_ino == inode))
same("replaced by a scratch file", ("ok", "ok", inode), (write("Users/tmp", '{"v":3}'), rename("Users/tmp", "Users/f.json"), os.stat(f).st_ino))
os.unlink(f)
same("another item", ("ok", True), (write("Users/f.json", "{}"), os.stat(f).st_ino != inode))
same("inodes differ", len(paths), len({ino for ino, mtime in seen.values()}))
write("Users/note", "text")
for path in ("Users/f.json", "Users/note"):
    for ns in (1, -1, -1500000000, 1234567890123456789, 4102444800999999999, -2208988800 * 10**9, 9223372036 * 10**9):
        same("mtime %d of %s" % (ns, path), ("ok", ns), (call(os.utime, path, ns=(ns, ns)), os.stat(mnt + path).st_mtime_ns))
same("the epoch", ("ok", 0), (call(os.utime, "Users/f.json", ns=(0, 0)), os.stat(f).st_mtime_ns))
os.utime(f, ns=(-1500000000, -1500000000))
same("chmod, chown", ("ok", "ok", 0o100644), (call(os.chmod, "Users/f.json", 0o600), call(os.chown, "Users/f.json", 5, 6), os.stat(f).st_mode))
same("of a directory", ("ok", "ok"), (call(os.chmod, "Users", 0o700), call(os.utime, "Users")))
same("of the root", ("ok", "ok"), (call(os.chmod, "", 0o700), call(os.utime, "")))
same("one link", (1, 1), (os.stat(f).st_nlink, os.stat(mnt + "Users").st_nlink))
same("blocks", True, os.stat(f).st_blocks > 0 and os.stat(mnt + "Users/long.json").st_blocks * 512 >= os.stat(mnt + "Users/long.json").st_size)
st = os.statvfs(mnt + "Users")
same("statfs", (True, True, 255), (st.f_blocks > 0, 0 < st.f_bfree < st.f_blocks, st.f_namemax))
for path, expected in (("Users/f.json", b"3"), ("Users/.typed/f.json", b"3"), ("Users", "ENODATA"), ("Users/note", "ENODATA"), ("Users/.table.json", "ENODATA"), (".status", "ENODATA")):
    same("user.size of " + path, expected, call(os.getxattr, path, "user.size"))
same("not listed", [], call(os.listxattr, "Users/f.json"))
for name, setting, removing in (("user.size", "EACCES", "EACCES"), ("user.other", "ENOTSUP", "ENODATA"), ("trusted.x", "ENOTSUP", "ENODATA")):
    same(name, (setting, removing), (call(os.setxattr, "Users/f.json", name, b"1"), call(os.removexattr, "Users/f.json", name)))
finish()
PYTHON
}
write_note() { echo text >"$mnt/Users/note"; }
write_note
check "attributes" attributes
before=$(attributes show)
stop
start
same "inodes and times across mounts" "$before" "$(attributes show)"
stop
same "check is silent" "" "$("$DYNAMOUNT" check "$store" 2>&1)"
finish
