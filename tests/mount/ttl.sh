# Time to live: the attribute user.ttl in all its forms, what programs that copy attributes do with it, items that
# expire and all that goes with them, and hide_expired.
. "$TESTS/lib.sh" || exit 1
export mnt work PYTHONPATH=$TESTS PYTHONDONTWRITEBYTECODE=1

ttl='"TimeToLiveSpecification":{"AttributeName":"ttl","Enabled":true}'
simple='"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}]'
sorted='"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"sk","KeyType":"RANGE"}],
  "AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"},{"AttributeName":"sk","AttributeType":"S"},{"AttributeName":"s","AttributeType":"S"}],
  "GlobalSecondaryIndexes":[{"IndexName":"by-s","KeySchema":[{"AttributeName":"s","KeyType":"HASH"}],"Projection":{"ProjectionType":"KEYS_ONLY"}}]'
tables() {
  mkdir "$mnt/Users" "$mnt/Orders" "$mnt/Plain"
  echo "{$simple,$ttl}" >"$mnt/Users/.table.json"
  echo "{$sorted,$ttl}" >"$mnt/Orders/.table.json"
  echo "{$simple}" >"$mnt/Plain/.table.json"
}

# ---- The attribute ----

start ttl_interval=3600
tables
check "the attribute" python3 - <<'PYTHON'
from calls import *
f, t = "Users/a.json", "Users/.typed/a.json"
def get(path=f): return call(os.getxattr, path, "user.ttl")
def put(value, path=f, flags=0): return call(os.setxattr, path, "user.ttl", value.encode(), flags)
def remove(path=f): return call(os.removexattr, path, "user.ttl")
def listed(path=f): return call(os.listxattr, path)

write(f, '{"n":1}')
same("absent", ("ENODATA", [], "ENODATA"), (get(), listed(), remove()))
same("set", ("ok", b"1800000000", ["user.ttl"]), (put("1800000000"), get(), listed()))
same("it is the item's attribute", '{"id":"a","n":1,"ttl":1800000000}', document(f))
same("on the typed path", (b"1800000000", ["user.ttl"]), (get(t), listed(t)))
same("set there", ("ok", b"1800000001"), (put("1800000001", t), get()))
os.utime(mnt + f, ns=(7, 7))
version = os.stat(mnt + f).st_mtime_ns
same("what it has", ("ok", 7), (put("1800000001"), os.stat(mnt + f).st_mtime_ns))
same("another", ("ok", True), (put("1800000002"), os.stat(mnt + f).st_mtime_ns > 7))
for value, least in {"+5": 5, "+0": 0, "+90s": 90, "+2m": 120, "+3h": 10800, "+30d": 30 * 86400}.items():
    now = int(time.time())
    same("set " + value, "ok", put(value))
    same("is " + value, True, now + least <= int(get()) <= int(time.time()) + least)
before = document(f)
for value in ("", "x", "-1", "1.5", "1e3", " 1", "1 ", "1\n", "01", "+", "+s", "+1w", "+1S", "+1ss", "+-1", "++1", "+1.5h", "1s", "5m", "+01",
              "0x10", "9223372036854775808", "+9223372036854775807", "+9223372036854775807d", "+106751991167301d", "9" * 500, "\0", "1\0", "+1\0d"):
    same("refused: %r" % value[:30], ("EINVAL", before), (put(value), document(f)))
same("recorded", "Users/a.json setxattr EINVAL ValidationException", last("path", "operation", "errno", "type"))
same("large", ("ok", b"9223372036854775807"), (put("9223372036854775807"), get()))
same("zero", ("ok", b"0"), (put("0"), get()))
same("create", "EEXIST", put("5", flags=os.XATTR_CREATE))
same("replace", "ok", put("5", flags=os.XATTR_REPLACE))
same("removed", ("ok", '{"id":"a","n":1}', "ENODATA", []), (remove(), document(f), get(), listed()))
same("replace nothing", "ENODATA", put("5", flags=os.XATTR_REPLACE))
same("create it", ("ok", b"5"), (put("5", flags=os.XATTR_CREATE), get()))

# What else the attribute may hold: shown as it is, and set again harmlessly.
for text, shown in {"12.5": b"12.5", "1234567e1": b"12345670", "-3": b"-3", "1e30": b"1" + b"0" * 30}.items():
    write(f, '{"ttl":%s}' % text)
    os.utime(mnt + f, ns=(7, 7))
    same("holds " + text, (shown, "ok", 7), (get(), put(shown.decode()), os.stat(mnt + f).st_mtime_ns))
for text in ('"1800000000"', "null", "[1]", "true"):
    write(f, '{"ttl":%s}' % text)
    same("no number: " + text, ("ENODATA", [], "ENODATA"), (get(), listed(), remove()))
    same("overwritten", ("ok", b"1800000000"), (put("1800000000"), get()))

