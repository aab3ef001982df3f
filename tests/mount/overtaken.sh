# An item that was changed by another path than its own, or that somebody still reads, can be renamed, and have its times
# set, at once: the kernel then knows the name by a node that has been overtaken. Listings show times as they were set.
. "$TESTS/lib.sh" || exit 1

export mnt PYTHONPATH=$TESTS PYTHONDONTWRITEBYTECODE=1
start
check "overtaken names" python3 - <<'PYTHON'
from calls import *
table("Parts", "p:S", "s:S")
one, two = "Parts/one/a.json", "Parts/two/b.json"
os.mkdir(mnt + "Parts/one")
os.mkdir(mnt + "Parts/two")

def line(part, sort, value):
    same("a line", "ok", write("Parts/.items.jsonl", '{"p":"%s","s":"%s","v":%d}\n' % (part, sort, value)))

for i in range(50):
    write(one, '{"v":0}')
    write(two, '{"v":-1}')
    read(one), read(two)
    line("one", "a", i)
    same("exchanged", "ok", rename(one, two, EXCHANGE))
    same("forth", '{"p":"two","s":"b","v":%d}' % i, document(two))
    same("back", '{"p":"one","s":"a","v":-1}', document(one))
    line("one", "a", i)
    os.unlink(mnt + two)
    same("renamed", "ok", rename(one, two))
    same("there", '{"p":"two","s":"b","v":%d}' % i, document(two))
    same("its size", len(read(two)), os.stat(mnt + two).st_size)

def settled(path, ns):
    end = time.time() + 20
    while os.stat(mnt + path).st_mtime_ns != ns and time.time() < end:
        time.sleep(0.01)
    return os.stat(mnt + path).st_mtime_ns

for i in range(200):
    with open(mnt + two, "r+" if i % 2 else "r") as file:
        file.read()
        line("two", "b", i)
        os.utime(file.fileno() if i % 4 == 1 else mnt + two, ns=(i, i))
    os.stat(mnt + "Parts/two/b.json")
    if i % 20 == 0 or os.stat(mnt + two).st_mtime_ns != i:
        same("its time", i, settled(two, i))

table("Many")
write("Many/.items.jsonl", "".join('{"id":"%d"}\n' % i for i in range(400)))
with os.scandir(mnt + "Many") as entries:
    next(entries)  # the mount has read a page of names with their times
    for i in range(400):
        os.utime(mnt + "Many/%d.json" % i, ns=(5, 5))
    for entry in entries:
        entry.stat()
same("times behind a listing", {5}, {os.stat(mnt + "Many/%d.json" % i).st_mtime_ns for i in range(400)})
finish()
PYTHON
finish
