# Queries by path: what they list, hold and refuse, on real data and on hostile keys.
. "$TESTS/lib.sh" || exit 1
export mnt PYTHONPATH=$TESTS PYTHONDONTWRITEBYTECODE=1

check "import" import_real_data "$store"
subdivisions >"$work/lines"
start
t=$mnt/Subdivisions q=$mnt/Subdivisions/.query
# expect FILTER: the names that a query without an index lists, in the order of the keys within each partition
expect() { jq -r "select($1) | \"\(.country)~\(.code).json\"" "$work/lines" | sort; }

same "nothing by itself" "" "$(ls -A "$q")"
same "not listed" "" "$(ls -A "$t" | grep query)"
same "a partition" "$(expect '.country == "DE"')" "$(ls "$q/pk=DE")"
same "in order" "$(expect '.country == "DE"')" "$(ls -U "$q/pk=DE")"
same "backward" "$(expect '.country == "DE"' | sort -r)" "$(ls -U "$q/pk=DE/desc")"
same "the first three" "$(expect '.country == "DE"' | head -n 3)" "$(ls -U "$q/pk=DE/limit=3")"
same "the last three" "$(expect '.country == "DE"' | sort -r | head -n 3)" "$(ls -U "$q/limit=3/desc/pk=DE")"
same "a range" "$(expect '.code >= "DE-B" and .code < "DE-N"')" "$(ls "$q/pk=DE/sk.ge=DE-B/sk.lt=DE-N")"
same "with its ends" "DE~DE-BE.json DE~DE-BW.json DE~DE-BY.json" "$(ls "$q/pk=DE/sk.gt=DE-BB/sk.le=DE-BY" | xargs)"
same "one sort key" "DE~DE-BY.json" "$(ls "$q/pk=DE/sk=DE-BY")"
same "a prefix" "$(expect '.code | startswith("FR-7")')" "$(ls "$q/pk=FR/sk.begins_with=FR-7")"
same "a filter" "$(expect '.type == "Canton"')" "$(ls "$q/filter=type = 'Canton'" | sort)"
same "a filter in a partition" "$(expect '.country == "FR" and .parent == "BRE"')" "$(ls "$q/pk=FR/filter=parent = 'BRE'")"
same "conditions on the sort key of a scan" "$(expect '.code > "ZM"')" "$(ls "$q/sk.gt=ZM" | sort)"
same "every item" "$(wc -l <"$work/lines")" "$(ls -U "$q/page=100" | wc -l)"
same "limit counts results" 5 "$(ls "$q/filter=type = 'Canton'/limit=5/page=3" | wc -l)"
same "a partition that is not there" "" "$(ls "$q/pk=QQ")"
same "no sort key" "AD.json" "$(ls "$mnt/Countries/.query/pk=AD")"

# the files
same "a document" "$(cat "$t/DE/DE-BY.json")" "$(cat "$q/pk=DE/DE~DE-BY.json")"
same "typed" "$(cat "$t/.typed/DE/DE-BY.json")" "$(cat "$t/.typed/.query/pk=DE/DE~DE-BY.json")"
same "its size" "$(wc -c <"$t/DE/DE-BY.json")" "$(stat -c %s "$q/pk=DE/DE~DE-BY.json")"
same "its time" "$(stat -c %y "$t/DE/DE-BY.json")" "$(stat -c %y "$q/pk=DE/DE~DE-BY.json")"
same "read-only" 444 "$(stat -c %a "$q/pk=DE/DE~DE-BY.json")"
same "selected" "$(jq '{name, type}' "$t/DE/DE-BY.json")" "$(cat "$q/pk=DE/select=name,type/DE~DE-BY.json")"
same "its size" "$(jq '{name, type}' "$t/DE/DE-BY.json" | wc -c)" "$(stat -c %s "$q/pk=DE/select=name,type/DE~DE-BY.json")"
same "user.item" "Subdivisions/DE/DE-BY.json" "$(getfattr --only-values -n user.item "$q/pk=DE/DE~DE-BY.json")"
same "user.item without a sort key" "Countries/AD.json" "$(getfattr --only-values -n user.item "$mnt/Countries/.query/pk=AD/AD.json")"
same "user.size" "$(getfattr --only-values -n user.size "$t/DE/DE-BY.json")" "$(getfattr --only-values -n user.size "$q/pk=DE/DE~DE-BY.json")"
same "user.size of a selection" 10 "$(getfattr --only-values -n user.size "$q/pk=DE/select=name/DE~DE-BE.json")"
same "grep -r" "$q/pk=DE/DE~DE-BY.json" "$(grep -rl Bayern "$q/pk=DE")"
same "grep -r over a scan" "$(expect '.type == "Canton"' | wc -l)" "$(grep -r '"type": "Canton"' "$q/filter=type = 'Canton'" | wc -l)"
same "find" "$(expect '.country == "DE"' | wc -l)" "$(find "$q/pk=DE" -type f -size +0 | wc -l)"
check "cp -r" cp -r "$q/pk=DE" "$work/copy"
same "what was copied" "$(cat "$t"/DE/*.json | md5sum)" "$(cat "$work"/copy/*.json | md5sum)"
check "tar" bash -c "tar c -C '$q/pk=DE' . | tar t >'$work/tar'"
same "what is in it" "$(expect '.country == "DE"' | wc -l)" "$(grep -c json "$work/tar")"
same "items.jsonl" "$(jq -cS 'select(.country == "DE")' "$work/lines" | sort)" "$(jq -cS . "$q/pk=DE/items.jsonl" | sort)"
same "in order" "$(expect '.country == "DE"' | sort -r)" "$(jq -r '"\(.country)~\(.code).json"' "$q/pk=DE/desc/items.jsonl")"
same "lines" 7 "$(wc -l <"$q/pk=DE/limit=7/items.jsonl")"
same "selected lines" '{"name":"Bayern"}' "$(cat "$q/pk=DE/sk=DE-BY/select=name/items.jsonl")"
same "count" "$(expect '.type == "Canton"' | wc -l)" "$(cat "$q/filter=type = 'Canton'/count")"
same "count with limit" 4 "$(cat "$q/filter=type = 'Canton'/limit=4/count")"
same "not listed" "" "$(ls -A "$q/pk=DE" | grep -v json)"
same "explain" '{"operation":"Query","index":null,"examined":16,"returned":4}' \
  "$(jq -c 'del(.capacity)' "$q/pk=DE/filter=begins_with(name, 'S')/explain")"
