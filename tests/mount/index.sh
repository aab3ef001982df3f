# Indexes by path: their partitions, entries and queries, on real data and on hostile keys.
. "$TESTS/lib.sh" || exit 1
export mnt PYTHONPATH=$TESTS PYTHONDONTWRITEBYTECODE=1

check "import" import_real_data "$store"
subdivisions >"$work/lines"
start
t=$mnt/Subdivisions
# define FILTER: the definition as it is, changed by a jq filter
define() { jq "$1" "$t/.table.json" >"$work/definition" && cat "$work/definition" >"$t/.table.json"; }
index() { # NAME KEYSCHEMA PROJECTION
  define ".GlobalSecondaryIndexes += [{IndexName: \"$1\", KeySchema: [$2], Projection: $3}]$4"
}
active() { jq -e "[.GlobalSecondaryIndexes[] | select(.IndexName == \"$1\") | .IndexStatus] == [\"ACTIVE\"]" "$t/.status.json"; }
hash() { echo "{AttributeName: \"$1\", KeyType: \"HASH\"}"; }
range() { echo "{AttributeName: \"$1\", KeyType: \"RANGE\"}"; }
typed='| .AttributeDefinitions += [{AttributeName: "type", AttributeType: "S"}]'
named='| .AttributeDefinitions += [{AttributeName: "name", AttributeType: "S"}]'
parented='| .AttributeDefinitions += [{AttributeName: "parent", AttributeType: "S"}]'
same "no index" "" "$(ls -A "$t/.index")"
check "an index on type" index by-type "$(hash type), $(range name)" '{ProjectionType: "ALL"}' "$typed $named"
check "an index on parent" index by-parent "$(hash parent)" '{ProjectionType: "KEYS_ONLY"}' "$parented"
check "an index of many attributes" index many "$(hash country), $(hash type), $(range name), $(range code)" \
  '{ProjectionType: "INCLUDE", NonKeyAttributes: ["parent"]}' ""
for name in by-type by-parent many; do poll "backfill of $name" active $name; done
same "they are listed" "by-parent by-type many" "$(ls "$t/.index" | xargs)"

# names that have no escapes, as jq makes them
plain='(.name | test("[/%~]") | not) and (.type | test("[/%~]") | not)'
i=$t/.index/by-type
same "partitions" "$(jq -r .type "$work/lines" | sort -u | sed 's/%/%25/g; s|/|%2F|g; s/~/%7E/g')" "$(ls "$i" | sort)"
expect() { jq -r "select($plain and ($1)) | \"\(.name)~\(.country)~\(.code).json\"" "$work/lines" | sort; }
same "entries" "$(expect '.type == "Canton"')" "$(ls "$i/Canton" | sort)"
same "in the order of their keys" "$(jq -r 'select(.type == "Land") | .name' "$work/lines" | sort)" \
  "$(ls -U "$i/Land" | xargs -d '\n' -I{} jq -r .name "$i/Land/{}")"
same "backward" "$(jq -r 'select(.type == "Land") | .name' "$work/lines" | sort -r)" "$(jq -r .name "$i/.query/pk=Land/desc/items.jsonl")"
same "count" "$(grep -c '"type":"Canton"' "$work/lines")" "$(cat "$i/Canton/count")"
same "a document" "$(cat "$t/DE/DE-BY.json")" "$(cat "$i/Land/Bayern~DE~DE-BY.json")"
same "typed" "$(cat "$t/.typed/DE/DE-BY.json")" "$(cat "$t/.typed/.index/by-type/Land/Bayern~DE~DE-BY.json")"
same "its size" "$(stat -c %s "$t/DE/DE-BY.json")" "$(stat -c %s "$i/Land/Bayern~DE~DE-BY.json")"
same "its item" "Subdivisions/DE/DE-BY.json" "$(cd "$i/Land" && getfattr --only-values -n user.item Bayern~DE~DE-BY.json)"
same "grep -r" 1 "$(grep -rl '"name": "Bayern"' "$i/Land" | wc -l)"
same "find" "$(jq -r .type "$work/lines" | sort -u | wc -l)" "$(find "$i" -mindepth 1 -maxdepth 1 -type d | wc -l)"
same "every entry once" "$(wc -l <"$work/lines")" "$(find "$i" -type f | sort -u | wc -l)"
same "a query" "$(expect '.type == "Canton" and (.name | startswith("S"))')" "$(ls "$i/.query/pk=Canton/sk.begins_with=S" | sort)"
same "a range" "$(expect '.type == "Land" and .name >= "B" and .name < "C"')" "$(ls "$i/.query/pk=Land/sk.ge=B/sk.lt=C" | sort)"
same "with a filter" "$(expect '.type == "Land" and .country == "AT"')" "$(ls "$i/.query/pk=Land/filter=country = 'AT'" | sort)"
same "a scan" "$(wc -l <"$work/lines")" "$(cat "$i/.query/page=50/count")"
same "a filtered scan" "$(grep -c '"country":"FR"' "$work/lines")" "$(wc -l <"$i/.query/filter=country = 'FR'/items.jsonl")"
same ".scan" "$(jq -cS . "$work/lines" | sort | md5sum)" "$(jq -cS . "$i/.scan/items.jsonl" | sort | md5sum)"
same "segments" "$(jq -cS . "$work/lines" | sort | md5sum)" "$(cat "$i"/.scan/4/*.jsonl | jq -cS . | sort | md5sum)"
same "explain" '{"operation":"Query","index":"by-type"}' "$(jq -c '{operation, index}' "$i/.query/pk=Land/explain")"
same "what was examined" "$(grep -c '"type":"Canton"' "$work/lines") 1" "$(jq -r '"\(.examined) \(.returned)"' "$i/.query/pk=Canton/filter=code = 'CH-ZH'/explain")"

