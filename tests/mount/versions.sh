# Many processes on one item: a reader sees one whole version, writers never mix, an open file keeps its version.
. "$TESTS/lib.sh" || exit 1

start
mkdir "$mnt/Items"
printf '{"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}]}' \
  >"$mnt/Items/.table.json"
seconds=6
[ -z "${DYNAMOUNT_LONG-}" ] || seconds=60
check "whole versions" python3 - "$mnt/Items" $seconds <<'PYTHON'
import json, os, random, subprocess, sys, time

directory, seconds = sys.argv[1], float(sys.argv[2])
end = time.time() + seconds

def text(writer, n, size):
    # one letter throughout, and its length: any mixture or cut shows
    letter = chr(97 + (writer * 7 + n) % 26)
    length = random.choice([1, 30, 500, 3000] if size == "small" else [1, 5000, 140000, 390000])
    return json.dumps({"w": writer, "n": n, "length": length, "text": letter * length})

def judge(raw):
    document = json.loads(raw)
    if "text" in document:
        letters = set(document["text"])
        assert len(document["text"]) == document["length"] and len(letters) == 1, "a mixture"
        assert letters == {chr(97 + (document["w"] * 7 + document["n"]) % 26)}, "another's text"

def child(kind, path, size, writer):
    n = 0
    while time.time() < end:
        n += 1
        if kind == "write":
            with open(path, "w") as f:
                f.write(text(writer, n, size))
        elif kind == "rename":
            temporary = os.path.join(directory, "tmp%d" % os.getpid())
            with open(temporary, "w") as f:
                f.write(text(writer, n, size))
            os.rename(temporary, path)
        elif kind == "read":
            with open(path, "rb") as f:
                judge(f.read())
        elif kind == "slow":
            # opened before the next writes, read in small pieces, with a look at the size meanwhile
            with open(path, "rb", buffering=0) as f:
                expected = os.fstat(f.fileno()).st_size
                pieces = []
                while True:
                    piece = f.read(random.choice([100, 4096, 70000]))
                    if not piece:
                        break
                    pieces.append(piece)
                    time.sleep(0.001)
                raw = b"".join(pieces)
                judge(raw)
                f.seek(0)
                assert f.read(len(raw) + 1) == raw, "an open file changed"
        elif kind == "cat":
            judge(subprocess.run(["cat", path], stdout=subprocess.PIPE, check=True).stdout)
        elif kind == "stat":
            os.stat(path)

children = []
for size in ("small", "large"):
    path = os.path.join(directory, size + ".json")
    with open(path, "w") as f:
        f.write(text(0, 0, size))
    for writer, kind in enumerate(("write", "write", "rename", "read", "read", "slow", "slow", "cat", "stat")):
        pid = os.fork()
        if pid == 0:
            try:
                child(kind, path, size, writer)
            except BaseException as error:
                print("%s %s: %r" % (kind, size, error), file=sys.stderr)
                os._exit(1)
            os._exit(0)
        children.append(pid)
failed = sum(os.waitpid(pid, 0)[1] != 0 for pid in children)
for size in ("small", "large"):
    path = os.path.join(directory, size + ".json")
    with open(path, "rb") as f:
        raw = f.read()
    judge(raw)
    assert os.stat(path).st_size == len(raw), "size"
sys.exit(failed > 0)
PYTHON
stop
same "check is silent" "" "$("$DYNAMOUNT" check "$store" 2>&1)"
finish
