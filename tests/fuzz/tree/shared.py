"""Names that all processes use at once: what is there cannot be known, but it is always whole and one of what was
written. ESTALE is counted: the kernel asks once more only, and names can come and go faster."""
import json
from syscalls import EXCHANGE, NOREPLACE

NAMES = ["Simple/shared%d.json" % i for i in range(4)] + ["Parts/shared/%d.json" % i for i in range(3)]
LOST = ("ENOENT", "EEXIST")


def letter(process, count):
    return chr(97 + (process * 7 + count) % 26)


def text(w):
    """One letter throughout, and its length: any mixture or cut shows."""
    count, length = w.rng.randrange(100000), w.rng.choice([1, 30, 500, 3000, 5000, 140000])
    document = {"w": w.process, "n": count, "length": length, "text": letter(w.process, count) * length}
    return json.dumps(document, indent=w.rng.choice([None, 3])).encode()


def judge(w, path, raw):
    try:
        document = json.loads(raw)
    except ValueError:
        w.expect("a whole document", raw, path)
    if not {"w", "n", "length", "text"} & set(document):
        # a name that was open for its first document when another opened it, or that had only updates
        if set(document) <= {"id", "customer", "date", "updated"}:
            return
    wanted = letter(document.get("w", 0), document.get("n", 0)) * document.get("length", 0)
    w.expect(wanted, document.get("text"), "the text of " + path)


def settled(w, got, *allowed):
    """Whether the call did what it should; else it lost against others."""
    errno = got.split()[-1] if isinstance(got, str) else None
    if errno == "ESTALE":
        w.stale += 1
        return False
    if isinstance(got, str) and got != "ok":
        w.expect_one((*LOST, *allowed), errno, "a shared name")
        return False
    return True


def write(w):
    flags = w.rng.choice(["WRONLY|CREAT|TRUNC", "WRONLY|CREAT|TRUNC", "WRONLY|TRUNC", "WRONLY|CREAT|EXCL"])
    settled(w, w.calls.write_file(w.rng.choice(NAMES), flags, text(w)))
    yield


def append(w):
    flags = w.rng.choice(["WRONLY|APPEND", "WRONLY|APPEND|CREAT"])
    path, line = w.rng.choice(NAMES), b'{"updated": %d}\n' % w.rng.randrange(1000)
    settled(w, w.calls.write_file(path, flags, line))
    yield


def lines(w):
    document = json.loads(text(w))
    document["id"] = "shared%d" % w.rng.randrange(4)
    settled(w, w.calls.write_file("Simple/.items.jsonl", "WRONLY", json.dumps(document).encode() + b"\n"))
    yield


def read(w):
    path = w.rng.choice(NAMES)
    got = w.calls.read(path)
    if settled(w, got):
        judge(w, path, got)
    yield


def read_slowly(w):
    path, number = w.rng.choice(NAMES), w.number()
    sizes = [w.rng.choice([100, 4096, 70000]) for _ in range(4)]
    if not settled(w, w.calls.open(number, path, "RDONLY")):
        return
    w.calls.fstat_size(number)
    raw = b""
    for size in sizes:
        yield
        got = w.calls.pread(number, size, len(raw))
        if got == "ENOENT" and not raw:
            # it was renamed between its lookup and its opening, to a scratch file's name that is gone by now
            w.expect("ok", w.calls.close(number))
            return
        if isinstance(got, str):
            w.expect("", got, "reading " + path)
        raw += got
    raw += w.calls.seek_read(number, len(raw), 1 << 17)
    judge(w, path, raw)
    yield
    w.expect(raw, w.calls.seek_read(number, 0, 8192), "an open file, once more")
    w.expect("ok", w.calls.close(number))


def stat(w):
    path, ns = w.rng.choice(NAMES), w.rng.randrange(2 * 10**18)
    kind = w.rng.randrange(3)
    if kind == 0:
        settled(w, w.calls.utimens(path, ns))
    elif kind == 1:
        # a file that became a scratch file on the way has none
        settled(w, w.calls.getxattr(path, "user.size"), "ENODATA")
    else:
        settled(w, w.calls.stat(path))
    yield


def unlink(w):
    settled(w, w.calls.unlink(w.rng.choice(NAMES)))
    yield


def rename(w):
    table = w.rng.choice([NAMES[:4], NAMES[4:]])
    old, new, flags = w.rng.choice(table), w.rng.choice(table), w.rng.choice([0, 0, NOREPLACE, EXCHANGE])
    settled(w, w.calls.rename(old, new, flags))
    yield


def replace(w):
    path, document, back = w.rng.choice(NAMES), text(w), w.chance(0.3)
    temporary = path.rpartition("/")[0] + "/.shared.%d.%d" % (w.process, w.number())
    w.expect("ok", w.calls.write_file(temporary, "WRONLY|CREAT|EXCL", document))
    yield
    if settled(w, w.calls.rename(temporary, path)):
        if back and settled(w, w.calls.rename(path, temporary + "~")):
            # who opened the name when it was renamed, to update the item or to write it anew, has done that to a scratch
            # file, or has truncated it for that
            kept = w.calls.read(temporary + "~").split(b'\n{"updated"')[0]
            if kept:
                judge(w, path, kept)
            w.expect("ok", w.calls.unlink(temporary + "~"))
    else:
        w.expect("ok", w.calls.unlink(temporary))


OPERATIONS = [
    (6, write), (3, append), (1, lines), (6, read), (3, read_slowly), (3, stat), (2, unlink), (3, rename), (3, replace),
]