# sparse, without a sort key, keys only; entries that tie on the key page exactly
i=$t/.index/by-parent
same "partitions" "$(jq -r '.parent // empty' "$work/lines" | sort -u)" "$(ls "$i" | sort)"
same "entries" "$(jq -r 'select(.parent == "GB-ENG") | "\(.country)~\(.code).json"' "$work/lines" | sort)" "$(ls "$i/GB-ENG" | sort)"
same "one by one" "$(jq -r 'select(.parent == "GB-ENG") | "\(.country)~\(.code).json"' "$work/lines" | sort)" "$(ls "$i/.query/pk=GB-ENG/page=1" | sort)"
same "items without the key are in no partition" "$(grep -c '"parent"' "$work/lines")" "$(cat "$i/.query/page=1000/count")"
same "projected" '["code","country","parent"]' "$(jq -c keys "$i/GB-ENG/GB~GB-LND.json")"
same "its size" "$(wc -c <"$i/GB-ENG/GB~GB-LND.json")" "$(stat -c %s "$i/GB-ENG/GB~GB-LND.json")"
same "user.size" 31 "$(getfattr --only-values -n user.size --absolute-names "$i/GB-ENG/GB~GB-LND.json")"

# several attributes
i=$t/.index/many
same "partitions" "$(jq -r "select($plain) | \"\(.country)~\(.type)\"" "$work/lines" | sort -u | head -n 20)" "$(ls "$i" | grep -v % | sort | head -n 20)"
same "entries" "Bayern~DE-BY~DE~DE-BY.json" "$(ls "$i/DE~Land" | grep Bayern)"
same "a prefix of the sort key" "Bayern~DE-BY~DE~DE-BY.json" "$(ls "$i/.query/pk=DE~Land/sk=Bayern")"
same "a bound on the last part" "Bayern~DE-BY~DE~DE-BY.json" "$(ls "$i/.query/pk=DE~Land/sk.ge=Bayern~DE-B")"
same "a bound on the first" "Bayern Berlin Brandenburg Bremen" "$(jq -r .name "$i/.query/pk=DE~Land/sk.begins_with=B/items.jsonl" | grep -v W | xargs)"
same "included" '["code","country","name","parent","type"]' "$(jq -c keys "$(find "$i/FR~Metropolitan department" -name 'Ain~*')")"

check "errors, changes" python3 - <<'PYTHON'
from calls import *
i = "Subdivisions/.index/"
for path, expected in {
    "by-type": "ok", "by-none": "ENOENT", ".by": "ENOENT", "by-type/Land": "ok", "by-type/Nothing": "ENOENT", "by-type/Land/x.json": "ENOENT",
    "by-type/Land/Bayern~DE~DE-BY.json": "ok", "by-type/State/Bayern~DE~DE-BY.json": "ENOENT", "by-type/Land/Berlin~DE~DE-BY.json": "ENOENT",
    "by-type/Land/DE~DE-BY.json": "ENOENT", "by-type/.query": "ok", "by-type/.query/pk=Nothing": "ok", "by-type/.query/sk=x~y": "EINVAL",
    "by-parent/.query/sk=x": "EINVAL", "many/.query/pk=DE": "EINVAL", "many/.query/pk=DE~Land": "ok", "many/.query/pk=DE~Land~x": "EINVAL",
    "many/.query/sk=a/sk.lt=b~c": "EINVAL", "by-parent/.query/select=name": "EINVAL", "by-type/.query/pk=Land/filter=type = 'x'": "EINVAL",
    "by-type/.scan": "ok", "by-type/.scan/2/1.jsonl": "ok", "by-type/.scan/2/2.jsonl": "ENOENT", "by-type/.table.json": "ENOENT",
}.items():
    same(path, expected, "ok" if os.path.exists(mnt + i + path) else call(os.stat, i + path))
