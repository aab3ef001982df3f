# Open files while their names change: pending names, unlinked and renamed ones, several handles on one item.
. "$TESTS/lib.sh" || exit 1

start
t=$mnt/Users
mkdir "$t"
printf '{"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}]}' \
  >"$t/.table.json"
check "handles" python3 - "$t" <<'PYTHON'
import errno, json, os, sys, time
t = sys.argv[1] + "/"

def read(name):
    with open(t + name, "rb") as f:
        return json.loads(f.read())

def gone(name):
    try:
        os.stat(t + name)
    except FileNotFoundError:
        return name not in os.listdir(t)
    return False

def until(condition):
    end = time.time() + 10
    while not condition():
        assert time.time() < end, "never came true"
        time.sleep(0.01)

# a pending name has the size of what its creator has written, to him
fd = os.open(t + "pending.json", os.O_CREAT | os.O_WRONLY, 0o644)
assert os.stat(t + "pending.json").st_size == 0
os.write(fd, b'{"a": ')
assert os.stat(t + "pending.json").st_size == 6
os.write(fd, b'1}')
assert os.stat(t + "pending.json").st_size == len(open(t + "pending.json").read()) > 8
assert os.fstat(fd).st_size == os.stat(t + "pending.json").st_size
os.close(fd)
assert read("pending.json") == {"id": "pending", "a": 1}

# a new name whose only document was refused is gone
fd = os.open(t + "refused.json", os.O_CREAT | os.O_WRONLY, 0o644)
try:
    os.write(fd, b'nonsense')
    sys.exit("accepted")
except OSError as error:
    assert error.errno == errno.EINVAL