# Where there is none
same("no item", ("ENOENT", "ENOENT", "ENOENT"), (get("Users/b.json"), put("5", "Users/b.json"), remove("Users/b.json")))
write("Plain/a.json", '{"ttl":1800000000}')
same("TTL is off", ("ENOTSUP", "ENOTSUP", "ENOTSUP", []), tuple(function("Plain/a.json") for function in (get, lambda p: put("5", p), remove, listed)))
same("why", "TimeToLive is disabled", last("message"))
for path in ("Users", ".status", "Users/.table.json", "Users/.items.jsonl", ""):
    same("not of /" + path, ("ENODATA", "ENOTSUP", []), (get(path), put("5", path), listed(path)))
entry = "Users/.query/pk=a/a.json"
same("an entry is read-only", ("ENODATA", "EACCES", "EACCES", []), (get(entry), put("5", entry), remove(entry), listed(entry)))
write("Users/.a.tmp", '{"id":"a"}')
same("scratch", ("ENODATA", "ok", "EINVAL", "ENODATA", []),
     (get("Users/.a.tmp"), put("5", "Users/.a.tmp"), put("x", "Users/.a.tmp"), remove("Users/.a.tmp"), listed("Users/.a.tmp")))
os.unlink(mnt + "Users/.a.tmp")

# A key may be the attribute; it is not to be changed.
os.mkdir(mnt + "Keys")
write("Keys/.table.json", definition("at:N", TimeToLiveSpecification={"AttributeName": "at", "Enabled": True}))
write("Keys/1800000000.json", "{}")
k = "Keys/1800000000.json"
same("a key", (b"1800000000", "ok", "EINVAL", "EINVAL"), (get(k), put("1800000000", k), put("5", k), remove(k)))
same("why", "Cannot update attribute at. This attribute is part of the key", last("message"))

# A new file that comes with its attributes first, as `tar --xattrs` makes it; nothing else is made by mknod.
made = "Users/made.json"
same("mknod", ("ok", '{"id":"made"}'), (call(os.mknod, made, 0o100644), document(made)))
same("mknod again", "EEXIST", call(os.mknod, made, 0o100644))
same("no mknod", ["EPERM"] * 5, [call(os.mknod, path, 0o100644) for path in ("Plain/b.json", "new", "Users/.x", "Users/x", ".x")])
same("no pipe", "EPERM", call(os.mkfifo, "Users/pipe.json"))
same("not there", "ENOENT", read("Users/pipe.json"))
finish()
PYTHON

# ---- Programs that copy attributes ----

for i in 1 2 3; do
  mkdir "$mnt/Orders/p$i"
  echo "{\"ttl\":180000000$i,\"s\":\"x\"}" >"$mnt/Orders/p$i/a.json"
  echo '{"s":"x"}' >"$mnt/Orders/p$i/b.json"