same("a message", "One or more parameter values were invalid: Global secondary index by-parent does not project [name]",
     "" if call(os.stat, i + "by-parent/.query/select=name") != "EINVAL" else last("message"))
for path in ("by-type/Land/Bayern~DE~DE-BY.json", "by-type/Land/new~DE~XX.json"):
    same("writing " + path, "open EACCES", write(i + path, "{}"))
same("removing an entry", "EPERM", call(os.unlink, i + "by-type/Land/Bayern~DE~DE-BY.json"))
for path in ("by-new", "by-type/New", "by-type/.query/x"):
    same("a directory " + path, "EPERM", call(os.mkdir, i + path))
same("removing an index", "EPERM", call(os.rmdir, i + "by-type"))
same("updating an entry", "EACCES", call(os.setxattr, i + "by-type/Land/Bayern~DE~DE-BY.json", "user.update", b"SET a = 1"))
inodes = [os.stat(mnt + path).st_ino for path in ("Subdivisions/.index", i + "by-type", i + "by-parent", i + "by-type/Land", i + "by-type/State", i + "by-type/.query",
    i + "by-type/.scan", i + "by-parent/.scan", i + "by-type/.scan/items.jsonl", i + "by-type/.scan/2/0.jsonl", i + "by-type/.scan/2/1.jsonl",
    i + "by-type/Land/Bayern~DE~DE-BY.json", "Subdivisions/DE/DE-BY.json", "Subdivisions/.scan")]
same("inodes differ", len(inodes), len(set(inodes)))

# entries follow their items at once
item = "Subdivisions/DE/DE-BY.json"
old = read(item)
for turn in range(10):
    same("changed", "ok", call(os.setxattr, item, "user.update", b"SET type = 'Moon', turn = %d" % turn))
    same("gone there", "ENOENT", read(i + "by-type/Land/Bayern~DE~DE-BY.json"))
    same("come here", turn, json.loads(read(i + "by-type/Moon/Bayern~DE~DE-BY.json"))["turn"])
    same("listed", ["Bayern~DE~DE-BY.json"], names(i + "by-type/Moon"))
    same("changed back", "ok", write(item, old))
    same("there again", old, read(i + "by-type/Land/Bayern~DE~DE-BY.json"))
    same("no partition is left", ("ENOENT", False), (call(os.stat, i + "by-type/Moon"), "Moon" in names(i + "by-type")))
same("without the key", "ok", call(os.setxattr, item, "user.update", b"REMOVE type"))
same("nowhere", ("ENOENT", 15), (read(i + "by-type/Land/Bayern~DE~DE-BY.json"), len([n for n in names(i + "by-type/.query/filter=country = 'DE'")])))
same("changed back", "ok", write(item, old))

# local indexes; what they do not project is fetched where it is selected
os.mkdir(mnt + "Local")
same("defined", "ok", write("Local/.table.json", json.dumps({
    "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "s", "KeyType": "RANGE"}],
    "AttributeDefinitions": [{"AttributeName": n, "AttributeType": t} for n, t in (("p", "S"), ("s", "S"), ("n", "N"))],
    "LocalSecondaryIndexes": [{"IndexName": "by-n", "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}],
                               "Projection": {"ProjectionType": "KEYS_ONLY"}}]})))
same("filled", "ok", write("Local/.items.jsonl", "".join('{"p":"a","s":"s%d","n":%d,"text":"t%d"}\n' % (k, -k, k) for k in range(20)), flags=os.O_WRONLY))
same("in the order of its key", ["-%d~a~s%d.json" % (k, k) for k in range(19, 0, -1)] + ["0~a~s0.json"], names("Local/.index/by-n/a"))
same("keys only", '{"p":"a","s":"s3","n":-3}', document("Local/.index/by-n/a/-3~a~s3.json"))
same("selected", '{"text":"t3"}', document("Local/.index/by-n/.query/pk=a/select=text/-3~a~s3.json"))
same("selected lines", '{"n":-3,"text":"t3"}\n', read("Local/.index/by-n/.query/pk=a/sk=-3/select=n,text/items.jsonl"))
same("its size", len('{\n  "text": "t3"\n}\n'), os.stat(mnt + "Local/.index/by-n/.query/pk=a/select=text/-3~a~s3.json").st_size)
finish()
PYTHON

