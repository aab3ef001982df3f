# What opens by name: kinds, modes and refusals of every virtual path, and the formats of .status and .errors.
. "$TESTS/lib.sh" || exit 1

export mnt PYTHONPATH=$TESTS PYTHONDONTWRITEBYTECODE=1
start
check "virtual paths" python3 - <<'PYTHON'
from calls import *
import stat
table("Simple")
table("Pairs", "p:S", "s:N")
os.mkdir(mnt + "Pairs/d")
same("an item", "ok", write("Simple/a.json", '{"x":1}'))

paths = {
    "": "d755", ".status": "-444", ".errors": "-444", "Simple": "d755", "Simple/.table.json": "-644", "Simple/a.json": "-644",
    "Simple/.status.json": "-444", "Simple/.items.jsonl": "-644", "Simple/.typed": "d755", "Simple/.typed/a.json": "-644",
    "Simple/.typed/.items.jsonl": "-644", "Simple/.scan": "d555", "Simple/.scan/items.jsonl": "-444", "Simple/.scan/3": "d555",
    "Simple/.scan/3/2.jsonl": "-444", "Pairs/d": "d755", "Pairs/.typed/d": "d755",
}
def kind(path):
    st = os.stat(mnt + path)
    return ("d" if stat.S_ISDIR(st.st_mode) else "-") + "%o" % (st.st_mode & 0o7777)
for path, expected in paths.items():
    same("kind of /" + path, expected, kind(path))
    same("links of /" + path, 1, os.stat(mnt + path).st_nlink)
    if path.endswith((".jsonl", ".status", ".errors", ".status.json")):
        same("size of /" + path, 0, os.stat(mnt + path).st_size)
for path in (".nothing", "Simple/.status", "Simple/.scan/0", "Simple/.scan/03", "Simple/.scan/1000001", "Simple/.scan/x",
             "Simple/.scan/3/3.jsonl", "Simple/.scan/3/00.jsonl", "Simple/.scan/3/-1.jsonl", "Simple/.scan/3/0.json", "Simple/.scan/3/items.jsonl"):
    same("no /" + path, "ENOENT", call(os.stat, path))
same("the last of the most segments", "", read("Simple/.scan/1000000/999999.jsonl") and "")
same("segments listed", ["%d.jsonl" % k for k in range(3000)], names("Simple/.scan/3000"))
same("listed in .scan", ["items.jsonl"], names("Simple/.scan"))
same("listed in .typed", ["a.json"], names("Simple/.typed"))

# read-only, and there for good
for path in (".status", ".errors", "Simple/.status.json", "Simple/.scan/items.jsonl", "Simple/.scan/3/0.jsonl"):
    for flags in (os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_TRUNC, os.O_WRONLY | os.O_APPEND, os.O_WRONLY | os.O_CREAT):
        same("writing " + path, "open EACCES", write(path, "x", flags=flags))
    same("truncating " + path, "EACCES", call(os.truncate, path, 0))
for path in (".status", ".errors", "Simple/.status.json", "Simple/.items.jsonl", "Simple/.scan/items.jsonl", "Simple/.scan/3/0.jsonl"):
    same("unlinking " + path, "EPERM", call(os.unlink, path))
    same("moving " + path, "EPERM", rename(path, "Simple/b.json"))
    same("replacing " + path, "EPERM", rename("Simple/a.json", path))
for path in ("Simple/.typed", "Simple/.scan", "Simple/.scan/3"):
    same("removing " + path, "EPERM", call(os.rmdir, path))
same("a file in .scan", "open EACCES", write("Simple/.scan/x", "x"))
same("a directory in .scan", "EPERM", call(os.mkdir, "Simple/.scan/x"))
same("into .scan", "EPERM", rename("Simple/a.json", "Simple/.scan/x"))

# scans are disjoint and complete; a read at any offset and in any steps is the same text
for i in range(200):
    write("Pairs/d/%d.json" % (i * 7 % 200 - 100), '{"text":"%s"}' % ("é" * i))
whole = read("Pairs/.items.jsonl")
same("all lines", 200, len(whole.splitlines()))
same(".scan/items.jsonl", whole, read("Pairs/.scan/items.jsonl"))
same("segments", sorted(whole.splitlines()), sorted("".join(read("Pairs/.scan/5/%d.jsonl" % k) for k in range(5)).splitlines()))
fd = os.open(mnt + "Pairs/.items.jsonl", os.O_RDONLY)
for offset in (5000, 0, 30000, 1, len(whole.encode()) - 3, len(whole.encode()), 10**9):
    same("read at %d" % offset, whole.encode()[offset:offset + 100], os.pread(fd, 100, offset))