done
touch -d '2020-02-02 02:02:02.123456789' "$mnt"/Orders/*/*.json
state() { (cd "$mnt/$1" && find . -name '*.json' ! -name .table.json -printf '%P %s %T@\n' | sort && getfattr -Rd . 2>/dev/null); }
want=$(state Orders)
grep -q 'user.ttl="1800000001"' <<<"$want" || fail "attributes are shown: $want"
check "cp -a" cp -a "$mnt/Orders" "$mnt/Copied"
same "cp -a" "$want" "$(state Copied)"
check "rsync" rsync -aX "$mnt/Orders/" "$mnt/Synced/"
same "rsync -aX" "$want" "$(state Synced)"
check "rsync, with nothing to do" rsync -aX "$mnt/Orders/" "$mnt/Synced/"
same "rsync -aX again" "" "$(rsync -aXi "$mnt/Orders/" "$mnt/Synced/" | grep -v '/$')"
check "tar c" tar --xattrs -C "$mnt/Orders" -cf "$work/orders.tar" .
mkdir "$mnt/Packed" "$work/out"
check "tar x" tar --xattrs -C "$mnt/Packed" -xf "$work/orders.tar"
same "tar --xattrs" "$want" "$(state Packed)"
rm -r "$mnt/Copied" "$mnt/Packed"
check "out of the mount" cp -a "$mnt/Orders/." "$work/out"
check "and in again" cp -a "$work/out/." "$mnt/Again"
same "cp -a, by way of another filesystem" "$want" "$(state Again)"

# The time that is set on an open file is that of its text, also where that was edited in place.
check "in place" python3 - <<'PYTHON'
from calls import *
fd = os.open(mnt + "Orders/p1/b.json", os.O_WRONLY)
os.write(fd, b'{"s":"y","pk":"p1","sk":"b","more":"so that it is longer"}')
os.utime(fd, ns=(7, 7))
os.close(fd)
same("the time", (7, '{"pk":"p1","sk":"b","more":"so that it is longer","s":"y"}'), (os.stat(mnt + "Orders/p1/b.json").st_mtime_ns, document("Orders/p1/b.json")))
fd = os.open(mnt + "Orders/p1/b.json", os.O_WRONLY)
os.write(fd, b'{"s":')
os.utime(fd, ns=(8, 8))
same("what is no document yet", "y", json.loads(read("Orders/p1/b.json"))["s"])
os.write(fd, b'"z"}')
os.ftruncate(fd, 9)
same("may become one", ("ok", "z"), (closed(fd), json.loads(read("Orders/p1/b.json"))["s"]))
finish()
PYTHON
stop

# ---- Expiry ----

# A line of what `stat`, `ls`, `cat`, a query, a scan and the index know of the items of a partition.
known() {
  local p=$mnt/Orders/$1
  printf '%s|' "$(cd "$p" 2>/dev/null && ls | tr '\n' ' ')" "$(stat -c %n "$p"/*.json 2>/dev/null | xargs -r -n 1 basename | tr '\n' ' ')" \
    "$(cat "$p"/*.json 2>/dev/null | jq -r .sk | tr '\n' ' ')" "$(cat "$mnt/Orders/.query/pk=$1/count")" \
    "$(jq -r "select(.pk == \"$1\") | .sk" "$mnt/Orders/.items.jsonl" | sort | tr '\n' ' ')" \
    "$(ls "$mnt/Orders/.index/by-s/$1" 2>/dev/null | tr '\n' ' ')"
}
start ttl_interval=1
mkdir "$mnt/Orders/p"
for i in 1 2 3; do echo '{"s":"p"}' >"$mnt/Orders/p/$i.json"; done
all='1.json 2.json 3.json |1.json 2.json 3.json |1 2 3 |3|1 2 3 |p~1.json p~2.json p~3.json |'
same "before" "$all" "$(known p)"
exec 9<"$mnt/Orders/p/2.json"
check "soon" setfattr -n user.ttl -v +1 "$mnt/Orders/p/2.json"
left='1.json 3.json |1.json 3.json |1 3 |2|1 3 |p~1.json p~3.json |'
is_known() { [ "$(known "$1")" = "$2" ]; }
poll "one expires" is_known p "$left"
same "who has it open reads on" '{"pk":"p","sk":"2","s":"p"}' "$(jq -c . <&9)"
exec 9<&-
echo "{\"ttl\":$(date +%s)}" >>"$mnt/Orders/p/1.json"
echo "{\"ttl\":\"$(date +%s)\"}" >>"$mnt/Orders/p/3.json"
poll "by its document" is_known p '3.json |3.json |3 |1|3 |p~3.json |'
echo "{\"ttl\":$(($(date +%s) - 5 * 366 * 86400))}" >"$mnt/Orders/p/old.json"
echo "{\"ttl\":$(date +%s).5}" >"$mnt/Orders/p/3.json"
poll "with a fraction; what is five years past stays" is_known p 'old.json |old.json |old |1|old ||'
echo scratch >"$mnt/Orders/p/.note"
echo "{\"ttl\":$(date +%s)}" >"$mnt/Orders/p/old.json"
gone() { ! stat "$1"; }
poll "the last one" gone "$mnt/Orders/p/old.json"
same "the directory lingers, with its scratch" "scratch" "$(cat "$mnt/Orders/p/.note")"
check "and goes" rm "$mnt/Orders/p/.note"
check "rmdir" rmdir "$mnt/Orders/p"
# A listing that is open, and many at once
mkdir "$mnt/Orders/many"
for i in $(seq 300); do printf '{"pk":"many","sk":"%s","ttl":%s}\n' "$i" $(($(date +%s) + (i % 3 ? 0 : 100000))); done >"$mnt/Orders/.items.jsonl"
emptier() { [ "$(ls "$mnt/Orders/many" | wc -l)" = 100 ]; }
poll "many" emptier
same "all of them" 100 "$(cat "$mnt/Orders/.query/pk=many/count")"
# The stream has each removal once, as the service's, and not what a user removes
mkdir "$mnt/Streamed"
echo "{$sorted,$ttl,\"StreamSpecification\":{\"StreamEnabled\":true,\"StreamViewType\":\"KEYS_ONLY\"}}" >"$mnt/Streamed/.table.json"
mkdir "$mnt/Streamed/s"
for i in $(seq 120); do printf '{"pk":"s","sk":"%s","ttl":%s}\n' "$i" "$(date +%s)"; done >"$mnt/Streamed/.items.jsonl"
echo '{}' >"$mnt/Streamed/s/mine.json"
rm "$mnt/Streamed/s/mine.json"
emptied() { [ -z "$(ls "$mnt/Streamed/s")" ]; }
poll "all of them" emptied
api() { "$DYNAMOUNT" api "$mnt" "$1" "$2"; }
arn=$(api DescribeTable '{"TableName":"Streamed"}' | jq -r .Table.LatestStreamArn)
shard=$(api DescribeStream "{\"StreamArn\":\"$arn\"}" | jq -r '.StreamDescription.Shards[0].ShardId')
iterator=$(api GetShardIterator "{\"StreamArn\":\"$arn\",\"ShardId\":\"$shard\",\"ShardIteratorType\":\"TRIM_HORIZON\"}" | jq -r .ShardIterator)
api GetRecords "{\"ShardIterator\":\"$iterator\"}" >"$work/records"
same "each once, by the service" "$(for i in $(seq 120); do echo "$i"; done | sort)" \
  "$(jq -r '.Records[] | select(.eventName == "REMOVE" and .userIdentity == {"Type":"Service","PrincipalId":"dynamodb.amazonaws.com"})
    | .dynamodb.Keys.sk.S' "$work/records" | sort)"
same "one by a user" mine "$(jq -r '.Records[] | select(.eventName == "REMOVE" and .userIdentity == null) | .dynamodb.Keys.sk.S' "$work/records")"
# TTL turned on for items that are there
echo "{\"ttl\":$(date +%s)}" >"$mnt/Plain/x.json"
echo '{"n":1}' >"$mnt/Plain/y.json"
echo "{$simple,$ttl}" >"$mnt/Plain/.table.json"
poll "an item from before" gone "$mnt/Plain/x.json"
check "the other is there" test -f "$mnt/Plain/y.json"
echo "{$simple}" >"$mnt/Plain/.table.json"
echo "{\"ttl\":$(date +%s)}" >"$mnt/Plain/z.json"
stop
same "check is silent" "" "$("$DYNAMOUNT" check "$store" 2>&1)"

# ---- hide_expired ----

start hide_expired,ttl_interval=3600
check "TTL is off" test -f "$mnt/Plain/z.json"
mkdir "$mnt/Orders/h"
for i in 1 2 3; do echo '{"s":"h"}' >"$mnt/Orders/h/$i.json"; done
all='1.json 2.json 3.json |1.json 2.json 3.json |1 2 3 |3|1 2 3 |h~1.json h~2.json h~3.json |'
left='1.json 3.json |1.json 3.json |1 3 |2|1 3 |h~1.json h~3.json |'
same "before" "$all" "$(known h)"
echo "{\"s\":\"h\",\"ttl\":$(date +%s)}" >"$mnt/Orders/h/2.json"
same "hidden at once" "$left" "$(known h)"
check "the item is there" python3 - <<'PYTHON'
from calls import *
f = "Orders/h/2.json"
same("not found", ("ENOENT", "ENOENT", "ENOENT"), (read(f), call(os.getxattr, f, "user.ttl"), call(os.unlink, f)))
same("but not to be made anew", "write 1 EEXIST", write(f, '{"n":1}', flags=os.O_CREAT | os.O_EXCL | os.O_WRONLY))
same("an update finds it", "ok", append(f, '{"ttl":%d}' % (time.time() + 3)))
same("and shows it again", '"h"', json.dumps(json.loads(read(f))["s"]))
# The kernel keeps the name no longer than the item lives, however it came to know it.
until = json.loads(read(f))["ttl"]
for new in ("Orders/h/new.json", "Orders/h/old.json", "Orders/h/put.json", "Users/new.json"):
    if "old" in new:
        write(new, '{"n":1}')
        os.stat(mnt + new)
    write(new, '{"ttl":%d}' % until)
    if "put" in new:
        os.listdir(mnt + "Orders/h")
seen = [path for path in (f, "Orders/h/new.json", "Orders/h/old.json", "Orders/h/put.json", "Users/new.json")
        if call(os.path.getsize, path) != "ENOENT"]
early = time.time() < until
while time.time() < until:
    time.sleep(0.01)
if early:
    same("all were seen", 5, len(seen))
same("all are hidden", ["ENOENT"] * 5, [call(os.stat, path) for path in (f, "Orders/h/new.json", "Orders/h/old.json", "Orders/h/put.json", "Users/new.json")])
same("and not listed", ["1.json", "3.json"], sorted(names("Orders/h")))
same("a whole file replaces one", ("ok", '{"id":"new"}'), (write("Users/new.json", '{}'), document("Users/new.json")))
finish()
PYTHON
stop
start
same "without the option" "1.json 2.json 3.json new.json old.json put.json" "$(ls "$mnt/Orders/h" | tr '\n' ' ' | sed 's/ $//')"
stop
same "check is silent" "" "$("$DYNAMOUNT" check "$store" 2>&1)"
finish