same "capacity" "1" "$(jq .capacity "$q/pk=DE/explain")"
same "explain a scan" "{\"operation\":\"Scan\",\"index\":null,\"examined\":$(wc -l <"$work/lines"),\"returned\":$(expect '.type == "Canton"' | wc -l)}" \
  "$(jq -c 'del(.capacity)' "$q/filter=type = 'Canton'/explain")"
same "shell loop" 3 "$(n=0; while read -r line; do n=$((n + 1)); done <"$q/pk=DE/limit=3/items.jsonl"; echo $n)"

# what changes is seen at once
check "errors, changes" python3 - <<'PYTHON'
from calls import *
q = "Subdivisions/.query/"
def errno_of(path):
    return call(os.stat, q + path) if not os.path.exists(mnt + q + path) else "ok"
for path, expected in {
    "pk=DE": "ok", "sk=x": "ok", "desc": "ok", "pk=DE/pk=FR": "EINVAL", "pk=": "EINVAL", "pk=a~b": "EINVAL", "pk=%2f": "EINVAL",
    "pk=DE/sk=a/sk.lt=b": "EINVAL", "pk=DE/sk.gt=b/sk.lt=a": "EINVAL", "filter=": "EINVAL", "filter=a b": "EINVAL", "filter=a = :b": "EINVAL",
    "pk=DE/filter=code = 'x'": "EINVAL", "select=a,,b": "EINVAL", "limit=0": "EINVAL", "page=x": "EINVAL", "limit=1/limit=2": "EINVAL",
    "unknown": "ENOENT", "unknown=1": "ENOENT", "pk": "ENOENT", "pk=DE/nothing.json": "ENOENT", "pk=DE/DE~DE-XX.json": "ENOENT",
    "pk=DE/FR~FR-75C.json": "ENOENT", "pk=DE/DE~DE-BY.json/x": "ENOTDIR", "pk=" + "x" * 1021: "ok", "pk=" + "x" * 1022: "ENAMETOOLONG",
    "filter=name = '" + "x" * 1009 + "'": "ENAMETOOLONG", "filter=name = '" + "x" * 1008 + "'": "ok",
}.items():
    same("stat of " + path[:60], expected, errno_of(path))
    if expected == "EINVAL":
        same("the refusal of " + path, q + path + " stat EINVAL ValidationException", last("path", "operation", "errno", "type"))
