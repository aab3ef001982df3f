# A follower that polls, seeks, does not want to block, or shares its handle: by system calls.
. "$TESTS/lib.sh" || exit 1
. "$TESTS/lib_follow.sh"

start
streaming One Two
echo '{}' >"$mnt/One/before.json"
check "polls" timeout 300 python3 - <<'PYTHON'
from calls import *
import fcntl, select, signal, threading
NEVER, SOON = 0, 20000 # milliseconds

def follow(name, flags=0):
    return os.open(mnt + name + "/.stream/follow.jsonl", os.O_RDONLY | flags)

def put(name, key, text="x"):
    same("put " + key, "ok", write("%s/%s.json" % (name, key), json.dumps({"text": text})))

def key(line):
    same("one line", (1, b"\n"), (line.count(b"\n"), line[-1:]))
    return json.loads(line)["dynamodb"]["Keys"]["id"]["S"]

def poll(fds, timeout, events=select.POLLIN):
    poller = select.poll()
    for fd in fds:
        poller.register(fd, events)
    return poller.poll(timeout)

def waits(count):
    end, waiting = time.time() + 20, None
    while waiting != count and time.time() < end:
        time.sleep(0.01)
        waiting = json.loads(read(".status"))["waiting"]
    same("readers that wait", count, waiting)

def later(function, *arguments):
    thread = threading.Thread(target=function, args=arguments)
    thread.start()
    return thread

# ---- poll, select, epoll ----
one, two = follow("One"), follow("Two")
same("nothing yet", [], poll([one, two], NEVER))
same("nothing yet, by select", ([], [], []), select.select([one, two], [], [], 0))
put("One", "a")
same("one of two", [(one, select.POLLIN)], poll([one, two], SOON))
same("by select", [one], select.select([one, two], [], [], 0)[0])
same("still", [(one, select.POLLIN)], poll([one, two], NEVER))
same("never to be written", [], poll([one], NEVER, select.POLLOUT))
put("One", "b")
same("the first", "a", key(os.read(one, 100000)))
same("there is another", [(one, select.POLLIN)], poll([one, two], NEVER))
same("a piece", 10, len(os.read(one, 10)))
same("there is the rest of it", [(one, select.POLLIN)], poll([one, two], NEVER))
same("to its end", b"\n", os.read(one, 100000)[-1:])
same("nothing more", [], poll([one, two], NEVER))
same("a change of nothing", "ok", append("One/b.json", '{"text":"x"}'))
same("is nothing", [], poll([one], NEVER))

for name in "poll", "select", "epoll":
    thread = later(put, "Two", "by " + name)
    if name == "poll":
        same(name, [(two, select.POLLIN)], poll([one, two], SOON))
    elif name == "select":
        same(name, [two], select.select([one, two], [], [], SOON / 1000)[0])
    else:
        epoll = select.epoll()
        for fd in one, two:
            epoll.register(fd, select.EPOLLIN)
        same(name, [(two, select.EPOLLIN)], epoll.poll(SOON / 1000))
    thread.join()
    same("what came", "by " + name, key(os.read(two, 100000)))
same("epoll, nothing more", [], epoll.poll(0))
for turn in range(100):
    fd, name = ((one, "One"), (two, "Two"))[turn * 7 % 3 % 2]
    thread = later(put, name, "turn %d" % turn)
    same("epoll, turn %d" % turn, [(fd, select.EPOLLIN)], epoll.poll(SOON / 1000))
    same("what came", "turn %d" % turn, key(os.read(fd, 100000)))
    thread.join()
epoll.close()
edge = select.epoll()
edge.register(one, select.EPOLLIN | select.EPOLLET)
put("One", "edge")
same("edge-triggered", [(one, select.EPOLLIN)], edge.poll(SOON / 1000))
same("what came", "edge", key(os.read(one, 100000)))
edge.close()

# many handles and pollers of one table; a handle that is closed while it is polled
many = [follow("One") for i in range(50)]
got = []
pollers = [later(lambda: got.append(len(poll(many, SOON)) > 0)) for i in range(5)]
put("One", "for many")
for thread in pollers:
    thread.join()
same("all pollers are woken", [True] * 5, got)
same("all handles are ready", 50, len(poll(many, SOON)))
for fd in many:
    same("each", "for many", key(os.read(fd, 100000)))
same("none", [], poll(many, NEVER))
for fd in many[::2]:
    os.close(fd)
put("One", "for the rest")
same("the rest", 25, len(poll(many[1::2], SOON)))
for fd in many[1::2]:
    os.close(fd)

# other files are always ready, as everywhere
plain = os.open(mnt + "One/a.json", os.O_RDWR)
same("an item", [(plain, select.POLLIN | select.POLLOUT)], poll([plain], NEVER, select.POLLIN | select.POLLOUT))
os.close(plain)

# ---- O_NONBLOCK ----
fd = follow("One", os.O_NONBLOCK)
same("nothing", "EAGAIN", did(os.read, fd, 100))
put("One", "c")
same("something", "c", key(os.read(fd, 100000)))
same("nothing more", "EAGAIN", did(os.read, fd, 100))
fcntl.fcntl(fd, fcntl.F_SETFL, 0)
thread = later(lambda: (waits(1), put("One", "d")))
same("waits once more", "d", key(os.read(fd, 100000)))
thread.join()
fcntl.fcntl(fd, fcntl.F_SETFL, os.O_NONBLOCK)
same("and does not", "EAGAIN", did(os.read, fd, 100))
os.close(fd)