assert gone("refused.json")
os.close(fd)
assert gone("refused.json")
# fsync makes an item of a pending name
fd = os.open(t + "synced.json", os.O_CREAT | os.O_WRONLY, 0o644)
os.fsync(fd)
assert read("synced.json") == {"id": "synced"}
os.write(fd, b'{"b": 2}')
os.close(fd)
assert read("synced.json") == {"id": "synced", "b": 2}
# touched while open
fd = os.open(t + "touched.json", os.O_CREAT | os.O_WRONLY, 0o644)
os.utime(fd, ns=(1, 1234567890123456789))
assert os.stat(t + "touched.json").st_mtime_ns == 1234567890123456789
assert read("touched.json") == {"id": "touched"}
os.close(fd)
assert os.stat(t + "touched.json").st_mtime_ns == 1234567890123456789
# written, then dated through the same handle, as cp -p does
fd = os.open(t + "dated.json", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
os.write(fd, b'{"x": 1}')
os.utime(fd, ns=(1, 1500000000000000001))
os.close(fd)
assert os.stat(t + "dated.json").st_mtime_ns == 1500000000000000001

# unlinked while open: readers keep it, and it does not come back
with open(t + "pending.json") as f:
    os.unlink(t + "pending.json")
    assert json.load(f) == {"id": "pending", "a": 1}
    assert gone("pending.json")
assert gone("pending.json")
# unlinked while new
fd = os.open(t + "shortlived.json", os.O_CREAT | os.O_WRONLY, 0o644)
os.unlink(t + "shortlived.json")
os.close(fd)
time.sleep(0.1)
assert gone("shortlived.json")

# two handles: each put is whole, the later wins
a = os.open(t + "two.json", os.O_CREAT | os.O_WRONLY, 0o644)
b = os.open(t + "two.json", os.O_WRONLY | os.O_TRUNC)
os.write(a, b'{"by": "a", "t')
os.write(b, b'{"by": "b"}')
assert read("two.json")["by"] == "b"
os.write(a, b'ext": "long"}')
assert read("two.json") == {"id": "two", "by": "a", "text": "long"}
os.close(a)
os.close(b)
assert read("two.json")["by"] == "a"

# read and write through one handle
fd = os.open(t + "two.json", os.O_RDWR)
before = os.read(fd, 1000)
assert json.loads(before)["by"] == "a"
os.ftruncate(fd, 0)
os.lseek(fd, 0, os.SEEK_SET)
os.write(fd, b'{"by": "c"}')
assert os.pread(fd, 100, 0) == b'{"by": "c"}'
os.close(fd)
assert read("two.json") == {"id": "two", "by": "c"}
# the same handle writes a second document from the start
fd = os.open(t + "two.json", os.O_WRONLY | os.O_TRUNC)
os.write(fd, b'{"n": 1}')
os.ftruncate(fd, 0)
os.lseek(fd, 0, os.SEEK_SET)
os.write(fd, b'{"n": 22}')
os.close(fd)
assert read("two.json") == {"id": "two", "n": 22}
# in place: judged at fsync and close
fd = os.open(t + "two.json", os.O_RDWR)
text = os.read(fd, 1000)
os.pwrite(fd, b"7", text.index(b"22"))
assert read("two.json")["n"] == 22
os.fsync(fd)
assert read("two.json")["n"] == 72
os.pwrite(fd, b"x", 0)
try:
    os.fsync(fd)
    sys.exit("accepted")
except OSError as error:
    assert error.errno == errno.EINVAL
os.pwrite(fd, b"{", 0)
os.close(fd)
assert read("two.json")["n"] == 72
# ftruncate to a length is in-place editing
fd = os.open(t + "two.json", os.O_WRONLY)
os.ftruncate(fd, 5)
try:
    os.close(fd)
    sys.exit("accepted")
except OSError as error:
    assert error.errno == errno.EINVAL
assert read("two.json")["n"] == 72

# a version that was overtaken while it is open: what concerns the name is answered for the name
with open(t + "two.json") as f:
    with open(t + "two.json", "w") as g:
        g.write('{"n": 72, "overtaken": true}')
    assert os.listxattr(f.fileno()) == os.listxattr(t + "two.json")
    assert os.getxattr(f.fileno(), "user.size") == os.getxattr(t + "two.json", "user.size")
    os.utime(f.fileno())
    assert "overtaken" not in json.load(f)
with open(t + "two.json", "w") as f:
    f.write('{"n": 72}')

# renamed while open for reading
with open(t + "two.json") as f:
    os.rename(t + "two.json", t + "three.json")
    assert json.load(f) == {"id": "two", "n": 72}
    assert read("three.json") == {"id": "three", "n": 72}
    assert os.stat(t + "three.json").st_size == len(open(t + "three.json").read())
assert gone("two.json")
# renamed over while open
with open(t + "three.json") as f, open(t + "tmp", "w") as g:
    g.write('{"n": 4}')
    g.flush()
    os.rename(t + "tmp", t + "three.json")
    assert json.load(f)["n"] == 72
    assert read("three.json")["n"] == 4
assert os.stat(t + "three.json").st_size == len(open(t + "three.json").read()), (os.stat(t + "three.json"), open(t + "three.json").read())
# append from two handles
a = os.open(t + "three.json", os.O_WRONLY | os.O_APPEND)
b = os.open(t + "three.json", os.O_WRONLY | os.O_APPEND)
os.write(a, b'{"a": 1}\n')
os.write(b, b'{"b": 1}\n')
os.write(a, b'{"c": 1}\n')
os.close(a)
os.close(b)
assert read("three.json") == {"id": "three", "a": 1, "b": 1, "c": 1, "n": 4}
# exclusive rename and exchange
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def renameat2(a, b, flags):
    if libc.renameat2(-100, (t + a).encode(), -100, (t + b).encode(), flags):
        return ctypes.get_errno()
    return 0
assert renameat2("three.json", "synced.json", 1) == errno.EEXIST
assert renameat2("three.json", "synced.json", 2) == 0
assert read("three.json") == {"id": "three", "b": 2}
assert read("synced.json")["n"] == 4
assert renameat2("three.json", "free.json", 1) == 0
assert read("free.json") == {"id": "free", "b": 2}
# the tree is as a new look finds it
assert sorted(os.listdir(t)) == sorted([".table.json", "synced.json", "touched.json", "dated.json", "free.json"]), os.listdir(t)
PYTHON
# a definition's size is exact after every change
for i in 1 2 3 4 5 6 7 8; do
  jq ".Tags = [{Key: \"turn\", Value: \"$(head -c $((i * 7)) /dev/zero | tr '\0' x)\"}]" "$t/.table.json" >"$work/definition"
  cat "$work/definition" >"$t/.table.json" || fail "definition $i"
  same "definition $i" "$(stat -c %s "$t/.table.json")" "$(cat "$t/.table.json" | wc -c)"
done
same "nothing unexpected in .errors" 3 "$(wc -l <"$mnt/.errors")"

# the end of the session: text edited in place and a last line are judged; a name never written may have been about to be
echo '{"n":1}' >"$t/edited.json"
exec 5>"$t/named.json" 6<>"$t/edited.json" 7>"$t/.items.jsonl" 8>"$t/unfinished.json"
printf '{"n":2}    ' >&6
printf '{"id":"line"}' >&7
printf '{"n":' >&8
kill -TERM "$daemon"
wait "$daemon" || fail "SIGTERM with open files: exit $?"
daemon=
[ ! -s "$work/stderr" ] || fail "the daemon said: $(cat "$work/stderr")"
exec 5>&- 6>&- 7>&- 8>&-
umount -l "$mnt" 2>/dev/null
start
same "a name never written" absent "$(stat "$t/named.json" 2>/dev/null || echo absent)"
same "a last line" '{"id":"line"}' "$(jq -c . "$t/line.json")"
same "an edit that is no document" 1 "$(jq .n "$t/edited.json")"
same "unfinished" absent "$(stat "$t/unfinished.json" 2>/dev/null || echo absent)"
finish