same("a message", "There is no sort key: sk" if errno_of("../../Countries/.query/sk=1") == "EINVAL" else "", last("message"))
same("a syntax error", True, errno_of("filter=name =") == "EINVAL" and last("message").startswith("Invalid FilterExpression: Syntax error; token:"))
same("desc alone lists nothing", "EINVAL", call(os.listdir, q + "desc"))
same("why", "A scan has no order: the component needs pk=: desc", last("message"))
same("desc alone counts nothing", "EINVAL", read(q + "desc/count"))
for path in ("pk=DE/DE~DE-BY.json", "pk=DE/count", "pk=DE/explain", "pk=DE/items.jsonl"):
    same("writing " + path, "open EACCES", write(q + path, "{}"))
    same("appending to " + path, "open EACCES", append(q + path, "{}"))
    same("removing " + path, "EPERM", call(os.unlink, q + path))
    same("moving " + path, "EPERM", rename(q + path, "Subdivisions/DE/x.json"))
    same("replacing " + path, "EPERM", rename("Subdivisions/DE/DE-BY.json", q + path))
same("a new file", "open EACCES", write(q + "pk=DE/DE~DE-XX.json", "{}"))
same("a new directory", "EPERM", call(os.mkdir, q + "what"))
same("removing a query", "EPERM", call(os.rmdir, q + "pk=DE"))
same("kinds", [0o40555, 0o40555, 0o100444, 0o100444], [os.stat(mnt + path).st_mode for path in (q, q + "pk=DE", q + "pk=DE/DE~DE-BY.json", q + "pk=DE/count")])
inodes = [os.stat(mnt + path).st_ino for path in (q, q + "pk=DE", q + "pk=FR", q + "pk=DE/DE~DE-BY.json", q + "pk=DE/desc/DE~DE-BY.json",
    q + "pk=DE/count", q + "pk=DE/explain", "Subdivisions/DE/DE-BY.json", "Subdivisions/.typed/.query/pk=DE/DE~DE-BY.json")]
same("inodes differ", len(inodes), len(set(inodes)))
same("and stay", inodes[3], os.stat(mnt + q + "pk=DE/DE~DE-BY.json").st_ino)
same("d_ino", inodes[3], [e.inode() for e in os.scandir(mnt + q + "pk=DE") if e.name == "DE~DE-BY.json"][0])

# what changes is seen at once: an absence, a presence, a text, a filter's verdict
entry, item = q + "pk=DE/DE~DE-ZZ.json", "Subdivisions/DE/DE-ZZ.json"
other = q + "filter=type = 'Moon'/DE~DE-ZZ.json"
for turn in range(20):
    same("absent", "ENOENT", read(entry))
    same("put", "ok", write(item, '{"type":"Moon","turn":%d}' % turn))
    same("present", turn, json.loads(read(entry))["turn"])
    same("present by its filter", turn, json.loads(read(other))["turn"])
    held = open(mnt + other)
    size = os.fstat(held.fileno()).st_size
    same("changed", "ok", append(item, '{"type":"Moon","turn":"%s"}' % ("x" * turn * 100)))
    same("what is open stays", (turn, size), (json.load(held)["turn"], os.fstat(held.fileno()).st_size))
    held.close()
    size = os.stat(mnt + other).st_size
    same("what is opened is new", "x" * turn * 100, json.loads(read(other))["turn"])
    same("its size", len(read(other)), size)
    same("changed", "ok", append(item, '{"type":"Sun"}'))
    same("its filter refuses it", ("ENOENT", "ENOENT", []), (call(os.stat, other), read(other), names(q + "filter=type = 'Moon'")))
    same("still there", "Sun", json.loads(read(entry))["type"])
    same("there", False, os.path.isdir(mnt + entry))
    same("removed", "ok", call(os.unlink, item))
    same("absent at once", "ENOENT", call(os.stat, entry))
    same("moved there", ("ok", "ok"), (write("Subdivisions/DE/DE-YY.json", "{}"), rename("Subdivisions/DE/DE-YY.json", item)))
    same("present at once", True, os.path.exists(mnt + entry))
    same("removed", "ok", call(os.unlink, item))

# names in a listing are those of now
listing = os.scandir(mnt + q + "pk=DE")
same("in the middle of a listing", True, next(listing).name.startswith("DE~"))
os.mkdir(mnt + "Loose")
same("without a definition", "EINVAL", call(os.stat, "Loose/.query/pk=a"))
same("nothing is indexed", [], names("Loose/.index"))
finish()
PYTHON

# keys that try everything: each entry opens by the name that it is listed under
check "hostile keys" python3 - "$work" <<'PYTHON'
from calls import *
from keynames import encode, cut
keys = ["plain", "/", "a/b", "%", "%2F", "~", "a~b", "~~", ".", "..", ".hidden", ".json", "a.json", "count", "explain", "items.jsonl", "pk=x", "desc", "-rf", "*",
        "line\nbreak", "tab\there", "nul\0", "\x01\x1f\x7f", "🦆", "é" * 500, "'\"", "$HOME", "\\", "x" * 248, "x" * 249, "x" * 250, "x" * 251, "x" * 2048, "/" * 682, "sk=1~2"]
