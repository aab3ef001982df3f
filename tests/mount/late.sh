# A reply that reaches the kernel after news that came later: the kernel must not go on with it.
. "$TESTS/lib.sh" || exit 1

[ -n "${LATE_MODULE-}" ] || exit 77
export mnt PYTHONPATH=$TESTS PYTHONDONTWRITEBYTECODE=1 LATE=$work/late
truncate -s 8 "$LATE"
LD_PRELOAD=$LATE_MODULE start
check "late replies" python3 - <<'PYTHON'
from calls import *
import mmap, struct, threading
LOOKUP, SETATTR, READDIRPLUS = 1, 4, 44
FREE, HELD, GO = range(3)
late = mmap.mmap(os.open(os.environ["LATE"], os.O_RDWR), 8)

def soon(what, wanted, get):
    end = time.time() + 20
    while get() != wanted and time.time() < end:
        time.sleep(0.005)
    same(what, wanted, get())

def state():
    return struct.unpack_from("=I", late, 4)[0]

def during(opcode, call, news):
    """The news come when the reply to the call is made, and before it gets to the kernel."""
    said = []
    struct.pack_into("=I", late, 0, opcode)
    thread = threading.Thread(target=lambda: said.append(call()))
    thread.start()
    soon("held", HELD, state)
    news()
    struct.pack_into("=I", late, 4, GO)
    thread.join()
    return said[0]

def forget():
    """The kernel forgets what nobody uses."""
    if libc.mount(b"none", os.fsencode(mnt), None, 32 | 2 | 4, None):
        sys.exit("remount")

def size(path):
    return os.stat(mnt + path).st_size

def line(value):
    same("a line", "ok", write("Users/.items.jsonl", '{"id":"a","v":"%s"}\n' % value, flags=os.O_WRONLY))

def listing():
    return sorted(entry.name for entry in os.scandir(mnt + "Users"))

def text_size(value):
    return len('{\n  "id": "a",\n  "v": ""\n}\n') + len(value)

a = "Users/a.json"
table("Users")
for value in ("y" * 10, "y" * 5000):
    for what, opcode, call in (("looked up", LOOKUP, lambda: size(a)), ("listed", READDIRPLUS, listing)):
        line("x")
        forget()
        os.stat(mnt + "Users/.items.jsonl")
        during(opcode, call, lambda: line(value))
        soon(what, text_size(value), lambda: size(a))
        same(what + ", the text", text_size(value), len(read(a)))

def rewrite():
    """By the node of an older version: a newer one is in the listing on its way."""
    other = os.open(mnt + a, os.O_WRONLY)
    same("written", "ok", write(a, '{"v":"12345"}', flags=os.O_WRONLY | os.O_TRUNC))
    same("its size, while the listing is on its way", text_size("12345"), size(a))
    os.close(other)

line("x")
size(a)
line("xx")
listed = during(READDIRPLUS, listing, rewrite)
same("listed", [".table.json", "a.json"], listed)
soon("written while listed", text_size("12345"), lambda: size(a))

# the kernel takes the size in the answer to utimens as it comes
line("x")
one, two = (os.open(mnt + a, os.O_RDWR) for i in range(2))
os.ftruncate(two, 0)
os.pwrite(two, b'"abcdef"}', 5)
os.pwrite(two, b'{"v":', 0)
during(SETATTR, lambda: os.utime(one), lambda: os.close(two))
soon("put by another handle while times are set", text_size("abcdef"), lambda: size(a))
os.close(one)
finish()
PYTHON
finish