check "hostile keys" python3 - <<'PYTHON'
from calls import *
from keynames import encode, cut
keys = ["plain", "/", "a/b", "%", "~", "a~b", "~~", ".", ".hidden", ".query", ".json", "count", "pk=x", "-rf", "line\nbreak", "nul\0", "\x7f", "🦆",
        "é" * 500, "x" * 248, "x" * 251, "/" * 340, "sk=1~2"]
os.mkdir(mnt + "Hostile")
same("defined", "ok", write("Hostile/.table.json", json.dumps({
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}], "AttributeDefinitions": [{"AttributeName": n, "AttributeType": "S"} for n in ("id", "a", "b", "c")],
    "GlobalSecondaryIndexes": [
        {"IndexName": "one", "KeySchema": [{"AttributeName": "a", "KeyType": "HASH"}, {"AttributeName": "b", "KeyType": "RANGE"}], "Projection": {"ProjectionType": "ALL"}},
        {"IndexName": ".two", "KeySchema": [{"AttributeName": "a", "KeyType": "HASH"}, {"AttributeName": "b", "KeyType": "HASH"}, {"AttributeName": "c", "KeyType": "RANGE"}],
         "Projection": {"ProjectionType": "KEYS_ONLY"}}]})))
items = [{"id": "%d%s" % (n, key), "a": key, "b": keys[-n], "c": keys[n // 2]} for n, key in enumerate(keys)]
same("filled", "ok", write("Hostile/.items.jsonl", "".join(json.dumps(item) + "\n" for item in items), flags=os.O_WRONLY))
def join(*values, suffix=""):
    return cut("~".join(encode(value) for value in values), suffix)
def verify(directory, expected):
    same("names in " + directory[:80], sorted(expected), sorted(names(directory)))
    for name, item in expected.items():
        text = read(directory + "/" + name)
        same("document of " + name, item, json.loads(text))
        same("size of " + name, len(text.encode()), os.stat(mnt + directory + "/" + name).st_size)
same("indexes", ["%2Etwo", "one"], sorted(names("Hostile/.index")))
same("partitions", sorted(join(key) for key in keys), sorted(names("Hostile/.index/one")))
same("of two attributes", sorted(join(i["a"], i["b"]) for i in items), sorted(names("Hostile/.index/%2Etwo")))
for item in items:
    expected = {join(item["b"], item["id"], suffix=".json"): item}
    verify("Hostile/.index/one/" + join(item["a"]), expected)
    verify("Hostile/.index/%2Etwo/" + join(item["a"], item["b"]), {join(item["c"], item["id"], suffix=".json"): item})
    verify("Hostile/.index/%2Etwo/.query/pk=" + join(item["a"], item["b"]), {join(item["c"], item["id"], suffix=".json"): item})
verify("Hostile/.index/one/.query/page=5", {join(i["b"], i["id"], suffix=".json"): i for i in items})
os.unlink(mnt + "Hostile/" + join(items[18]["id"], suffix=".json"))
same("gone with its item", "ENOENT", call(os.stat, "Hostile/.index/one/" + join(items[18]["a"])))
finish()
PYTHON

# an index dropped is gone for who was in it; one made again shows what it has now
cd "$t/.index/by-parent/GB-ENG" || { fail "cd"; cd "$work"; }
define '.GlobalSecondaryIndexes |= map(select(.IndexName != "by-parent")) | .AttributeDefinitions |= map(select(.AttributeName != "parent"))' || fail "drop"
same "nothing is left in it" "" "$(ls -A . 2>/dev/null)"
same "gone" "by-type many" "$(ls "$t/.index" | xargs)"
cd / || fail "cd"
check "made again" index by-parent "$(hash parent)" '{ProjectionType: "INCLUDE", NonKeyAttributes: ["name"]}' "$parented"
poll "backfill" active by-parent
same "with another projection" '["code","country","name","parent"]' "$(jq -c keys "$t/.index/by-parent/GB-ENG/GB~GB-LND.json")"
same "its size" "$(cat "$t/.index/by-parent/GB-ENG/GB~GB-LND.json" | wc -c)" "$(stat -c %s "$t/.index/by-parent/GB-ENG/GB~GB-LND.json")"
stop
same "check is silent" "" "$("$DYNAMOUNT" check "$store" 2>&1)"
finish