os.close(fd)
same("typed lines", {"p": {"S": "d"}, "s": {"N": "-100"}, "text": {"S": ""}}, json.loads(read("Pairs/.typed/.items.jsonl").splitlines()[0]))
same("a partition is listed in the order of its keys", ["%d.json" % i for i in range(-100, 100)], names("Pairs/d"))

# formats
status = json.loads(read(".status"))
for member, value in (("mountpoint", mnt.rstrip("/")), ("engine", "local"), ("read_only", False), ("tables", 2), ("format", 1)):
    same(".status " + member, value, status[member])
described = json.loads(read("Simple/.status.json"))
for member, value in (("TableName", "Simple"), ("TableStatus", "ACTIVE"), ("ItemCount", 1), ("TableSizeBytes", 6),
                      ("TableArn", "arn:aws:dynamodb:local:000000000000:table/Simple")):
    same(".status.json " + member, value, described[member])
before = time.time()
same("a refusal", "write 1 EINVAL", write("Pairs/d/1.json", '{"s":2}'))
refusal = last()
same("its members", ["time", "uid", "pid", "path", "operation", "errno", "type", "message"], list(refusal))
same("uid and pid", [os.getuid(), os.getpid()], [refusal["uid"], refusal["pid"]])
same("the rest", "Pairs/d/1.json write EINVAL ValidationException", last("path", "operation", "errno", "type"))
import calendar, re
assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", refusal["time"]), refusal["time"]
assert abs(calendar.timegm(time.strptime(refusal["time"][:19], "%Y-%m-%dT%H:%M:%S")) - before) < 10, refusal["time"]
# the path is as it was asked for, whatever bytes it has
same("a name that is no text", "EINVAL", call(os.mkdir, "\udcff"))
same("shows as text", "?", last("path"))
for i in range(1100):
    write("Simple/%d~.json" % i, "")
lines = read(".errors").splitlines()
same("the last 1,000", 1000, len(lines))
same("in order", ["Simple/%d~.json" % i for i in range(100, 1100)], [json.loads(line)["path"] for line in lines])
finish()
PYTHON
stop

# owner and modes are the mount's; each sees their own refusals
chmod 711 "$work"
as() {
  local who=$1
  shift
  setpriv --reuid "$who" --regid "$who" --clear-groups "$@"
}
start allow_other,uid=1000,gid=1001,umask=027
same "a directory" "750 1000 1001" "$(stat -c '%a %u %g' "$mnt/Simple")"
same "an item" "640 1000 1001" "$(stat -c '%a %u %g' "$mnt/Simple/a.json")"
same "what is read-only" "440 1000 1001" "$(stat -c '%a %u %g' "$mnt/.errors")"
same "the owner reads" '{"id":"a","x":1}' "$(as 1000 jq -c . "$mnt/Simple/a.json")"
check "and writes" as 1000 sh -c "echo '{\"x\":2}' >$mnt/Simple/a.json && touch $mnt/Simple/a.json && chmod 777 $mnt/Simple/a.json"
same "a mode stays what it is" 640 "$(stat -c %a "$mnt/Simple/a.json")"
same "the group reads" '{"id":"a","x":2}' "$(setpriv --reuid 1002 --regid 1001 --clear-groups jq -c . "$mnt/Simple/a.json")"
refused "and does not write" setpriv --reuid 1002 --regid 1001 --clear-groups sh -c "echo '{}' >$mnt/Simple/a.json"
refused "another does not read" as 1003 cat "$mnt/Simple/a.json"
stop
start allow_other,umask=0
refused "the first's" as 1001 sh -c "echo first >$mnt/Simple/a.json"
refused "the second's" as 1002 sh -c "printf '{' | cat >$mnt/Simple/a.json"
same "the first sees" "1001 write" "$(as 1001 jq -r '"\(.uid) \(.operation)"' "$mnt/.errors")"
same "the second sees" "1002 close" "$(as 1002 jq -r '"\(.uid) \(.operation)"' "$mnt/.errors")"
same "a third sees" "" "$(as 1003 cat "$mnt/.errors")"
same "root sees" "1001 1002" "$(jq -r .uid "$mnt/.errors" | xargs)"
finish