table("Hostile")
table("Pairs", "id:S", "sk:S")
def lines(path, items):
    same("lines of " + path, "ok", write(path + "/.items.jsonl", "".join(json.dumps(item) + "\n" for item in items), flags=os.O_WRONLY))
lines("Hostile", [{"id": key, "n": n} for n, key in enumerate(keys)])
pairs = [(a, b) for a in keys for b in keys[::5] if len(b.encode()) <= 1024]
lines("Pairs", [{"id": a, "sk": b, "n": n} for n, (a, b) in enumerate(pairs)])
def verify(directory, expected):
    listed = {e.name: e for e in os.scandir(mnt + directory)}
    same("names in " + directory[:80], sorted(expected), sorted(listed))
    for name, item in expected.items():
        same("document of " + name, item, json.loads(read(directory + "/" + name)))
        same("size of " + name, len(read(directory + "/" + name).encode()), os.stat(mnt + directory + "/" + name).st_size)
def component(key):
    text = "pk=" + encode(key)
    return text if len(text.encode()) <= 1024 else "pk=" + cut(encode(key), "")
for n, key in enumerate(keys):
    verify("Hostile/.query/" + component(key), {cut(encode(key), ".json"): {"id": key, "n": n}})
    if len(encode(key).encode()) > 255:
        verify("Hostile/.query/pk=" + cut(encode(key), ""), {cut(encode(key), ".json"): {"id": key, "n": n}})
verify("Hostile/.query/page=7", {cut(encode(key), ".json"): {"id": key, "n": n} for n, key in enumerate(keys)})
def name(a, b):
    return cut(encode(a) + "~" + encode(b), ".json")
verify("Pairs/.query/filter=n >= 0", {name(a, b): {"id": a, "sk": b, "n": n} for n, (a, b) in enumerate(pairs)})
for key in keys:
    verify("Pairs/.query/" + component(key), {name(a, b): {"id": a, "sk": b, "n": n} for n, (a, b) in enumerate(pairs) if a == key})
same("the item of a long name", "Pairs/%s/plain.json" % cut(encode("x" * 2048), ""),
     os.getxattr(mnt + "Pairs/.query/page=9/" + name("x" * 2048, "plain"), "user.item").decode())
same("gone with its item", "ok", call(os.unlink, "Pairs/%s/plain.json" % cut(encode("x" * 2048), "")))
same("a long name that nobody has", "ENOENT", read("Pairs/.query/page=9/" + name("x" * 2048, "plain")))
same("a partition that nobody has", ([], "0\n"), (names("Hostile/.query/pk=" + "x" * 200 + "~~" + "a" * 32), read("Hostile/.query/pk=" + "x" * 200 + "~~" + "a" * 32 + "/count")))
finish()
PYTHON
stop
same "check is silent" "" "$("$DYNAMOUNT" check "$store" 2>&1)"

# 100,000 results: memory does not grow with them
python3 -c '
for i in range(100000):
    print("{\"p\":\"one\",\"s\":\"%07d\",\"n\":%d,\"text\":\"%s\"}" % (i, i % 10, "x" * 80))' >"$work/many"
check "import" "$DYNAMOUNT" import "$store" Many --key p,s "$work/many" >/dev/null
start
q=$mnt/Many/.query
slim() {
  local memory
  memory=$(awk '/^RssAnon/ { print $2 }' "/proc/$daemon/status")
  [ "$SANITIZED" != none ] || [ "$memory" -le 65536 ] || fail "$1: $memory KiB of memory"
}
same "listed" 100000 "$(ls -U "$q/pk=one" | wc -l)"
slim "after ls"
same "filtered" 10000 "$(ls -U "$q/pk=one/filter=n = 7" | wc -l)"
same "nodes" true "$(jq '.nodes < 1000' "$mnt/.status")"
same "lines" 100000 "$(wc -l <"$q/pk=one/items.jsonl")"
slim "after items.jsonl"
same "backward" "0099999" "$(head -n 1 "$q/pk=one/desc/items.jsonl" | jq -r .s)"
same "count" 100000 "$(cat "$q/pk=one/count")"
same "examined" '[100000,10000]' "$(jq -c '[.examined, .returned]' "$q/pk=one/filter=n = 7/explain")"
slim "after count"
same "grep -r" 10000 "$(grep -r '"n": 7' "$q/pk=one/filter=n = 7" | wc -l)"
same "the last of them" '{"s":"0099999"}' "$(tail -n 1 "$q/pk=one/select=s/items.jsonl")"
finish