# ---- a signal that has a handler ----
class Alarm(Exception):
    pass
def alarm(*arguments):
    raise Alarm
signal.signal(signal.SIGALRM, alarm)
fd = follow("One")
for turn in range(20):
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01, 1)  # again, should one come before the read
        os.read(fd, 100)
        said = "read"
    except Alarm:
        said = "interrupted"
    signal.setitimer(signal.ITIMER_REAL, 0)
    same("a timer", "interrupted", said)
put("One", "e")
same("nothing was lost", "e", key(os.read(fd, 100000)))

# ---- seeking back ----
lines = [b""]
for i in range(30):
    put("One", "f%d" % i, "y" * 50000)
    lines.append(os.read(fd, 1 << 20))
end = os.lseek(fd, 0, os.SEEK_CUR)
text = b"".join(lines)
for back in (1, 1000, 100000, 1 << 20):
    got, offset = b"", end - back
    while offset < end:
        got += os.pread(fd, 1 << 20, offset)
        offset = end - back + len(got)
    same("%d bytes back" % back, text[-back:], got)
same("too far back", "EINVAL", did(os.pread, fd, 100, 0))
same("why", "What was read can be had again for 1048576 bytes only", last("message"))
os.lseek(fd, -100, os.SEEK_CUR)
same("by lseek", text[-100:], os.read(fd, 100000))
same("and on", end, os.lseek(fd, 0, os.SEEK_CUR))
same("nothing more", [], poll([fd], NEVER))
last = threading.Event()
thread = later(lambda: (waits(1), put("One", "g"), last.wait(), waits(1), put("One", "h")))
same("behind the end", b"dynamodb", os.pread(fd, 8, end + lines[1].index(b"dynamodb")))
same("the line as a whole", "g", key(os.pread(fd, 100000, end)))
length = len(os.pread(fd, 100000, end))
last.set()
same("a line that is still to come", "h", key(os.pread(fd, 100000, end + length)))
thread.join()
os.close(fd)

# ---- threads and processes that share a handle: each record is one reader's ----
fd = follow("One")
out, put_out = os.pipe()
children = []
for child in range(4):
    pid = os.fork()
    if not pid:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        while True:
            os.write(put_out, b"%d %s\n" % (child, key(os.read(fd, 100000)).encode()))
    children.append(pid)
os.close(put_out)
got = []
with os.fdopen(out) as lines:
    for i in range(200):
        put("One", "s%03d" % i)
    for i in range(200):
        got.append(lines.readline().split()[1])
same("each once", ["s%03d" % i for i in range(200)], sorted(got))
for pid in children:
    os.kill(pid, signal.SIGKILL)
for pid in children:
    same("killed", signal.SIGKILL, os.WTERMSIG(os.waitpid(pid, 0)[1]))
waits(0)
os.close(fd)
fd, threads, got = follow("One"), [], []
for i in range(8):
    threads.append(later(lambda: got.append(os.pread(fd, 1, 0))))
waits(8)
put("One", "all")
for thread in threads:
    thread.join()
same("readers of one place", [b"{"] * 8, got)

# ---- a handle is closed while another thread reads: that one goes on, as everywhere ----
thread = later(lambda: got.append(os.pread(fd, 1, os.fstat(fd).st_size + 10000)))
waits(1)
os.close(fd)
for i in range(100):
    put("One", "z%d" % i, "z" * 100)
thread.join()
same("it is answered", 9, len(got))

# ---- the end of a stream ----
fds = [follow("Two") for i in range(3)]
thread = later(lambda: got.append(os.read(fds[0], 100)))
waits(1)
ended = later(lambda: got.append(poll(fds[1:2], SOON)))
text = json.loads(read("Two/.table.json"))
del text["StreamSpecification"]
same("off", "ok", write("Two/.table.json", json.dumps(text)))
thread.join()
ended.join()
same("the end", {b"", "polled"}, {b"" if said == b"" else "polled" for said in got[9:]})
same("is ready", [(fds[2], select.POLLIN)], poll(fds[2:], NEVER))
same("and is the end", b"", os.read(fds[2], 100))
same("without blocking, too", b"", os.read(follow("Two", os.O_NONBLOCK), 100))

# ---- nothing is missing between what is kept and what follows ----
def write_many(stop, count):
    while not stop:
        put("One", "many %d" % (len(count) % 50), str(len(count)))
        count.append(1)
stop, count = [], []
before = json.loads(read("One/.stream/records.jsonl").splitlines()[-1])["dynamodb"]["SequenceNumber"]
writer = later(write_many, stop, count)
for turn in range(20):
    fd = follow("One")
    seen, numbers = before, []
    for record in map(json.loads, read("One/.stream/after=%s.jsonl" % before).splitlines()):
        numbers.append(record["dynamodb"]["SequenceNumber"])
    while len(numbers) < 5 or len(numbers) % 7:
        number = json.loads(os.read(fd, 100000))["dynamodb"]["SequenceNumber"]
        if not numbers or number > numbers[-1]:
            numbers.append(number)
    os.close(fd)
    kept = [json.loads(line)["dynamodb"]["SequenceNumber"] for line in read("One/.stream/after=%s.jsonl" % before).splitlines()]
    same("turn %d" % turn, kept[:len(numbers)], numbers)
    before = numbers[-1]
stop.append(1)
writer.join()
finish()
PYTHON
poll "all is closed" all_closed
finish
