# A name that nothing became of, and one that its creator has just closed, can be opened, read and made again at once.
. "$TESTS/lib.sh" || exit 1

export mnt PYTHONPATH=$TESTS PYTHONDONTWRITEBYTECODE=1
start
check "pending names" python3 - <<'PYTHON'
from calls import *
table("Users")
text = read("Users/.table.json")
for i in range(300):
    f = "Users/%d.json" % i
    same("unfinished", "close EINVAL", write(f, "{"))
    same("read", "ENOENT", read(f) if i % 2 else "ENOENT")
    same("made again", ("ok", '{"id":"%d","a":1}' % i), (write(f, '{"a":1}'), document(f)))
    f = "Users/touched%d.json" % i
    same("touched", ("ok", '{"id":"touched%d"}' % i), ((write, append)[i % 2](f, ("", "\n")[i // 2 % 2]), document(f)))
    same("a hidden definition, not written", ("ok", "ok"), (call(os.unlink, "Users/.table.json"), write("Users/.table.json", "")))
    same("is written", ("ok", text), (write("Users/.table.json", text), read("Users/.table.json")))
os.mkdir(mnt + "Later")
same("unfinished", "close EINVAL", write("Later/.table.json", '{"Key'))
same("written", ("ok", text), (write("Later/.table.json", text), read("Later/.table.json")))

# the time of a put that changes nothing else, and times that are too far away
f = "Users/1.json"
for what, put in (("put", lambda: write(f, '{"a":1}')), ("append", lambda: append(f, '{"a":1}')), ("typed", lambda: write("Users/.typed/1.json", '{"a":{"N":"1"}}'))):
    os.utime(mnt + f, ns=(5, 5))
    same(what, ("ok", True), (put(), os.stat(mnt + f).st_mtime_ns > 10**18))
for seconds, kept in ((2**40, 9223372036), (-2**40, -9223372037)):
    os.utime(mnt + f, (seconds, seconds))
    same("clamped", kept, os.stat(mnt + f).st_mtime_ns // 10**9)
finish()
PYTHON
finish
