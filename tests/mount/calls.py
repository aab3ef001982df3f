"""System calls on the mount at $mnt and what they answer: "ok", an errno's name, or what was read. For the scripts here."""
import ctypes, errno, json, os, sys, time

mnt = os.environ["mnt"] + "/"
work = os.environ.get("work")
libc = ctypes.CDLL(None, use_errno=True)
NOREPLACE, EXCHANGE = 1, 2
failures = 0


def same(what, expected, got):
    global failures
    if expected != got:
        print("%s: expected %r, got %r" % (what, expected, got), file=sys.stderr)
        failures += 1


def finish():
    sys.exit(failures > 0)


def call(function, path, *rest, **named):
    try:
        result = function(mnt + path, *rest, **named)
        return "ok" if result is None else result
    except OSError as error:
        return errno.errorcode[error.errno]


def did(function, *arguments):
    """The same of a call that takes no path."""
    try:
        result = function(*arguments)
        return "ok" if result is None else result
    except OSError as error:
        return errno.errorcode[error.errno]


def closed(fd):
    return did(os.close, fd)


def fails(result):
    """Of a call of the C library."""
    return "ok" if result >= 0 else errno.errorcode[ctypes.get_errno()].replace("ENOTSUP", "EOPNOTSUPP")


def rename(old, new, flags=0):
    if libc.renameat2(-100, os.fsencode(mnt + old), -100, os.fsencode(mnt + new), flags):
        return errno.errorcode[ctypes.get_errno()]
    return "ok"


def write(path, *pieces, flags=os.O_CREAT | os.O_TRUNC | os.O_WRONLY):
    """The first error of open, the writes and close, as in "write 2 EINVAL"; each piece is one write."""
    try:
        fd = os.open(mnt + path, flags, 0o644)
    except OSError as error:
        return "open " + errno.errorcode[error.errno]
    said = "ok"
    for number, piece in enumerate(pieces):
        try:
            os.write(fd, piece if isinstance(piece, bytes) else piece.encode())
        except OSError as error:
            said = "write %d %s" % (number + 1, errno.errorcode[error.errno])
            break
    try:
        os.close(fd)
    except OSError as error:
        said = "close " + errno.errorcode[error.errno] if said == "ok" else said
    return said


def append(path, *pieces):
    return write(path, *pieces, flags=os.O_CREAT | os.O_APPEND | os.O_WRONLY)


def read(path):
    try:
        with open(mnt + path, "rb") as f:
            return f.read().decode()
    except OSError as error:
        return errno.errorcode[error.errno]


def document(path):
    """Compact, the members in the file's order."""
    text = read(path)
    return json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False) if text[0] == "{" else text


def names(path):
    return os.listdir(mnt + path)


def last(*members, back=1):
    """Members of the last refusal, or of one before it."""
    refusal = json.loads(read(".errors").splitlines()[-back])
    return refusal if not members else " ".join(refusal[member] for member in members)


def definition(hash_key, range_key=None, **more):
    """A definition's text, from keys such as "id:S"."""
    keys = [key.split(":") for key in (hash_key, range_key) if key]
    text = {"KeySchema": [{"AttributeName": keys[i][0], "KeyType": ("HASH", "RANGE")[i]} for i in range(len(keys))],
            "AttributeDefinitions": [{"AttributeName": name, "AttributeType": kind} for name, kind in keys]}
    return json.dumps({**text, **more})


def table(name, hash_key="id:S", range_key=None):
    os.mkdir(mnt + name)
    same("the definition of " + name, "ok", write(name + "/.table.json", definition(hash_key, range_key)))
