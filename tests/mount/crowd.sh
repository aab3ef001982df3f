# Many processes in one directory: nothing hangs, nobody is told of what concerns only the mount, a listing has what
# stays exactly once, the attributes are those of the text, and the daemon's memory stays what it was.
. "$TESTS/lib.sh" || exit 1

seconds=6
[ -z "${DYNAMOUNT_LONG-}" ] || seconds=60
start
mkdir "$mnt/Crowd"
printf '{"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}]}' \
  >"$mnt/Crowd/.table.json"
cat >"$work/crowd.py" <<'PYTHON'
import errno, json, os, random, sys, time
directory, end = sys.argv[1] + "/", time.time() + float(sys.argv[2])
stable = {"stable%d.json" % i for i in range(700)}
if not os.path.exists(directory + "stable0.json"):
    with open(directory + ".items.jsonl", "w") as f:
        f.write("".join(json.dumps({"id": name[:-5]}) + "\n" for name in stable))

def name():
    return directory + "c%d.json" % random.randrange(8)

def text():
    return json.dumps({"text": "x" * random.choice([1, 100, 5000, 200000])})

def create():
    with open(name(), random.choice("wwx")) as f:
        f.write(text())

def remove():
    os.unlink(name())

def rename():
    os.rename(name(), name())

def replace():
    temporary = directory + "tmp%d" % os.getpid()
    with open(temporary, "w") as f:
        f.write(text())
    os.rename(temporary, name())

def lines():
    # past the names: what the kernel knows of them has to be taken back
    with open(directory + ".items.jsonl", "w") as f:
        f.write("".join(json.dumps({"id": "c%d" % random.randrange(8), "text": "y" * random.randrange(900)}) + "\n" for _ in range(5)))

def read():
    with open(name()) as f:
        assert len(json.load(f)) > 0

def attributes():
    path = name()
    os.stat(path)
    os.utime(path)
    os.listxattr(path)
    with open(path) as f:
        os.listxattr(f.fileno())
        os.fstat(f.fileno())

def listing():
    if random.random() < 0.5:
        names = os.listdir(directory)
    else:
        names = [entry.name for entry in os.scandir(directory) if entry.stat(follow_symlinks=False)]
    got = [entry for entry in names if entry in stable]
    assert len(got) == len(stable) and set(got) == stable, "a listing has %d of %d" % (len(got), len(stable))

def work(kind):
    n = 0
    while time.time() < end:
        try:
            kind()
            n += 1
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.EEXIST):
                raise
    assert n > 0, "did nothing"

children = []
for kind in (create, create, remove, rename, replace, lines, read, read, attributes, listing, listing):
    pid = os.fork()
    if pid == 0:
        try:
            work(kind)
        except BaseException as error:
            print("%s: %r" % (kind.__name__, error), file=sys.stderr)
            os._exit(1)
        os._exit(0)
    children.append(pid)
failed = sum(os.waitpid(pid, 0)[1] != 0 for pid in children)

def whole(path, flags):
    fd, pieces = os.open(path, os.O_RDONLY | flags), []
    while not pieces or pieces[-1]:
        pieces.append(os.read(fd, 1 << 20))
    os.close(fd)
    return b"".join(pieces)

# Who reads gets all of it, whatever the kernel knows; stat may know what was there a moment longer.
for i in range(8):
    path, until = directory + "c%d.json" % i, time.time() + 20
    try:
        text = whole(path, os.O_DIRECT)
        assert whole(path, 0) == text, "the text of " + path
        while os.stat(path).st_size != len(text):
            assert time.time() < until, "the size of " + path
            time.sleep(0.01)
    except FileNotFoundError:
        assert os.path.basename(path) not in os.listdir(directory)
sys.exit(failed > 0)
PYTHON
memory() { awk '/^RssAnon/ {print $2}' "/proc/$daemon/status"; }
check "a crowd" timeout $((seconds + 30)) python3 "$work/crowd.py" "$mnt/Crowd" 2
before=$(memory)
check "a crowd" timeout $((seconds + 60)) python3 "$work/crowd.py" "$mnt/Crowd" $seconds
after=$(memory)
echo "RssAnon: $before KiB, then $after KiB"
# sanitizers keep what is freed
[ "${SANITIZED-none}" != none ] || [ "$after" -le $((before + 20000)) ] || fail "memory grew from $before to $after KiB"
same "nothing unexpected in .errors" "" "$(jq -r 'select(.errno == "EIO" or .errno == "ESTALE")' "$mnt/.errors")"
poll "no handle is left" all_closed
finish
